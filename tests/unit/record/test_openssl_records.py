"""Records that OpenSSL made, opened here; and records made here that OpenSSL opens."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from lucidtls.crypto.hashes import MD5_SHA1
from lucidtls.crypto.prf import prf
from lucidtls.record.reader import RecordReader
from lucidtls.record.writer import RecordWriter
from tests.certificates import Issued, make_chain
from tests.unit.record.older import TLS10, TLS11, TLS12, Setting, fragments

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")

NO_ENCRYPT_THEN_MAC = 0x80000
"""SSL_OP_NO_ENCRYPT_THEN_MAC, which Python has no name for."""

NAMES = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-CCM": "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
    "ECDHE-ECDSA-AES256-CCM8": "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8",
    "ECDHE-ECDSA-AES128-SHA": "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "ECDHE-ECDSA-AES256-SHA": "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "ECDHE-ECDSA-AES128-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "ECDHE-ECDSA-AES256-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
    "ECDHE-ECDSA-NULL-SHA": "TLS_ECDHE_ECDSA_WITH_NULL_SHA",
}
OLD = ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-NULL-SHA")

CASES = [
    (version, name, encrypt_then_mac)
    for version in (TLS10, TLS11, TLS12)
    for name in (NAMES if version == TLS12 else OLD)
    for encrypt_then_mac in ((False, True) if "CBC" in NAMES[name] else (False,))
]
MESSAGES = [b"x", b"hello, world", bytes(range(256)) * 64, b"y" * 40_000]


@cache
def identity() -> Issued:
    """The server's certificate."""
    return make_chain("localhost")[0]


@dataclass
class Connected:
    """Two ends of OpenSSL after a handshake, all that crossed, and the settings of both directions."""

    client: ssl.SSLObject
    server: ssl.SSLObject
    outgoing: dict[str, ssl.MemoryBIO]
    incoming: dict[str, ssl.MemoryBIO]
    sent: dict[str, bytes]
    settings: dict[str, Setting]


def context(server: bool, version: int, name: str, encrypt_then_mac: bool, folder: Path) -> ssl.SSLContext:
    """A context of Python's `ssl` that can do one version and one suite."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.set_ciphers(f"{name}:@SECLEVEL=0")
    made.minimum_version = made.maximum_version = ssl.TLSVersion(version)
    made.options |= 0 if encrypt_then_mac else NO_ENCRYPT_THEN_MAC
    if server:
        (folder / "identity.pem").write_bytes(identity().pem + identity().key_pem)
        made.load_cert_chain(folder / "identity.pem")
    else:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        made.keylog_filename = str(folder / "keys.log")
    return made


def connect(version: int, name: str, encrypt_then_mac: bool, folder: Path) -> Connected:
    """Shake hands in memory, watching."""
    outgoing = {"client": ssl.MemoryBIO(), "server": ssl.MemoryBIO()}
    incoming = {"client": ssl.MemoryBIO(), "server": ssl.MemoryBIO()}
    ends = {
        side: context(server, version, name, encrypt_then_mac, folder).wrap_bio(
            incoming[side], outgoing[side], server_side=server
        )
        for side, server in (("client", False), ("server", True))
    }
    sent = {"client": b"", "server": b""}
    for side, peer in [("client", "server"), ("server", "client")] * 3:
        with suppress(ssl.SSLWantReadError):
            ends[side].do_handshake()
        data = outgoing[side].read()
        sent[side] += data
        incoming[peer].write(data)
    settings = key_block(version, name, encrypt_then_mac, sent, (folder / "keys.log").read_text())
    return Connected(ends["client"], ends["server"], outgoing, incoming, sent, settings)


def key_block(
    version: int, name: str, encrypt_then_mac: bool, sent: dict[str, bytes], log: str
) -> dict[str, Setting]:
    """The keys of both directions, from the key log (RFC 5246 §6.3)."""
    settings = {side: Setting(NAMES[name], version, encrypt_then_mac) for side in sent}
    suite = settings["client"].suite
    randoms = [sent[side][11 : 11 + 32] for side in ("server", "client")]
    main_secret = bytes.fromhex(log.split()[-1])
    lengths = {
        "mac_key": suite.mac.digest_size if suite.mac else 0,
        "key": suite.cipher.key_length,
        "iv": len(settings["client"].iv),
    }
    algorithm = suite.prf_hash if version == TLS12 else MD5_SHA1
    block = prf(algorithm, main_secret, b"key expansion", b"".join(randoms), 2 * sum(lengths.values()))
    for kind, length in lengths.items():
        for side in ("client", "server"):
            settings[side].keys[kind], block = block[:length], block[length:]
    return settings


def after_change_cipher_spec(data: bytes, version: int) -> bytes:
    """What a side sent under its keys."""
    return data.partition(b"\x14" + version.to_bytes(2) + b"\0\x01\x01")[2]


def case_name(case: tuple[int, str, bool]) -> str:
    """Version, suite and order of MAC."""
    return f"{case[0]:04x}-{case[1]}{'-etm' if case[2] else ''}"


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_records_of_openssl_open_here(case: tuple[int, str, bool], tmp_path: Path) -> None:
    """Finished, data and close_notify of both sides open: the same record layer on both ends."""
    version = case[0]
    both = connect(*case, tmp_path)
    for side, end in (("client", both.client), ("server", both.server)):
        for message in MESSAGES:
            end.write(message)
        with pytest.raises(ssl.SSLWantReadError):
            end.unwrap()
        reader = RecordReader()
        reader.enter_version(version)
        reader.install_protection(both.settings[side].protection())
        reader.feed(after_change_cipher_spec(both.sent[side], version) + both.outgoing[side].read())
        finished, *records = iter(reader.read, None)
        assert finished[0] == 22 and finished[1][:4] == b"\x14\0\0\x0c" and len(finished[1]) == 16
        assert records[-1] == (21, b"\x01\0")
        assert {content_type for content_type, _ in records[:-1]} == {23}
        assert b"".join(content for _, content in records[:-1]) == b"".join(MESSAGES)
        assert reader.buffered == 0


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_our_records_open_in_openssl(case: tuple[int, str, bool], tmp_path: Path) -> None:
    """OpenSSL takes up where its peer's Finished left off, and reads what is sealed here."""
    version = case[0]
    both = connect(*case, tmp_path)
    for side, peer, end in (("client", "server", both.server), ("server", "client", both.client)):
        setting = both.settings[side]
        ((_, finished),) = fragments(after_change_cipher_spec(both.sent[side], version))
        if version == TLS10 and setting.suite.cipher.kind == "block":
            tag = len(setting.mac_key) if setting.encrypt_then_mac else 0
            setting.keys["iv"] = finished[: len(finished) - tag][-16:]
        writer = RecordWriter()
        writer.enter_version(version)
        writer.install_protection(setting.protection())
        writer.sequence = 1
        for message in MESSAGES:
            writer.write(23, message)
        writer.write(21, b"\x01\0")
        both.incoming[peer].write(writer.take())
        expected = b"".join(MESSAGES)
        read = b""
        while len(read) < len(expected):
            read += end.read(100_000)
        assert read == expected
        assert end.read(1) == b""  # by close_notify: otherwise it would want more
