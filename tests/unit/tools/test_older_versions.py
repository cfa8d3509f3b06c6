"""The commands with TLS 1.2 and before: what is offered, what is shown, and what an old server lacks."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lucidtls import alerts
from lucidtls.cli import build_parser
from lucidtls.config import system_clock
from lucidtls.dangerous import LEGACY_2026
from lucidtls.errors import (
    AlertReceived,
    BadFinished,
    BadRecordMac,
    IllegalParameter,
    InsufficientSecurity,
    NegotiationFailure,
    NotTLS,
    PeerError,
    UnsupportedVersion,
)
from lucidtls.io.server import Listener
from lucidtls.io.sockets import TLSSocket, connect
from lucidtls.tools import serve
from lucidtls.tools.failures import diagnose
from lucidtls.tools.findings import CommandFailed
from lucidtls.tools.material import protocol_choices, version_range
from lucidtls.tools.situation import Situation
from lucidtls.tools.terminal import Terminal
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.extensions import Extensions, sh12
from lucidtls.wire.hello import DOWNGRADE_TO_TLS_1_2, ServerHello
from tests.flows.older import SUITES, SUITES_10, TalkativeServer, rsa_credential, server12_config
from tests.flows.parties import SERVER_NAME, client_config
from tests.unit.io.ends import listening
from tests.unit.tools.conftest import AT, Outcome, Run

CLIENT = Situation(host="old.example", connected=True, bytes_received=100)
SERVER = Situation(role="server", connected=True, bytes_received=100)
ALL = ("TLS 1.3", "TLS 1.2", "TLS 1.1", "TLS 1.0")


def visit(run: Run, port: int, *arguments: object) -> Outcome:
    """Connect to a port here under the test server's name, at the test certificates' time."""
    return run("connect", f"127.0.0.1:{port}", "--sni", SERVER_NAME, "--at", AT, *arguments)


def old_server(serving: Callable[..., int], version: str, exchange: str, **choices: Any) -> int:
    """The port of a server with one version and one key exchange."""
    suites = SUITES if version == "TLS 1.2" else SUITES_10
    credentials = {} if exchange == "ECDHE" else {"credentials": rsa_credential()}
    return serving(
        policy=LEGACY_2026, versions=(version,), cipher_suites=(suites[exchange],), **credentials, **choices
    )


# What is offered


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("1.3", ("TLS 1.3",)),
        ("1.2", ("TLS 1.2",)),
        ("1.0..1.2", ("TLS 1.0", "TLS 1.1", "TLS 1.2")),
        ("1.2..", ("TLS 1.2", "TLS 1.3")),
        ("..1.1", ("TLS 1.0", "TLS 1.1")),
    ],
)
def test_versions_are_named_singly_or_as_a_range(text: str, versions: tuple[str, ...]) -> None:
    """A range of TLS versions may leave out an end, which is then the lowest or highest there is."""
    assert version_range(text) == versions


@pytest.mark.parametrize("text", ["1.4", "", "..", "1.3..1.2", "ssl3", "1.2.."[:3] + "x"])
def test_what_is_no_version_is_a_usage_error(run: Run, text: str) -> None:
    """There is no TLS 1.4, and a range does not run backwards."""
    assert run("connect", "localhost", "--tls", text).code == 2


def test_withdrawn_versions_need_a_word_more() -> None:
    """TLS 1.0 and 1.1 are withdrawn (RFC 8996): whoever wants them says so."""
    with pytest.raises(CommandFailed, match=r"withdrawn .* say --legacy"):
        protocol_choices(SimpleNamespace(tls="1.0..1.2", legacy=False))  # type: ignore[arg-type]
    allowed = protocol_choices(SimpleNamespace(tls="1.0..1.2", legacy=True))  # type: ignore[arg-type]
    assert allowed["versions"] == ("TLS 1.0", "TLS 1.1", "TLS 1.2")


def test_a_weak_suite_needs_the_option_and_is_told_so(run: Run) -> None:
    """RSA key exchange has no forward secrecy, and --legacy is what allows it at the command line."""
    told = run("connect", "localhost", "--ciphers", "TLS_RSA_WITH_AES_128_GCM_SHA256")
    assert told.code == 2
    assert "--legacy" in told.err and "no forward secrecy" in told.err and "LEGACY_2026" not in told.err


# What is shown


def test_a_good_old_connection_has_nothing_weak(run: Run, serving: Any, root_file: Path) -> None:
    """TLS 1.2 with ECDHE, an AEAD, the extended main secret and RFC 5746 is fine, in two round trips."""
    shown = visit(run, serving(versions=("TLS 1.2",)), "--ca", root_file)
    assert shown.code == 0
    assert "— TLS 1.2, trusted, 2 round trips" in shown.out
    assert "key exchange ECDHE · group x25519" in shown.out
    assert "extended main secret yes · secure renegotiation yes" in shown.out
    assert "ecdsa_secp256r1_sha256" in shown.out and "Weak" not in shown.out


def test_rsa_key_exchange_is_shown_with_what_it_costs(run: Run, serving: Any, root_file: Path) -> None:
    """With RSA key exchange there is no group and no forward secrecy."""
    port = old_server(serving, "TLS 1.2", "RSA")
    shown = visit(run, port, "--ca", root_file, "--legacy")
    assert shown.code == 0
    assert "key exchange RSA" in shown.out and "group" not in shown.out
    assert "no forward secrecy" in shown.out
    found = visit(run, port, "--ca", root_file, "--legacy", "--json", "-v").json["result"]
    assert (found["version"], found["key_exchange"], found["group"]) == ("TLS 1.2", "RSA", None)
    assert (found["ems"], found["etm"], found["secure_renegotiation"]) == (True, None, True)
    assert found["chain"][0]["san"] == [SERVER_NAME]
    assert [one["name"] for one in found["messages"]] == [
        "ClientHello", "ServerHello", "Certificate", "ServerHelloDone", "ClientKeyExchange", "Finished",
        "Finished",
    ]  # fmt: skip


@pytest.mark.parametrize("version", ["TLS 1.0", "TLS 1.1"])
def test_withdrawn_versions_work_with_the_option(
    run: Run, serving: Any, root_file: Path, version: str
) -> None:
    """A server of 1999 is still understood, and what is wrong with it is said."""
    port = old_server(serving, version, "DHE", groups=("ffdhe2048",))
    found = visit(run, port, "--ca", root_file, "--legacy", "--tls", "1.0..1.2", "--json").json["result"]
    assert (found["version"], found["key_exchange"], found["etm"]) == (version, "DHE", True)
    assert found["signature"]["name"] == "rsa_pkcs1_md5_sha1"
    assert found["weaknesses"][0] == f"{version} is withdrawn"
    refused = visit(run, port, "--ca", root_file, "--json")
    assert (refused.code, refused.diagnosis["code"]) == (7, "LT-H01")


def test_tls_13_has_none_of_it(run: Run, serving: Any, root_file: Path) -> None:
    """What TLS 1.3 has settled once and for all is null, and not false."""
    found = visit(run, serving(), "--ca", root_file, "--json").json["result"]
    assert found["version"] == "TLS 1.3"
    assert {found[name] for name in ("key_exchange", "ems", "etm", "secure_renegotiation")} == {None}


def test_client_certificates_of_older_versions_are_shown(run: Run, serving: Any, root_file: Path) -> None:
    """A TLS 1.2 server that requires a certificate and gets none ends the handshake with
    handshake_failure."""
    port = serving(versions=("TLS 1.2",), client_authentication="require")
    told = visit(run, port, "--ca", root_file, "--json")
    assert (told.code, told.diagnosis["code"]) == (9, "LT-A01")
    assert told.json["result"]["client_auth"]["requested"] is True


def test_messages_have_fields(run: Run, serving: Any, root_file: Path) -> None:
    """-vv tells what is in the messages that TLS 1.3 no longer has."""
    port = old_server(serving, "TLS 1.2", "DHE", groups=("ffdhe2048",), client_authentication="request")
    fields = visit(run, port, "--ca", root_file, "--legacy", "-vv").err
    for part in ("2048 bits", "generator", "certificate types", "rsa_sign", "WAIT_CHANGE_CIPHER_SPEC"):
        assert part in fields
    rsa = visit(run, old_server(serving, "TLS 1.2", "RSA"), "--ca", root_file, "--legacy", "-vv").err
    assert "encrypted premaster secret" in rsa and "(256 bytes)" in rsa


def test_serve_takes_old_clients_when_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve --legacy` shows an RSA certificate whose key may encrypt, which RSA key exchange needs."""
    monkeypatch.setenv("LUCIDTLS_CAROOT", str(tmp_path / "authority"))
    log = tmp_path / "log.jsonl"
    options = build_parser().parse_args(["serve", "--legacy", "--json-log", str(log), "--echo"])
    service, _ = serve.prepare(options, Terminal("never"))
    listener = Listener(service.serve, host="127.0.0.1", port=0, max_connections=1)
    listener.start()
    config = client_config(
        trust=tmp_path / "authority" / "constrained" / "root.pem",
        policy=LEGACY_2026,
        versions=("TLS 1.2",),
        cipher_suites=(SUITES["RSA"],),
        clock=system_clock,
    )
    with connect("127.0.0.1", listener.port, config=config, server_name="localhost") as tls:
        assert tls.cipher() == (SUITES["RSA"], "TLSv1.2", 128)
        tls.sendall(b"hello")
        assert tls.recv(5) == b"hello"
    listener.stop()
    assert service.json_log is not None
    service.json_log.close()
    entry = json.loads(log.read_text())
    assert (entry["version"], entry["key_exchange"], entry["secure_renegotiation"]) == (
        "TLS 1.2",
        "RSA",
        True,
    )


