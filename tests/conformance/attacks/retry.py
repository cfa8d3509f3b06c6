"""What goes wrong around a HelloRetryRequest, on both sides (RFC 9846 §4.2.4, §4.3.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from lucidtls.errors import (
    BadFinished,
    DecodeError,
    IllegalParameter,
    MissingExtension,
    UnexpectedMessage,
    UnsupportedExtension,
    UnsupportedVersion,
)
from lucidtls.wire.extensions import ch, hrr
from lucidtls.wire.hello import ClientHello, ServerHello
from tests.certificates import NOW
from tests.conformance.refusal import refusal, refused
from tests.flows.hostile import (
    SECP256R1,
    TLS13,
    X25519,
    HostileClient,
    HostileServer,
    Peer,
    encoded,
    plain,
    with_extension,
    without_extension,
)
from tests.flows.parties import server_config

VERSION = (hrr.SUPPORTED_VERSIONS, TLS13)


# The client


def _retry(*items: Any, **changes: Any) -> Peer:
    peer = HostileServer()
    return peer.send(peer.retry_request(*items, **changes))


refused("retry_asks_for_nothing", IllegalParameter, "RFC 9846 §4.2.4", partial(_retry, VERSION))
for _name, _group in {
    "a_group_that_was_not_offered": 0x001E,
    "a_grease_group": 0x4A4A,
    "a_group_that_has_a_share": X25519,
}.items():
    refused(
        f"retry_asks_for_{_name}",
        IllegalParameter,
        "RFC 9846 §4.3.8",
        partial(_retry, VERSION, (hrr.KEY_SHARE, _group)),
    )
refused(
    "retry_asks_for_a_group_that_has_a_share_and_gives_a_cookie",
    IllegalParameter,
    "RFC 9846 §4.3.8",
    partial(_retry, VERSION, (hrr.KEY_SHARE, X25519), (hrr.COOKIE, b"c")),
)
refused(
    "retry_gives_an_empty_cookie",
    DecodeError,
    "RFC 9846 §4.3.2",
    partial(_retry, VERSION, (hrr.COOKIE.code, b"\0\0")),
)
refused(
    "retry_gives_a_cookie_too_large_for_a_hello",
    IllegalParameter,
    "RFC 9846 §4.3.2",
    partial(_retry, VERSION, (hrr.COOKIE, bytes(60_000))),
)
refused(
    "retry_carries_an_unknown_extension",
    UnsupportedExtension,
    "RFC 9846 §4.3",
    partial(_retry, VERSION, (hrr.KEY_SHARE, SECP256R1), (0xFF77, b"")),
)
refused(
    "retry_carries_an_extension_that_belongs_elsewhere",
    IllegalParameter,
    "RFC 9846 §4.3",
    partial(_retry, VERSION, (hrr.KEY_SHARE, SECP256R1), (10, b"\0\x02\0\x1d")),
)
refused(
    "retry_carries_a_whole_key_share",
    DecodeError,
    "RFC 9846 §4.3.8",
    partial(_retry, VERSION, (51, b"\0\x17\0\x01\0")),
)
refused(
    "retry_does_not_say_its_version",
    MissingExtension,
    "RFC 9846 §4.2.4",
    partial(_retry, (hrr.KEY_SHARE, SECP256R1)),
)
refused(
    "retry_says_tls_1_2",
    IllegalParameter,
    "RFC 9846 §4.3.1",
    partial(_retry, (hrr.SUPPORTED_VERSIONS, 0x0303), (hrr.KEY_SHARE, SECP256R1)),
)
refused(
    "retry_picks_a_suite_that_was_not_offered",
    IllegalParameter,
    "RFC 9846 §4.2.3",
    partial(_retry, cipher_suite=0x1305),
)
refused(
    "retry_echoes_another_session_id",
    IllegalParameter,
    "RFC 9846 §4.2.3",
    partial(_retry, legacy_session_id_echo=b"other"),
)
refused(
    "retry_chooses_compression",
    IllegalParameter,
    "RFC 9846 §4.2.3",
    partial(_retry, legacy_compression_method=1),
)
refused(
    "retry_has_another_legacy_version",
    UnsupportedVersion,
    "RFC 9846 §4.2.3",
    partial(_retry, legacy_version=0x0304),
)


@refusal(UnexpectedMessage, "RFC 9846 §5.1")
def handshake_data_follows_the_retry_in_its_record() -> Peer:
    peer = HostileServer()
    return peer.deliver(plain(22, encoded(peer.retry_request()) + b"\x02"))


@refusal(UnexpectedMessage, "RFC 9846 §4.2.4")
def second_retry_comes() -> Peer:
    peer = HostileServer().send_retry()
    return peer.send(peer.retry_request(VERSION, (hrr.COOKIE, b"again")))


@refusal(UnexpectedMessage, "RFC 9846 §4.2.4")
def same_retry_comes_twice() -> Peer:
    peer = HostileServer().send_retry()
    return peer.send(peer.retry_request())


def _after_retry(change: Callable[[ServerHello], None]) -> Peer:
    peer = HostileServer().send_retry()
    hello = peer.server_hello()
    change(hello)
    return peer.send(hello)


def _set_suite(hello: ServerHello) -> None:
    hello.cipher_suite = 0x1303


def _set_version(hello: ServerHello) -> None:
    hello.extensions = with_extension(hello.extensions, 43, b"\x03\x05")


def _drop_version(hello: ServerHello) -> None:
    hello.extensions = without_extension(hello.extensions, 43)


def _set_group(hello: ServerHello) -> None:
    share = X25519.to_bytes(2) + b"\0\x20" + bytes(31) + b"\x09"
    hello.extensions = with_extension(hello.extensions, 51, share)


def _drop_share(hello: ServerHello) -> None:
    hello.extensions = without_extension(hello.extensions, 51)


for _name, _clause, _alter in (
    ("another_suite", "RFC 9846 §4.2.3", _set_suite),
    ("another_version", "RFC 9846 §4.2.4", _set_version),
    ("no_version", "RFC 9846 §4.2.4", _drop_version),
    ("another_group", "RFC 9846 §4.3.8", _set_group),
    ("no_key_share", "RFC 9846 §4.3.8", _drop_share),
):
    refused(
        f"server_hello_after_a_retry_has_{_name}", IllegalParameter, _clause, partial(_after_retry, _alter)
    )


@refusal(IllegalParameter, "RFC 9846 §4.3")
def server_hello_carries_the_cookie_of_its_retry() -> Peer:
    peer = HostileServer()
    peer.send_retry(peer.retry_request(VERSION, (hrr.COOKIE, b"c")))
    hello = peer.server_hello()
    hello.extensions = with_extension(hello.extensions, 44, b"\0\x01c")
    return peer.send(hello)


@refusal(BadFinished, "RFC 9846 §4.5.3")
def server_leaves_the_retry_out_of_its_transcript() -> Peer:
    """Make keys from the right transcript, and the Finished from one without the HelloRetryRequest."""
    peer = HostileServer().send_retry()
    peer.reach("WAIT_FINISHED")
    whole = peer.transcript
    peer.transcript = whole[2:]
    message = peer.finished()
    peer.transcript = whole
    return peer.send(message)


# The server


def _second(change: Callable[[ClientHello], None], **config: Any) -> Peer:
    peer = HostileClient.at("WAIT_CH2", server_config(**({"groups": ("secp256r1",)} | config)))
    hello = peer.second_hello()
    change(hello)
    return peer.send(hello)


def _field(name: str, value: Any) -> Callable[[ClientHello], None]:
    return lambda hello: setattr(hello, name, value)


def _extension(code: int, body: bytes) -> Callable[[ClientHello], None]:
    return lambda hello: setattr(hello, "extensions", with_extension(hello.extensions, code, body))


for _name, _change in {
    "random": _field("random", bytes(32)),
    "session_id": _field("legacy_session_id", b""),
    "suites": _field("cipher_suites", (0x1301,)),
    "groups": _extension(10, b"\0\x02\0\x17"),
    "signature_algorithms": _extension(13, b"\0\x02\x04\x03"),
    "server_name": _extension(0, b"\0\x0e\0\0\x0bother.local"),
    "protocols": _extension(16, b"\0\x03\x02h2"),
    "versions": _extension(43, b"\x04\x03\x04\x03\x03"),
}.items():
    refused(f"second_hello_has_other_{_name}", IllegalParameter, "RFC 9846 §4.2.2", partial(_second, _change))
refused(
    "second_hello_has_a_cookie_that_was_not_given",
    IllegalParameter,
    "RFC 9846 §4.3.2",
    partial(_second, _extension(44, b"\0\x01c")),
)
refused(
    "second_hello_does_not_return_the_cookie",
    IllegalParameter,
    "RFC 9846 §4.3.2",
    partial(_second, lambda hello: None, cookie_key=b"k" * 32),
)


@refusal(IllegalParameter, "RFC 9846 §4.3.10")
def second_hello_offers_early_data_again() -> Peer:
    peer = HostileClient(server_config(groups=("secp256r1",)))
    peer.send_hello(peer.client_hello((ch.EARLY_DATA, True)))
    return peer.send(peer.second_hello((ch.EARLY_DATA, True)))


def _second_shares(*groups: int) -> Peer:
    peer = HostileClient.at("WAIT_CH2")
    peer.share(*groups)
    return peer.send(peer.second_hello(group=None))


refused(
    "second_hello_has_the_first_share", IllegalParameter, "RFC 9846 §4.2.2", partial(_second_shares, X25519)
)
refused("second_hello_has_no_share", IllegalParameter, "RFC 9846 §4.2.2", _second_shares)
refused(
    "second_hello_has_two_shares",
    IllegalParameter,
    "RFC 9846 §4.2.2",
    partial(_second_shares, SECP256R1, X25519),
)


# Cookies that come to another server object

KEY = b"cookie key".ljust(32)


def _retried(**config: Any) -> tuple[HostileClient, bytes]:
    """Get a cookie from one server; return the client and the cookie."""
    peer = HostileClient(server_config(cookie_key=KEY, groups=("secp256r1",), **config)).send_hello()
    assert peer.server_hello is not None
    cookie = peer.server_hello.extensions.get(hrr.COOKIE)
    assert cookie is not None
    return peer, cookie


def elsewhere(edit: Callable[[bytes], bytes], *items: Any, **config: Any) -> HostileClient:
    """Take the cookie to another server with the same key and other settings."""
    first, cookie = _retried()
    choices: dict[str, Any] = {"cookie_key": KEY, "groups": ("secp256r1",)}
    second = HostileClient(server_config(**(choices | config)))
    second.hello, second.transcript = first.hello, list(first.transcript)
    return second.send(second.second_hello((ch.COOKIE, edit(cookie)), *items))


for _name, _edit in {
    "with_a_flipped_bit": lambda cookie: bytes((cookie[0], cookie[1] ^ 1)) + cookie[2:],
    "with_another_suite": lambda cookie: cookie[:6] + b"\x02" + cookie[7:],
    "with_a_flipped_tag": lambda cookie: cookie[:-1] + bytes((cookie[-1] ^ 1,)),
    "that_is_cut_short": lambda cookie: cookie[:-1],
    "of_one_byte": lambda _: b"c",
    "of_noise": lambda cookie: bytes(len(cookie)),
}.items():
    refused(f"cookie_{_name}_comes", IllegalParameter, "RFC 9846 §4.3.2", partial(elsewhere, _edit))


def _same(cookie: bytes) -> bytes:
    return cookie


refused(
    "cookie_of_a_server_with_another_key_comes",
    IllegalParameter,
    "RFC 9846 §4.3.2",
    partial(elsewhere, _same, cookie_key=bytes(32)),
)
refused(
    "cookie_that_has_expired_comes",
    IllegalParameter,
    "RFC 9846 §4.3.2",
    partial(elsewhere, _same, clock=lambda: NOW + timedelta(seconds=61)),
)
refused(
    "cookie_from_the_future_comes",
    IllegalParameter,
    "RFC 9846 §4.3.2",
    partial(elsewhere, _same, clock=lambda: NOW - timedelta(seconds=3600)),
)
refused(
    "cookie_for_a_suite_that_is_no_longer_used_comes",
    IllegalParameter,
    "RFC 9846 §4.3.2",
    partial(elsewhere, _same, cipher_suites=("TLS_AES_256_GCM_SHA384",)),
)
refused(
    "cookie_for_a_group_that_is_no_longer_used_comes",
    IllegalParameter,
    "RFC 9846 §4.2.2",
    partial(elsewhere, _same, groups=("x25519",)),
)
