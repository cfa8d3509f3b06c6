"""`lucidtls connect`: what it shows of a connection, and what it says when there is none."""

from __future__ import annotations

import socket
import ssl
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from lucidtls import alerts
from lucidtls.errors import TLSError
from lucidtls.trust.credentials import Credential
from tests.certificates import CLIENT_AUTH, DAY, NOW, Issued, chain, make_ca, make_leaf
from tests.flows.parties import SERVER_NAME, leaf, root
from tests.unit.io.ends import listening, server_flight
from tests.unit.tools.conftest import AT, Outcome, Run

Serving = Callable[..., int]


def visit(run: Run, port: int, *arguments: object) -> Outcome:
    """Connect to a port here under the test server's name, at the test certificates' time."""
    return run("connect", f"127.0.0.1:{port}", "--sni", SERVER_NAME, "--at", AT, *arguments)


def credential_of(issued: Issued, **choices: Any) -> Credential:
    """The credential of a test certificate."""
    return Credential.load(list(chain(issued)), issued.key, **choices)


# What it shows


def test_a_good_connection_is_one_screen(run: Run, serving: Serving, root_file: Path) -> None:
    """A connection that is fine is told in a few lines, and the exit code says the same."""
    shown = visit(run, serving(), "--ca", root_file)
    assert shown.code == 0
    first, *lines = shown.out.splitlines()
    assert first.startswith("✓ 127.0.0.1:") and first.endswith("— TLS 1.3, trusted, 1 round trip")
    text = "\n".join(lines)
    for part in (
        "TLS_AES_128_GCM_SHA256",
        "x25519",
        "ecdsa_secp256r1_sha256",
        "CN=Flow Root",
        "the server too",
    ):
        assert part in text
    assert max(map(len, shown.out.replace(str(root_file), "root.pem").splitlines())) <= 100
    assert shown.err == ""


def test_json_is_the_whole_output(run: Run, serving: Serving, root_file: Path) -> None:
    """With --json the standard output is one object with a fixed envelope, and nothing else."""
    shown = visit(run, serving(alpn=("h2",)), "--ca", root_file, "--json", "--alpn", "h2,http/1.1", "-v")
    assert shown.code == 0
    found = shown.json
    assert found["schema"] == "https://lucidtls.dev/schema/connect-1.json"
    assert (found["ok"], found["exit_code"], found["diagnoses"]) == (True, 0, [])
    assert set(found["tool"]) == {"name", "version", "python", "cryptography"}
    result = found["result"]
    assert result["suite"] == {"name": "TLS_AES_128_GCM_SHA256", "id": 0x1301, "hex": "0x1301"}
    assert result["group"] == {"name": "x25519", "id": 29, "hex": "0x001d"}
    assert result["alpn"] == "h2"
    assert result["hrr"] is False
    assert result["chain"][0]["san"] == [SERVER_NAME]
    assert result["chain"][0]["pem"].startswith("-----BEGIN CERTIFICATE-----")
    assert result["chain"][0]["days_left"] == 60
    assert result["trust"]["verified"] is True
    assert result["close"] == {"ours": True, "theirs": True}
    assert [(one["dir"], one["name"]) for one in result["messages"]] == [
        ("out", "ClientHello"),
        ("in", "ServerHello"),
        ("in", "EncryptedExtensions"),
        ("in", "Certificate"),
        ("in", "CertificateVerify"),
        ("in", "Finished"),
        ("out", "Finished"),
    ]


def test_verbose_tells_messages_as_they_happen(run: Run, serving: Serving, root_file: Path) -> None:
    """-v names each message with its sender, -vv adds its fields; both go to the standard error."""
    port = serving()
    messages = visit(run, port, "--ca", root_file, "-v")
    assert [line.split(" ms  ")[1].split("  ")[0] for line in messages.err.splitlines()] == [
        "client > ClientHello",
        "server > ServerHello",
        "server > EncryptedExtensions",
        "server > Certificate",
        "server > CertificateVerify",
        "server > Finished",
        "client > Finished",
        "client > alert close_notify(0)",
        "server > alert close_notify(0)",
    ]
    fields = visit(run, port, "--ca", root_file, "-vv").err
    for part in ("supported_groups", "X25519MLKEM768", "key_share", "(1216 bytes)", "WAIT_CV", SERVER_NAME):
        assert part in fields
    assert "000000  03 03" in visit(run, port, "--ca", root_file, "-vvv").err