# What an old server lacks


def hello_of(version: int, *items: Any, random: bytes = bytes(32)) -> Callable[[socket.socket], None]:
    """A server that answers with this ServerHello, and then waits for the alert."""
    hello = ServerHello(version, random, b"", 0xC02F, 0, Extensions.build("ServerHello12", list(items)))
    message = handshake_message(ServerHello.handshake_type, hello.body())

    def serve(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"\x16\x03\x01" + len(message).to_bytes(2) + message)
        sock.recv(65536)

    return serve


@pytest.mark.parametrize(
    ("serve", "code", "alert", "words"),
    [
        (hello_of(0x0300), "LT-H18", 70, "SSL 3.0"),
        (hello_of(0x0301), "LT-H01", 70, "at most TLS 1.0; TLS 1.2 is needed here. TLS 1.0 was withdrawn"),
        (hello_of(0x0303, (sh12.EXTENDED_MASTER_SECRET, True)), "LT-H11", 40, "lacks secure renegotiation"),
        (hello_of(0x0303, (sh12.RENEGOTIATION_INFO, b"")), None, 40, "lacks the extended main secret"),
        (hello_of(0x0303, random=bytes(24) + DOWNGRADE_TO_TLS_1_2), "LT-H10", 47, "Downgrade detected"),
    ],
)
def test_an_old_server_is_told_from_its_hello(
    run: Run, serve: Callable[[socket.socket], None], code: str | None, alert: int, words: str
) -> None:
    """What a server lacks is in its ServerHello, and has a name of its own."""
    with listening(serve) as port:
        shown = visit(run, port, "--insecure", "--json")
    assert shown.code == 7
    assert (shown.diagnosis["code"], shown.diagnosis["alert"]["sent"]) == (code, alert)
    assert words in shown.diagnosis["title"]


