"""`lucidtls serve`: what it answers, what it logs, and what it refuses to do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import lucidtls
from lucidtls import cli
from lucidtls.errors import AlertReceived, TLSError
from lucidtls.io.sockets import TLSSocket, connect
from lucidtls.tools import exits, serve
from lucidtls.tools.development import Authority
from lucidtls.tools.pages import PLAIN_HTTP_ANSWER
from lucidtls.tools.serve import RENEWAL, DevelopmentIdentity
from tests.flows.parties import client_config, root
from tests.unit.io.ends import PATIENCE, Background, read_all
from tests.unit.tools.conftest import Run

SOURCE = Path(lucidtls.__file__).parent.parent


class Served:
    """A running `lucidtls serve`."""

    def __init__(self, port: int, authority: Path, log: Path) -> None:
        self.port = port
        self.trust = authority / "constrained" / "root.pem"
        self._log = log

    def connect(self, early: bytes = b"", **choices: Any) -> TLSSocket:
        """Connect with the development authority trusted, at the present time."""
        config = client_config(**({"trust": self.trust, "clock": lambda: datetime.now(UTC)} | choices))
        return connect("127.0.0.1", self.port, config=config, server_name="localhost", early_data=early)

    def request(self, text: str) -> tuple[str, bytes]:
        """Send a request line and return status line and body."""
        with self.connect() as tls:
            tls.sendall(f"{text} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n".encode())
            head, _, body = read_all(tls).partition(b"\r\n\r\n")
        return head.split(b"\r\n")[0].decode(), body

    def entries(self, count: int) -> list[dict[str, Any]]:
        """The first entries of the log, once they are there."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            lines = self._log.read_text().splitlines()
            if len(lines) >= count:
                return [json.loads(line) for line in lines[:count]]
            time.sleep(0.02)
        raise AssertionError(f"the log has fewer than {count} entries:\n{self._log.read_text()}")


Start = Callable[..., Any]


@pytest.fixture
def started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Start]:
    """A function that runs `lucidtls serve` in a thread until the `with` block ends."""
    monkeypatch.setenv("LUCIDTLS_CAROOT", str(tmp_path / "authority"))

    @contextmanager
    def start(*arguments: object) -> Iterator[Served]:
        listeners: list[Any] = []
        services: list[serve.Service] = []
        announce, wait = serve._announce, serve._wait

        def note(terminal: Any, listener: Any, *rest: Any) -> None:
            listeners.append(listener)
            announce(terminal, listener, *rest)

        def wait_for(finished: Any) -> None:
            services.append(finished)
            wait(finished)

        monkeypatch.setattr(serve, "_announce", note)
        monkeypatch.setattr(serve, "_wait", wait_for)
        log = tmp_path / "log.jsonl"
        command = ["serve", "--port", "0", "--timeout", "2", "--json-log", str(log), *map(str, arguments)]
        running = Background(cli.main, command)
        until = time.monotonic() + PATIENCE
        while not (listeners and services) and running.running and time.monotonic() < until:
            time.sleep(0.01)
        assert listeners, running.result()
        yield Served(listeners[0].port, tmp_path / "authority", log)
        services[0].set()  # type: ignore[attr-defined]  # the event that ends it
        assert running.result() in (exits.OK, exits.NOT_TLS)

    yield start
    capsys.readouterr()


