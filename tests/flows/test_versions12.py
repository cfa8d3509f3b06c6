"""One ClientHello for all versions: what is chosen, what a downgrade looks like, and who notices it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import pytest

from lucidtls.alerts import INAPPROPRIATE_FALLBACK
from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.dangerous import LEGACY_2026
from lucidtls.errors import AlertReceived, IllegalParameter, UnsupportedVersion
from lucidtls.events import HandshakeCompleted
from lucidtls.policies import MODERN_2026
from lucidtls.trace import MessageTraced
from lucidtls.wire.codec import decode, handshake_message
from lucidtls.wire.extensions import ch
from lucidtls.wire.hello import ClientHello, ServerHello
from tests.flows.hostile import plain, without_extension
from tests.flows.pair import Pair
from tests.flows.parties import client_config, server_config

ALL = ("TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3")
SETS = [versions for size in range(1, 5) for versions in combinations(ALL, size)]

TO_1_2 = b"DOWNGRD\x01"
TO_1_1 = b"DOWNGRD\x00"
"""The last eight bytes of a ServerHello's random: 44 4F 57 4E 47 52 44 and 01 or 00 (RFC 9846 §4.2.3)."""


@cache
def client(*versions: str) -> ClientConfig:
    """A client of these versions."""
    return client_config(policy=LEGACY_2026, versions=versions, groups=("x25519", "secp256r1"))


@cache
def server(*versions: str) -> ServerConfig:
    """A server of these versions."""
    return server_config(policy=LEGACY_2026, versions=versions, groups=("x25519", "secp256r1"))


def hello_of(pair: Pair, role: str, name: str) -> Any:
    """The hello that a side has sent."""
    entries = (entry for entry in pair.log.of(role) if isinstance(entry, MessageTraced))
    return next(entry.message for entry in entries if (entry.direction, entry.name) == ("sent", name))


def chosen(ours: tuple[str, ...], theirs: tuple[str, ...]) -> str | None:
    """What a server chooses (RFC 9846 Appendix E): from a client's list, or else the best it may.

    Names of versions sort like their numbers.
    """
    listed = "TLS 1.3" in ours
    common = [name for name in theirs if (name in ours if listed else name <= max(ours))]
    return max(common, default=None)


@pytest.mark.parametrize("theirs", SETS, ids=" ".join)
def test_every_two_sets_of_versions_settle_on_the_highest_in_common(theirs: tuple[str, ...]) -> None:
    """One hello offers all versions; sets with holes end where an older client cannot say so."""
    for ours in SETS:
        pair = Pair(client(*ours), server(*theirs))
        expected = chosen(ours, theirs)
        pair.exchange()
        if expected is None:
            assert isinstance(pair.server.error, UnsupportedVersion)
            assert pair.log.playbook()[-1] == "server > alert:protocol_version"
        elif expected <= "TLS 1.1" and min(max(ours), max(theirs)) >= "TLS 1.2":
            # The mark of a downgrade; a server without the version that its mark promises looks the same.
            assert isinstance(pair.client.error, IllegalParameter)
        elif expected not in ours:
            assert isinstance(pair.client.error, UnsupportedVersion), (ours, theirs)
            assert pair.log.playbook()[-1] == "client > alert:protocol_version"
        else:
            assert pair.client.error is None and pair.server.error is None, (ours, theirs)
            for end in (pair.client, pair.server):
                assert end.event(HandshakeCompleted).negotiated.version == expected


@pytest.mark.parametrize("ours", SETS, ids=" ".join)
def test_a_hello_says_its_versions_as_old_servers_read_it(ours: tuple[str, ...]) -> None:
    """legacy_version is the highest up to TLS 1.2; supported_versions says the rest (RFC 9846 §4.2.2)."""
    pair = Pair(client(*ours))
    hello: ClientHello = hello_of(pair, "client", "ClientHello")
    assert hello.legacy_version == min(max(0x0301 + ALL.index(name) for name in ours), 0x0303)
    listed = tuple(0x0301 + ALL.index(name) for name in reversed(ours))
    assert hello.extensions.get(ch.SUPPORTED_VERSIONS) == (listed if "TLS 1.3" in ours else None)
    assert bool(hello.legacy_session_id) == (ch.KEY_SHARE in hello.extensions) == ("TLS 1.3" in ours)
    assert (ch.SIGNATURE_ALGORITHMS in hello.extensions) == (max(ours) >= "TLS 1.2")