def test_a_retry_is_told(run: Run, serving: Serving, root_file: Path) -> None:
    """A HelloRetryRequest costs a second round trip, and that is shown (RFC 9846 §4.2.4)."""
    port = serving(groups=("secp256r1",))
    shown = visit(run, port, "--ca", root_file, "--groups", "x25519,P-256", "--shares", "x25519")
    assert "2 round trips" in shown.out
    assert "group secp256r1 · after a HelloRetryRequest" in shown.out


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [
        ("--ciphers", "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
        ("--ciphers", "aes_256_gcm", "TLS_AES_256_GCM_SHA384"),
        ("--ciphers", "0x1302", "TLS_AES_256_GCM_SHA384"),
        ("--groups", "secp256r1", "group secp256r1"),
        ("--groups", "p-256", "group secp256r1"),
        ("--sigalgs", "ecdsa_secp256r1_sha256", "ecdsa_secp256r1_sha256"),
    ],
)
def test_the_offer_can_be_chosen(
    run: Run, serving: Serving, root_file: Path, option: str, value: str, shown: str
) -> None:
    """Suites, groups and signature schemes are offered as named, and then used."""
    found = visit(run, serving(), "--ca", root_file, option, value)
    assert found.code == 0
    assert shown in found.out


def test_an_http_request_shows_its_answer(run: Run, serving: Serving, root_file: Path) -> None:
    """--http asks for the path of the URL and shows what came."""
    port = serving()
    target = f"https://127.0.0.1:{port}/path"
    shown = run("connect", target, "--name", SERVER_NAME, "--at", AT, "--ca", root_file, "--http")
    assert shown.code == 0
    assert "Answer      HTTP/1.1 200 OK" in shown.out
    assert shown.out.rstrip().endswith("hello")


def test_a_request_of_ones_own(run: Run, serving: Serving, root_file: Path, tmp_path: Path) -> None:
    """--request sends any bytes, from the command line or from a file."""
    port = serving(handler=lambda tls: tls.sendall(b"<" + tls.recv(100) + b">"))
    shown = visit(run, port, "--ca", root_file, "-r", r"a\r\n\x00\\z", "--json")
    assert shown.json["result"]["answer"]["text"] == "<a\r\n\x00\\z>"
    (tmp_path / "request").write_bytes(b"from a file")
    shown = visit(run, port, "--ca", root_file, "-r", f"@{tmp_path / 'request'}", "--json")
    assert shown.json["result"]["answer"]["text"] == "<from a file>"


def test_text_from_the_peer_is_made_harmless(run: Run, serving: Serving, root_file: Path) -> None:
    """What a server sends cannot move the cursor, colour the terminal or turn the text around."""
    evil = "\x1b[31mred\x07 \u202eesrever\n".encode()
    port = serving(handler=lambda tls: tls.sendall(tls.recv(1)[:0] + evil))
    shown = visit(run, port, "--ca", root_file, "-r", "x")
    assert r"\x1b[31mred\x07 \u202eesrever" in shown.out
    assert "\x1b" not in shown.out and "\u202e" not in shown.out


def test_secrets_go_to_a_private_file(run: Run, serving: Serving, root_file: Path, tmp_path: Path) -> None:
    """The key log has the five labels of a connection and is readable by its owner alone (RFC 9850 §2)."""
    log = tmp_path / "keys.log"
    assert visit(run, serving(), "--ca", root_file, "--keylog", log).code == 0
    labels = {line.split()[0] for line in log.read_text().splitlines()}
    assert labels == {
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
    }
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_client_certificate_is_shown_when_asked_for(
    run: Run, serving: Serving, root_file: Path, tmp_path: Path
) -> None:
    """A server that asks for a certificate gets the one of --cert."""
    mine = leaf("p256", "client.example.org")
    (tmp_path / "c.pem").write_bytes(mine.pem)
    (tmp_path / "c.key").write_bytes(mine.key_pem)
    seen: list[bool] = []
    port = serving(
        client_authentication="require", handler=lambda tls: seen.append(tls.negotiated.client_authenticated)
    )
    shown = visit(run, port, "--ca", root_file, "--cert", tmp_path / "c.pem", "--key", tmp_path / "c.key")
    assert shown.code == 0
    assert "client certificate sent" in shown.out
    assert seen == [True]