CASES: list[tuple[PeerError, Situation, str | None]] = [
    (UnsupportedVersion("old", version=0x0302, clause="RFC 9846 §4.3.1"), CLIENT, "LT-H01"),
    (UnsupportedVersion("new", offered=(0x0A0A, 0x0304), clause="RFC 9846 §4.3.1"),
     Situation(role="server", versions=("TLS 1.2",)), "LT-H02"),
    (UnsupportedVersion("old", offered=(0x0301,), clause="RFC 9846 §4.3.1"), SERVER, "LT-H01"),
    (UnsupportedVersion("old", offered=(0x0300,), clause="RFC 9846 §4.3.1"), SERVER, "LT-H18"),
    (UnsupportedVersion("fell", offered=(0x0303,), clause="RFC 7507 §3").with_alert(
        alerts.INAPPROPRIATE_FALLBACK), SERVER, "LT-H10"),
    (InsufficientSecurity("short", bits=1024, minimum=2048, clause="RFC 7919 §3"), CLIENT, "LT-K06"),
    (InsufficientSecurity("weak", clause="RFC 9846 §4.2.1"), CLIENT, "LT-H17"),
    (NegotiationFailure("outside", bits=2048, clause="RFC 7919 §3"), CLIENT, "LT-K04"),
    (IllegalParameter("not prime", bits=2048, clause="RFC 5246 §7.4.3"), CLIENT, "LT-K04"),
    (IllegalParameter("off curve", clause="RFC 9846 §4.3.8.2"), CLIENT, "LT-K04"),
    (IllegalParameter("session id", clause="RFC 9846 §4.2.3"), CLIENT, "LT-H13"),
    (NegotiationFailure("none", hint=None, clause="RFC 4279 §2"), CLIENT, "LT-A05"),
    (BadRecordMac("x", clause="RFC 5246 §6.2.3.2"), Situation(role="server", key_exchange="RSA"), "LT-K05"),
    (BadFinished("x", clause="RFC 5246 §7.4.9"), Situation(role="server", key_exchange="DHE_PSK"), "LT-A05"),
    (BadRecordMac("x", clause="RFC 5246 §6.2.3.2"), Situation(role="server", key_exchange="DHE"), "LT-K02"),
    (BadRecordMac("x", clause="RFC 5246 §6.2.3.2"),
     Situation(role="server", key_exchange="RSA", handshake_done=True), "LT-K02"),
    (NotTLS("no", service="SSLv2", first_bytes=b"\x80", clause="RFC 5246 §6.2.1"), SERVER, "LT-H18"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "situation", "code"), CASES)