def test_the_first_record_says_tls_1_0_whatever_is_offered() -> None:
    """The record of a ClientHello has version 0x0301, those after it the one chosen (RFC 5246 §E.1)."""
    for versions in SETS:
        pair = Pair(client(*versions), server(*versions))
        first = pair.client.connection.data_to_send()
        assert first[:3] == b"\x16\x03\x01"
        pair.server.receive(first)
        best = min(0x0301 + ALL.index(max(versions)), 0x0303)
        assert int.from_bytes(pair.server.connection.data_to_send()[1:3]) == best


# Downgrades


def marks(pair: Pair) -> bytes:
    """The end of the server's random."""
    hello: ServerHello = hello_of(pair, "server", "ServerHello")
    return hello.random[-8:]


@pytest.mark.parametrize(
    ("ours", "theirs", "mark"),
    [
        ("TLS 1.3", "TLS 1.3", None),
        ("TLS 1.2", "TLS 1.3", TO_1_2),
        ("TLS 1.1", "TLS 1.3", TO_1_1),
        ("TLS 1.0", "TLS 1.3", TO_1_1),
        ("TLS 1.2", "TLS 1.2", None),
        ("TLS 1.1", "TLS 1.2", TO_1_1),
        ("TLS 1.0", "TLS 1.2", TO_1_1),
        ("TLS 1.1", "TLS 1.1", None),
        ("TLS 1.0", "TLS 1.1", None),
        ("TLS 1.0", "TLS 1.0", None),
    ],
)
def test_a_server_marks_what_is_less_than_it_can(ours: str, theirs: str, mark: bytes | None) -> None:
    """A server that can do better says so in its random (RFC 9846 §4.2.3)."""
    pair = Pair(client(*ALL[: ALL.index(ours) + 1]), server(*ALL[: ALL.index(theirs) + 1]))
    pair.run()
    assert pair.client.event(HandshakeCompleted).negotiated.version == min(ours, theirs)
    assert marks(pair) == mark if mark else not marks(pair).startswith(b"DOWNGRD")


def attacked(pair: Pair, change: Callable[[ClientHello], ClientHello]) -> Pair:
    """Let an attacker change the ClientHello on the way."""
    data = pair.client.connection.data_to_send()
    hello = change(decode(ClientHello, data[9:]))
    pair.server.receive(plain(22, handshake_message(1, hello.body()), 0x0301))
    pair.exchange()
    return pair


@pytest.mark.parametrize("ours", [("TLS 1.2", "TLS 1.3"), ALL])
def test_a_downgrade_from_tls_1_3_is_noticed(ours: tuple[str, ...]) -> None:
    """A hello whose supported_versions was taken away gets TLS 1.2 and the mark: illegal_parameter."""
    pair = attacked(
        Pair(client(*ours), server(*ours)),
        lambda hello: replace(hello, extensions=without_extension(hello.extensions, 43)),
    )
    assert marks(pair) == TO_1_2
    assert isinstance(pair.client.error, IllegalParameter) and "downgrade" in str(pair.client.error)
    assert pair.log.playbook()[-1] == "client > alert:illegal_parameter"


