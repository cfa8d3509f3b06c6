"""The budgets: what is measured, against what, and what it must be."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import rivals
from benchmarks.measure import Comparison, compare
from lucidtls.config import ClientConfig
from lucidtls.trust.stores import SystemTrust

MEGABYTE = 1_000_000
RECORD = 16_384


@dataclass(frozen=True, slots=True)
class Row:
    """One budget; `measure` takes a number of rounds."""

    measure: Callable[[int], Comparison]
    budget: str
    unit: str


def handshake(rounds: int) -> Comparison:
    """A full handshake, X25519, ECDSA P-256 leaf under the root, verified; both sides in memory."""
    return compare(
        "TLS 1.3 handshake, both sides",
        rivals.our_handshake,
        rivals.ssl_handshake,
        rounds=rounds,
        clock=time.process_time,
    )


def resumption(rounds: int) -> Comparison:
    """A resumption with fresh keys (psk_dhe_ke), X25519, and one new ticket; both sides in memory."""
    return compare(
        "TLS 1.3 resumption, both sides",
        rivals.our_resumption,
        rivals.ssl_resumption,
        rounds=rounds,
        clock=time.process_time,
    )


def older_handshake(rounds: int) -> Comparison:
    """A full TLS 1.2 handshake, ECDHE with X25519, ECDSA P-256 leaf under the root, verified."""
    return compare(
        "TLS 1.2 handshake, both sides",
        rivals.our_older_handshake,
        rivals.ssl_older_handshake,
        rounds=rounds,
        clock=time.process_time,
    )


def older_bulk(rounds: int) -> Comparison:
    """Seal and open in memory in TLS 1.2, one record at a time; seconds per megabyte."""
    client, server = rivals.our_older_handshake()
    pair = rivals.ssl_older_handshake()
    data, target = bytes(RECORD), bytearray(RECORD + 1)
    measured = compare(
        "  the same in TLS 1.2",
        lambda: rivals.our_transfer(client, server, data, target),
        lambda: pair.transfer(data, target),
        rounds=rounds,
        repeat=MEGABYTE // RECORD,
        clock=time.process_time,
    )
    return _per_megabyte(measured, RECORD)


def bulk(rounds: int, size: int = RECORD, name: str = "bulk in memory, 16 KiB records") -> Comparison:
    """Seal and open in memory, one record at a time unless `size` says otherwise; seconds per megabyte."""
    client, server = rivals.our_handshake(rivals.SSL_SUITE)
    pair = rivals.ssl_handshake()
    data, target = bytes(size), bytearray(size + 1)
    repeat = max(1, MEGABYTE // size)
    measured = compare(
        name,
        lambda: rivals.our_transfer(client, server, data, target),
        lambda: pair.transfer(data, target),
        rounds=rounds,
        repeat=repeat,
        clock=time.process_time,
    )
    return _per_megabyte(measured, size)


def bulk_events(rounds: int) -> Comparison:
    """The same through `data_to_send` and `ApplicationData` events."""
    client, server = rivals.our_handshake(rivals.SSL_SUITE)
    pair = rivals.ssl_handshake()
    data, target = bytes(RECORD), bytearray(RECORD)
    measured = compare(
        "  the same through events",
        lambda: rivals.our_plain_transfer(client, server, data),
        lambda: pair.transfer(data, target),
        rounds=rounds,
        repeat=MEGABYTE // RECORD,
        clock=time.process_time,
    )
    return _per_megabyte(measured, RECORD)


def default_config(rounds: int) -> Comparison:
    """A default client config with the system's trust anchors, ready to verify."""

    def ours() -> None:
        trust = SystemTrust()
        len(trust)
        assert ClientConfig(trust=trust).chain_verifier is not None

    return compare(
        "default client config, system trust",
        ours,
        ssl.create_default_context,
        rounds=max(5, rounds // 20),
        clock=time.process_time,
    )


def _per_megabyte(measured: Comparison, size: int) -> Comparison:
    scale = MEGABYTE / size
    return Comparison(
        measured.name, measured.ours * scale, measured.theirs * scale, measured.ratio, measured.rounds
    )


ROWS = (
    Row(handshake, "<= 0.75x", "us"),
    Row(resumption, "<= 0.75x", "us"),
    Row(older_handshake, "<= 0.8x", "us"),
    Row(bulk, ">= 2.5x", "MB/s"),
    Row(bulk_events, "", "MB/s"),
    Row(older_bulk, "", "MB/s"),
    Row(lambda rounds: bulk(rounds, 262_144, "  256 KiB at a time"), "", "MB/s"),
    Row(default_config, "<= 0.2x", "us"),
)