def test_an_error_of_older_versions_has_its_code(
    error: PeerError, situation: Situation, code: str | None
) -> None:
    """Alert, clause and values tell failures of older versions apart, whatever their words are."""
    assert diagnose(error, situation).code == code


@pytest.mark.parametrize(
    ("alert", "versions", "code"),
    [
        (alerts.PROTOCOL_VERSION, ("TLS 1.3", "TLS 1.2"), "LT-H01"),
        (alerts.PROTOCOL_VERSION, ("TLS 1.1", "TLS 1.0"), "LT-H02"),
        (alerts.PROTOCOL_VERSION, ("TLS 1.2",), None),
        (alerts.PROTOCOL_VERSION, ALL, None),
        (alerts.INAPPROPRIATE_FALLBACK, ("TLS 1.2",), "LT-H10"),
        (alerts.INSUFFICIENT_SECURITY, ALL, "LT-H17"),
        (alerts.UNKNOWN_PSK_IDENTITY, ALL, "LT-A05"),
        (alerts.BAD_RECORD_MAC, ALL, "LT-K02"),
        (alerts.HANDSHAKE_FAILURE, ALL, None),
    ],
)
def test_an_alert_means_what_our_offer_leaves_open(
    alert: alerts.Alert, versions: tuple[str, ...], code: str | None
) -> None:
    """protocol_version says that no version fits; whether ours are too old or too new depends on ours."""
    situation = Situation(host="old.example", connected=True, bytes_received=7, versions=versions)
    assert diagnose(AlertReceived(alert, alerts.FATAL), situation).code == code


def test_a_server_that_wants_to_renegotiate_is_told(run: Run, root_file: Path) -> None:
    """A HelloRequest is refused, the connection goes on, and that is news but no failure (RFC 5246
    §7.4.1.1)."""

    def serve(sock: socket.socket) -> None:
        server = TalkativeServer(server12_config())
        tls = TLSSocket(sock, server)
        tls.handshake()
        server.ask_for_handshake()
        tls.sendall(tls.recv(100))
        tls.close()

    with listening(serve) as port:
        shown = visit(run, port, "--ca", root_file, "--tls", "1.2", "-r", "hello", "--json")
    assert (shown.code, shown.diagnosis["code"], shown.diagnosis["severity"]) == (0, "LT-R04", "info")
    assert shown.json["result"]["answer"]["text"] == "hello"