@pytest.mark.parametrize("best", ["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("lowered", [0x0301, 0x0302])
def test_a_downgrade_below_tls_1_2_is_noticed(best: str, lowered: int) -> None:
    """A hello lowered to TLS 1.1 or 1.0 gets the other mark, and TLS 1.2 clients look for it too."""
    versions = ALL[: ALL.index(best) + 1]
    pair = attacked(
        Pair(client(*versions), server(*versions)),
        lambda hello: replace(
            hello, legacy_version=lowered, extensions=without_extension(hello.extensions, 43)
        ),
    )
    assert marks(pair) == TO_1_1
    assert isinstance(pair.client.error, IllegalParameter)


def test_a_downgrade_that_nobody_marks_ends_at_the_finished() -> None:
    """From TLS 1.1 to 1.0 there is no mark; the Finished messages differ all the same (RFC 5246 §F.1.1)."""
    pair = attacked(
        Pair(client("TLS 1.0", "TLS 1.1"), server("TLS 1.0", "TLS 1.1")),
        lambda hello: replace(hello, legacy_version=0x0301),
    )
    assert pair.client.error is not None and pair.server.error is not None
    assert not [event for event in pair.server.events if isinstance(event, HandshakeCompleted)]


def test_a_version_that_was_not_offered_is_named() -> None:
    """A client that gets what it did not offer says which version that is (RFC 9846 §4.3.1)."""
    pair = Pair(client("TLS 1.2"), server("TLS 1.0"))
    pair.run_to_failure()
    assert isinstance(pair.client.error, UnsupportedVersion) and "TLS 1.0" in str(pair.client.error)


@pytest.mark.parametrize("version", [0x0000, 0x0002, 0x0200, 0x0300])
def test_ssl_is_recognised_and_refused(version: int) -> None:
    """SSL 3.0 and what was before are broken (RFC 7568 §3, RFC 6176 §3): protocol_version."""
    pair = attacked(
        Pair(client("TLS 1.0"), server(*ALL)), lambda hello: replace(hello, legacy_version=version)
    )
    assert isinstance(pair.server.error, UnsupportedVersion)
    if version == 0x0300:
        assert "SSL 3.0" in str(pair.server.error)


@pytest.mark.parametrize("version", [0x0304, 0x0305, 0x0399, 0xFFFF])
def test_a_hello_of_the_future_gets_what_we_have(version: int) -> None:
    """Without supported_versions a server negotiates TLS 1.2 or prior, even for 0x0304 and later."""
    pair = Pair(client("TLS 1.2"), server(*ALL))
    attacked(pair, lambda hello: replace(hello, legacy_version=version))
    assert hello_of(pair, "server", "ServerHello").legacy_version == 0x0303


# TLS_FALLBACK_SCSV (RFC 7507)


@pytest.mark.parametrize(
    ("ours", "theirs", "refused"),
    [
        ("TLS 1.2", "TLS 1.3", True),
        ("TLS 1.1", "TLS 1.3", True),
        ("TLS 1.1", "TLS 1.2", True),
        ("TLS 1.0", "TLS 1.1", True),
        ("TLS 1.2", "TLS 1.2", False),
        ("TLS 1.1", "TLS 1.1", False),
        ("TLS 1.0", "TLS 1.0", False),
        ("TLS 1.3", "TLS 1.3", False),
    ],
)
def test_a_fallback_that_was_not_needed_is_refused(ours: str, theirs: str, refused: bool) -> None:
    """inappropriate_fallback when the server can do better than a client that fell back (RFC 7507 §3)."""
    fallen = replace(client(*ALL[: ALL.index(ours) + 1]), fallback_scsv=True)
    pair = Pair(fallen, server(*ALL[: ALL.index(theirs) + 1]))
    assert 0x5600 in hello_of(pair, "client", "ClientHello").cipher_suites
    if not refused:
        pair.run()
        assert pair.client.event(HandshakeCompleted).negotiated.version == ours
        return
    assert pair.run_to_failure() == ["client > ClientHello", "server > alert:inappropriate_fallback"]
    assert isinstance(pair.client.error, AlertReceived) and pair.client.error.alert is INAPPROPRIATE_FALLBACK


def test_a_fallback_to_an_older_server_goes_well() -> None:
    """A server of TLS 1.1 alone has nothing better, and takes the client that fell back (RFC 7507 §3)."""
    pair = Pair(replace(client("TLS 1.0", "TLS 1.1"), fallback_scsv=True), server("TLS 1.1", "TLS 1.0"))
    pair.run()
    assert pair.client.event(HandshakeCompleted).negotiated.version == "TLS 1.1"


def test_without_a_fallback_there_is_no_scsv() -> None:
    """Clients MUST NOT send the SCSV in an initial, unlowered hello (RFC 7507 §4)."""
    assert 0x5600 not in hello_of(Pair(client(*ALL)), "client", "ClientHello").cipher_suites


# Policies


def test_policies_meet() -> None:
    """The default speaks TLS 1.3 with its like and TLS 1.2 with older peers; MODERN_2026 TLS 1.3 alone."""
    for ours, theirs, version in (
        (client_config(), server_config(), "TLS 1.3"),
        (client_config(policy=MODERN_2026), server_config(), "TLS 1.3"),
        (client_config(versions=("TLS 1.2",)), server_config(), "TLS 1.2"),
        (client_config(), server_config(versions=("TLS 1.2",)), "TLS 1.2"),
    ):
        pair = Pair(ours, theirs)
        pair.run()
        assert pair.client.event(HandshakeCompleted).negotiated.version == version
    for ours, theirs in (
        (client_config(policy=MODERN_2026), server("TLS 1.2")),
        (client("TLS 1.0", "TLS 1.1"), server_config()),
    ):
        pair = Pair(ours, theirs)
        assert pair.run_to_failure() == ["client > ClientHello", "server > alert:protocol_version"]