def test_no_name_can_be_sent_and_still_one_is_checked(run: Run, serving: Serving, root_file: Path) -> None:
    """The name that is sent and the name the certificate must be for are two things (RFC 6066 §3, RFC
    9525).
    """
    seen: list[str | None] = []
    port = serving(handler=lambda tls: seen.append(tls.negotiated.server_name))
    target = f"127.0.0.1:{port}"
    choices = ("--at", AT, "--ca", root_file)
    assert run("connect", target, "--no-sni", "--name", SERVER_NAME, *choices).code == 0
    assert run("connect", target, "--sni", "sent.example", "--name", SERVER_NAME, *choices).code == 0
    assert run("connect", target, "--no-sni", "--name", "other.example", *choices).code == 8
    assert seen == [None, "sent.example"]


def test_a_local_socket_is_a_target(run: Run, root_file: Path, tmp_path: Path) -> None:
    """TLS runs over any stream; a local socket has a path and no name of its own."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)
        assert run("connect", f"unix:{path}").code == 2
        server.settimeout(0.01)
        shown = run("connect", f"unix:{path}", "--name", SERVER_NAME, "--timeout", "0.2")
        assert shown.code == 7


# What it says when it fails


def cut_flight(sock: socket.socket) -> None:
    """Answer with half of the server's flight."""
    _, answer = server_flight(sock)
    sock.sendall(answer[: len(answer) // 2])
    sock.shutdown(socket.SHUT_WR)
    sock.recv(1)


def altered_flight(sock: socket.socket) -> None:
    """Answer with a flight whose last record was altered."""
    _, answer = server_flight(sock)
    sock.sendall(answer[:-1] + bytes((answer[-1] ^ 1,)))
    sock.recv(100)


def reset_it(sock: socket.socket) -> None:
    """Read and reset."""
    sock.recv(1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def say(data: bytes) -> Callable[[socket.socket], None]:
    """Send these bytes whatever comes, and wait for the client to go."""

    def serve(sock: socket.socket) -> None:
        sock.sendall(data)
        while sock.recv(65536):
            continue

    return serve


def alert(code: int) -> bytes:
    """An alert in the clear."""
    return bytes((21, 3, 3, 0, 2, 2, code))


def hang(sock: socket.socket) -> None:
    """Accept the connection and never answer."""
    while sock.recv(65536):
        continue


def hang_up(sock: socket.socket) -> None:
    """Read the ClientHello and close in good order, without a word."""
    sock.recv(65536)


HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"

SILENCE: list[tuple[str, Callable[[socket.socket], None], int, str | None, int | None, str]] = [
    ("http", say(HTTP), 6, "LT-P01", 10, 'plain HTTP ("HTTP/1.1 400 Bad Request")'),
    (
        "ssh",
        say(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
        6,
        "LT-P04",
        10,
        'This is SSH, not TLS: "SSH-2.0-OpenSSH_9.2p1"',
    ),
    ("smtp", say(b"220 mail.example.org ESMTP ready\r\n"), 6, "LT-P03", 10, "SMTP is waiting to be asked"),
    ("imap", say(b"* OK IMAP4 ready\r\n"), 6, "LT-P03", 10, "IMAP is waiting to be asked"),
    ("noise", say(bytes(range(200, 250))), 6, "LT-P04", 10, "c8 c9 ca"),
    ("hang", hang, 7, "LT-N04", None, "never answered our ClientHello"),
    ("reset", reset_it, 7, "LT-N05", None, "cut right after our first message"),
    ("close", hang_up, 7, "LT-N07", None, "without a word"),
    ("half a flight", cut_flight, 7, None, None, "ended in the middle of the handshake"),
    ("altered", altered_flight, 7, "LT-K02", 20, "does not authenticate"),
    ("oversized", say(b"\x16\x03\x03\xff\xff" + bytes(100)), 7, "LT-R01", 22, "65535 bytes"),
    ("data first", say(b"\x17\x03\x03\x00\x05hello"), 7, "LT-R03", 10, "unexpected"),
    (
        "nonsense",
        say(b"\x16\x03\x03\x00\x08\x02\x00\x00\x04\x03\x03\x00\x00"),
        7,
        "LT-H13",
        50,
        "broke the protocol",
    ),
    ("alert 40", say(alert(40)), 7, None, None, "does not say why"),
    ("alert 47", say(alert(47)), 7, "LT-H14", None, "our message is wrong"),
    ("alert 70", say(alert(70)), 7, "LT-H01", None, "speaks none of the versions offered: TLS 1.3, TLS 1.2"),
    ("alert 80", say(alert(80)), 7, "LT-H15", None, "failed inside"),
    ("alert 112", say(alert(112)), 7, "LT-H06", None, f"does not know the name {SERVER_NAME}"),
    ("alert 120", say(alert(120)), 7, "LT-H08", None, "we offered nothing"),
    ("alert 250", say(alert(250)), 7, None, None, "unknown_alert_250"),
]


@pytest.mark.parametrize(
    ("serve", "code", "found", "sent", "words"), [row[1:] for row in SILENCE], ids=[row[0] for row in SILENCE]
)
def test_a_server_that_fails_is_told_in_one_sentence(
    run: Run,
    serve: Callable[[socket.socket], None],
    code: int,
    found: str | None,
    sent: int | None,
    words: str,
) -> None:
    """Whatever answers instead of a TLS server, the cause has a sentence, a code, an alert and an exit
    code.
    """
    with listening(serve) as port:
        shown = visit(run, port, "--insecure", "--json", "--timeout", "0.5")
        assert shown.code == code
        told = shown.diagnosis
        assert (told["code"], told["alert"]["sent"]) == (found, sent)
        assert words in told["title"] + told["detail"]
        text = visit(run, port, "--insecure", "--timeout", "0.5")
        assert text.code == code
        assert text.out.startswith("✗ ")


def own_root_unknown() -> Credential:
    """A chain under a root that nobody trusts."""
    return credential_of(make_leaf(make_ca("Nobody's Root"), SERVER_NAME))


def without_intermediate() -> Credential:
    """A leaf without the certificate of its issuer, which is under the trusted root."""
    middle = make_ca("Middle", make_ca("Upper", root()))
    issued = make_leaf(middle, SERVER_NAME)
    upper = middle.issuer
    assert upper is not None
    return Credential.load([issued.der, upper.der], issued.key)


REFUSED: list[tuple[str, Callable[[], Credential], str, int, str]] = [
    (
        "expired",
        lambda: credential_of(make_leaf(root(), SERVER_NAME, not_after=NOW - 10 * DAY)),
        "LT-C01",
        45,
        "expired 10 days ago (2026-06-05)",
    ),
    (
        "not yet valid",
        lambda: credential_of(make_leaf(root(), SERVER_NAME, not_before=NOW + 3 * DAY)),
        "LT-C02",
        45,
        "becomes valid only in 3 days (2026-06-18)",
    ),
    (
        "self-signed",
        lambda: credential_of(make_leaf(None, SERVER_NAME)),
        "LT-C04",
        48,
        "made its own certificate",
    ),
    ("unknown CA", own_root_unknown, "LT-C05", 48, "CN=Nobody's Root, which is not trusted here"),
    ("missing intermediate", without_intermediate, "LT-C06", 48, "did not send the certificate of CN=Middle"),
    (
        "wrong name",
        lambda: credential_of(make_leaf(root(), "a.example", "b.example")),
        "LT-C07",
        42,
        f"is for a.example, b.example, not for {SERVER_NAME}",
    ),
    (
        "no name",
        lambda: credential_of(make_leaf(root(), names=None)),
        "LT-C08",
        42,
        "has no subjectAltName",
    ),
    (
        "wrong usage",
        lambda: credential_of(make_leaf(root(), SERVER_NAME, extended_key_usage=(CLIENT_AUTH,))),
        "LT-C09",
        43,
        "is not meant for a TLS server",
    ),
    (
        "weak key",
        lambda: credential_of(make_leaf(root(), SERVER_NAME, key="rsa1024")),
        "LT-C10",
        42,
        "1024 bits",
    ),
    (
        "issuer that is no CA",
        lambda: credential_of(make_leaf(make_leaf(root(), "not-a-ca.example", number=3), SERVER_NAME)),
        "LT-C14",
        42,
        "may not issue certificates",
    ),
]


@pytest.mark.parametrize(
    ("make", "found", "sent", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_refused_certificate_says_why(
    run: Run,
    serving: Serving,
    root_file: Path,
    make: Callable[[], Credential],
    found: str,
    sent: int,
    words: str,
) -> None:
    """Each reason to refuse a chain has its own sentence, code and alert, and exit code 8."""
    port = serving(credentials=make())
    shown = visit(run, port, "--ca", root_file, "--json")
    assert shown.code == 8
    told = shown.diagnosis
    assert (told["code"], told["alert"]["sent"], told["confidence"]) == (found, sent, "certain")
    assert words in told["title"]
    assert told["see"]
    assert shown.json["result"]["chain"], "the chain is shown even when it is refused"
    assert shown.json["result"]["trust"]["verified"] is False
    lenient = visit(run, port, "--ca", root_file, "--json", "--insecure", "--http")
    assert lenient.code == 0
    assert (lenient.diagnosis["code"], lenient.diagnosis["severity"]) == (found, "warning")
    assert lenient.json["result"]["answer"]["status"] == "HTTP/1.1 200 OK"


def test_no_data_goes_to_a_server_that_is_refused(run: Run, serving: Serving, root_file: Path) -> None:
    """An application's data is not sent before the server is known (RFC 9846 Appendix A.1)."""
    seen: list[bytes] = []

    def listen(tls: Any) -> None:
        with suppress(TLSError):
            seen.append(tls.recv(100))

    port = serving(credentials=own_root_unknown(), handler=listen)
    assert visit(run, port, "--ca", root_file, "-r", "secret").code == 8
    assert b"secret" not in seen


def test_a_certificate_that_is_required_is_asked_for_by_name(
    run: Run, serving: Serving, root_file: Path, tmp_path: Path
) -> None:
    """A server that wants a client certificate says so after the handshake, with exit code 9 (RFC 9846
    §4.5.1).
    """
    port = serving(client_authentication="require")
    shown = visit(run, port, "--ca", root_file, "--json")
    assert shown.code == 9
    assert shown.diagnosis["code"] == "LT-A01"
    assert shown.diagnosis["alert"] == {"sent": None, "received": alerts.CERTIFICATE_REQUIRED.code}
    assert shown.json["result"]["client_auth"]["requested"] is True
    stranger = make_leaf(make_ca("Stranger"), "client.example.org")
    (tmp_path / "c.pem").write_bytes(stranger.pem + stranger.key_pem)
    refused = visit(run, port, "--ca", root_file, "--cert", tmp_path / "c.pem", "--json")
    assert refused.code == 9
    assert refused.diagnosis["code"] == "LT-A02"


def test_an_old_server_is_told_from_a_broken_one(run: Run, tmp_path: Path) -> None:
    """A server without TLS 1.3 answers with protocol_version (RFC 9846 §4.3.1, Appendix E)."""
    issued = leaf()
    (tmp_path / "s.pem").write_bytes(issued.pem + issued.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tmp_path / "s.pem")

    def serve(sock: socket.socket) -> None:
        with suppress(ssl.SSLError):
            context.wrap_socket(sock, server_side=True)

    with listening(serve) as port:
        shown = visit(run, port, "--insecure", "--json", "--tls", "1.3")
    assert shown.code == 7
    assert shown.diagnosis["code"] == "LT-H01"


def test_an_answer_cut_short_is_not_taken_for_all(run: Run, serving: Serving, root_file: Path) -> None:
    """An answer that ends without close_notify before its length is reached is truncated (RFC 9846 §6.1)."""

    def cut(tls: Any) -> None:
        tls.recv(1000)
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        tls._sock.shutdown(socket.SHUT_RDWR)

    shown = visit(run, serving(handler=cut), "--ca", root_file, "--http", "--json")
    assert shown.code == 10
    assert shown.diagnosis["code"] == "LT-R02"
    assert shown.json["result"]["answer"]["text"].endswith("only this"), "what came is still shown"


def test_a_server_that_only_forgets_to_say_goodbye_is_no_failure(
    run: Run, serving: Serving, root_file: Path
) -> None:
    """An answer whose length says that it is complete may end without close_notify (RFC 9112 §9.8)."""

    def cut(tls: Any) -> None:
        tls.recv(1000)
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
        tls._sock.shutdown(socket.SHUT_RDWR)

    shown = visit(run, serving(handler=cut), "--ca", root_file, "--http", "--json")
    assert shown.code == 0
    assert shown.json["result"]["close"]["theirs"] is False


def test_where_nobody_listens(run: Run) -> None:
    """No connection and no address are told apart from every failure of TLS."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    refused = visit(run, port, "--insecure", "--json")
    assert (refused.code, refused.diagnosis["code"]) == (5, "LT-N02")
    unknown = run("connect", "no-such-host.invalid", "--insecure", "--json")
    assert (unknown.code, unknown.diagnosis["code"]) == (4, "LT-N01")


@pytest.mark.parametrize(
    "arguments",
    [
        ("http://example.org",),
        ("example.org:port",),
        ("smtp://example.org",),
        ("exa mple.org",),
        ("example.org", "--groups", "x448x"),
        ("example.org", "--groups", ""),
        ("example.org", "--ciphers", "0xzz"),
        ("example.org", "--shares", "secp521r1", "--groups", "x25519"),
        ("example.org", "--key", "k.pem"),
        ("example.org", "--no-system-trust"),
        ("example.org", "--timeout", "0"),
        ("example.org", "--at", "tomorrow"),
        ("example.org", "--alpn", "x" * 300),
    ],
)
def test_a_command_line_that_makes_no_sense(run: Run, arguments: tuple[str, ...]) -> None:
    """A mistake on the command line is found before anything is sent."""
    shown = run("connect", *arguments)
    assert shown.code == 2
    assert shown.out == ""
    assert shown.err


def test_files_that_cannot_be_used(run: Run, root_file: Path, tmp_path: Path) -> None:
    """A missing file, a file without a certificate and a key of another certificate have exit code 3."""
    mine, other = make_leaf(root(), "a.example", number=5), make_leaf(root(), "a.example", number=6)
    (tmp_path / "c.pem").write_bytes(mine.pem)
    (tmp_path / "other.key").write_bytes(other.key_pem)
    (tmp_path / "locked.key").write_bytes(mine.key_bytes(serialization.Encoding.PEM, b"sesame"))
    (tmp_path / "empty").write_bytes(b"")
    cases: list[tuple[object, ...]] = [
        ("--ca", tmp_path / "missing.pem"),
        ("--ca", tmp_path / "empty"),
        ("--cert", tmp_path / "c.pem", "--key", tmp_path / "other.key"),
        ("--cert", tmp_path / "c.pem", "--key", tmp_path / "locked.key"),
        ("--cert", tmp_path / "missing.p12"),
        ("--request", f"@{tmp_path / 'missing'}"),
        ("--keylog", tmp_path / "no" / "directory"),
    ]
    for case in cases:
        shown = run("connect", "localhost", *case)
        assert shown.code == 3, case
        assert shown.err.startswith("✗ "), case
    mismatch = run("connect", "localhost", *cases[2], "--json")
    assert mismatch.diagnosis["code"] == "LT-S01"


def test_an_encrypted_key_opens_with_its_password(
    run: Run, serving: Serving, root_file: Path, tmp_path: Path
) -> None:
    """A private key may be kept encrypted; the password comes from a file, never from the command line."""
    mine = leaf("p256", "client.example.org")
    (tmp_path / "c.pem").write_bytes(mine.pem)
    (tmp_path / "k.pem").write_bytes(mine.key_bytes(serialization.Encoding.PEM, b"sesame"))
    (tmp_path / "password").write_bytes(b"sesame\n")
    port = serving(client_authentication="require")
    own = (
        "--cert",
        tmp_path / "c.pem",
        "--key",
        tmp_path / "k.pem",
        "--key-password-file",
        tmp_path / "password",
    )
    assert visit(run, port, "--ca", root_file, *own).code == 0


def test_quiet_says_nothing_and_exit_zero_forgives(run: Run, serving: Serving, root_file: Path) -> None:
    """-q leaves only the exit code; --exit-zero is for those who only want the report."""
    port = serving(credentials=own_root_unknown())
    quiet = visit(run, port, "--ca", root_file, "-q")
    assert (quiet.code, quiet.out, quiet.err) == (8, "", "")
    forgiven = visit(run, port, "--ca", root_file, "--exit-zero")
    assert forgiven.code == 0
    assert forgiven.out.startswith("✗ ")