def test_it_serves_https_with_a_certificate_of_its_own(
    started: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a certificate it issues one for localhost, and says how to trust it."""
    with started() as server:
        status, body = server.request("GET /")
        assert status == "HTTP/1.1 200 OK"
        assert json.loads(body)["server_name"] == "localhost"
        (entry,) = server.entries(1)
    assert entry["ok"] is True
    assert entry["did"] == "GET / HTTP/1.1 200"
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("Serving  https://localhost:")
    assert "curl --cacert" in out[1] and str(server.trust) in out[1]
    assert "✓ TLS1.3 AES_128_GCM x25519 sni=localhost" in out[-1]


def test_it_serves_a_directory_and_nothing_outside_of_it(started: Start, tmp_path: Path) -> None:
    """Files below the directory are served; dot-files, links that lead out and paths with .. are not
    there.
    """
    site = tmp_path / "site"
    (site / "deep").mkdir(parents=True)
    (site / "a b.txt").write_bytes(b"a file")
    (site / "deep" / "index.html").write_bytes(b"an index")
    (site / ".secret").write_bytes(b"hidden")
    (tmp_path / "outside").write_bytes(b"outside")
    (site / "link").symlink_to(tmp_path / "outside")
    with started(site) as server:
        assert server.request("GET /a%20b.txt") == ("HTTP/1.1 200 OK", b"a file")
        assert server.request("HEAD /a%20b.txt") == ("HTTP/1.1 200 OK", b"")
        assert server.request("GET /deep/") == ("HTTP/1.1 200 OK", b"an index")
        assert server.request("GET /deep")[0] == "HTTP/1.1 301 Moved Permanently"
        listing = server.request("GET /")[1]
        assert b"a%20b.txt" in listing and b".secret" not in listing
        for path in (
            "/.secret",
            "/link",
            "/../outside",
            "/%2e%2e/outside",
            "/deep/../../outside",
            "/nowhere",
            "/%00",
        ):
            assert server.request(f"GET {path}")[0] == "HTTP/1.1 404 Not Found", path
        assert server.request("DELETE /a%20b.txt")[0] == "HTTP/1.1 405 Method Not Allowed"
    with started(site, "--hidden-files") as server:
        assert server.request("GET /.secret") == ("HTTP/1.1 200 OK", b"hidden")


def test_it_echoes(started: Start) -> None:
    """--echo returns what comes, until the client closes."""
    with started("--echo") as server, server.connect() as tls:
        for piece in (b"one", b"x" * 100_000):
            tls.sendall(piece)
            received = b""
            while len(received) < len(piece):
                received += tls.recv(65536)
            assert received == piece
        tls.shutdown_write()
        assert tls.recv(1) == b""


def test_a_plain_http_client_gets_an_answer_it_can_read(started: Start) -> None:
    """Plain HTTP on the TLS port is answered in HTTP and logged as what it is."""
    with started() as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as raw:
            raw.sendall(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_all(raw) == PLAIN_HTTP_ANSWER
        (entry,) = server.entries(1)
    assert entry["ok"] is False
    assert entry["diagnoses"][0]["code"] == "LT-P05"
    assert "GET /page HTTP/1.1" in entry["diagnoses"][0]["title"]


def test_every_bad_client_gets_a_line_of_its_own(started: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """What a client did wrong is told in one line with a code, and the server goes on."""
    noise = {b"": "LT-P06", b"SSH-2.0-x\r\n": "LT-P04", b"PROXY TCP4 1.2.3.4 1.2.3.4 5 6\r\n": "LT-P07"}
    with started() as server:
        for data in noise:
            with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as raw:
                raw.sendall(data)
                raw.shutdown(socket.SHUT_WR)
                read_all(raw)
        with pytest.raises(TLSError):
            server.connect(trust=root().der)
        with pytest.raises(AlertReceived):
            server.connect(cipher_suites=("TLS_AES_128_CCM_SHA256",))
        with pytest.raises(AlertReceived):
            server.connect(groups=("ffdhe2048",), shares=()).close()
        with pytest.raises(AlertReceived):
            server.connect(alpn=("h2",))
        entries = server.entries(7)
    codes = [entry["diagnoses"][0]["code"] for entry in entries if not entry["ok"]]
    assert {"LT-P06", "LT-P04", "LT-P07", "LT-A04", "LT-H03", "LT-H04", "LT-H08"} == set(codes)
    out = capsys.readouterr().out
    assert "✗ LT-H03 No cipher suite in common with the client." in out
    assert "✗ LT-A04 The client does not trust our certificate (unknown_ca(48))." in out
    assert "· LT-P06" in out


def test_it_asks_clients_for_certificates(started: Start, tmp_path: Path) -> None:
    """--client-cert require accepts the certificates of --client-ca, and nobody without one."""
    developer = Authority.create()
    (tmp_path / "ca.pem").write_bytes(developer.root_pem())
    with started("--client-cert", "require", "--client-ca", tmp_path / "ca.pem") as server:
        credential = developer.issue(["me.test"], client=True).credential()
        with server.connect(credentials=credential) as tls:
            tls.sendall(b"GET / HTTP/1.1\r\nAccept: application/json\r\n\r\n")
            body = read_all(tls).partition(b"\r\n\r\n")[2]
        assert json.loads(body)["client_certificate"]["names"] == ["me.test"]
        with server.connect() as tls, pytest.raises(AlertReceived, match="certificate_required"):
            tls.recv(1)
        good, bad = server.entries(2)
    assert good["ok"] is True
    assert bad["diagnoses"][0]["code"] == "LT-A01"


def test_hrr_always_asks_for_a_second_hello(started: Start) -> None:
    """--hrr always makes every client take the second round trip (RFC 9846 §4.2.4)."""
    with started("--hrr", "always") as server, server.connect() as tls:
        assert tls.negotiated.hello_retried


def test_verbose_shows_the_messages_of_each_connection(
    started: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    """-v prefixes each message with the number of its connection."""
    with started("-v") as server:
        server.connect().close()
        server.entries(1)
    err = capsys.readouterr().err
    assert "#1 " in err and "client > ClientHello" in err and "server > ServerHello" in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--bind", "0.0.0.0"), 2),
        (("--bind", "example.org"), 2),
        (("--key", "k.pem"), 2),
        (("--client-cert", "require"), 2),
        ((".", "--echo"), 2),
        (("--groups", "nonsense"), 2),
        (("/no/such/directory",), 3),
        (("--cert", "missing.pem"), 3),
        (("--name", "www.example.com"), 3),
    ],
)
def test_what_it_refuses_to_do(run: Run, arguments: tuple[str, ...], code: int) -> None:
    """A server that would be a mistake does not start."""
    shown = run("serve", "--port", "0", *arguments)
    assert shown.code == code
    assert shown.err.startswith("✗ ")


def test_a_port_that_is_taken(run: Run) -> None:
    """A port somebody else listens on is an input that cannot be used."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        shown = run("serve", "--port", taken.getsockname()[1])
    assert shown.code == 3
    assert "LT-S04" in shown.err


def test_a_development_certificate_is_renewed_in_time() -> None:
    """A server that runs for months never shows a certificate that has run out."""
    identity = DevelopmentIdentity(Authority.create(), ("localhost",))
    first = identity.credential
    assert identity.choose(None) is first  # type: ignore[arg-type]  # the question is not looked at
    identity.until = datetime.now(UTC) + RENEWAL - timedelta(hours=1)
    second = identity.choose(None)  # type: ignore[arg-type]
    assert second is not first
    assert identity.until - datetime.now(UTC) > RENEWAL


def test_json_on_the_standard_output_stands_alone(tmp_path: Path) -> None:
    """With --json-log - each line of the standard output is a JSON object; people read the standard error."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "LUCIDTLS_CAROOT": str(tmp_path / "authority")}
    command = [sys.executable, "-m", "lucidtls", "serve", "--port", "0", "--once", "--json-log", "-"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as process:  # type: ignore[call-overload]
        port = int(process.stderr.readline().rstrip("/\n").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as raw:
            raw.sendall(b"SSH-2.0-x\r\n")
            read_all(raw)
        out, err = process.communicate(timeout=PATIENCE)
    assert [json.loads(line)["diagnoses"][0]["code"] for line in out.splitlines()] == ["LT-P04"]
    assert "✗ LT-P04" in err
    assert process.returncode == exits.NOT_TLS, "--once ends with the exit code of its connection"
