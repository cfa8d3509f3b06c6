"""The parts under the sockets: deadlines, addresses, certificates as dictionaries, the Windows store."""

from __future__ import annotations

import socket
import ssl
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lucidtls.dangerous import LEGACY_2026
from lucidtls.errors import ConfigurationError, TimedOut, UsageError
from lucidtls.io import server, windows
from lucidtls.io.certificates import as_dictionary
from lucidtls.io.marks import RecordMarks
from lucidtls.io.sockets import connect
from lucidtls.io.transport import Address, Deadline, open_any, open_connection, resolve, wait
from lucidtls.trust import stores
from tests.certificates import make_ca, make_leaf
from tests.flows.parties import SERVER_NAME, client_config, server_config
from tests.unit.io.ends import PATIENCE, Background, raw_pair, read_all, tls_pair


def test_a_deadline_does_not_move() -> None:
    """A deadline is a moment, and what is left of it only shrinks."""
    deadline = Deadline(0.05)
    first = deadline.left()
    time.sleep(0.01)
    second = deadline.left()
    assert first is not None and second is not None and second < first
    time.sleep(0.05)
    assert deadline.left() == 0.0
    assert Deadline(None).left() is None


@pytest.mark.parametrize("with_poll", [True, False])
def test_waiting_ends_with_bytes_or_with_the_deadline(
    monkeypatch: pytest.MonkeyPatch, with_poll: bool
) -> None:
    """Waiting returns when there is something to read or room to write, whichever call the system has."""
    if not with_poll:
        monkeypatch.delattr("select.poll")
    near, far = raw_pair()
    with near, far:
        with pytest.raises(TimedOut, match=r"0\.02 s"):
            wait(near, Deadline(0.02), read=True)
        wait(near, Deadline(1), read=True, write=True)
        far.send(b"x")
        wait(near, Deadline(None), read=True)


def test_addresses_are_tried_in_order() -> None:
    """The first address that answers is used; if none does, the last failure is raised."""
    with socket.create_server(("127.0.0.1", 0)) as good, socket.create_server(("127.0.0.1", 0)) as gone:
        answering, refusing = (
            Address(socket.AF_INET, good.getsockname()),
            Address(socket.AF_INET, gone.getsockname()),
        )
        gone.close()
        with open_any([refusing, answering], 5) as sock:
            assert sock.getpeername() == answering.sockaddr
        with pytest.raises(ConnectionRefusedError):
            open_any([refusing, refusing], 5)
    with pytest.raises(OSError, match="no address"):
        open_any([], 5)


def test_an_address_that_never_answers_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is not answered ends with TimedOut, which names the address."""

    def never(self: Any, address: Any) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr("socket.socket.connect", never)
    with pytest.raises(TimedOut, match=r"no answer from 127\.0\.0\.1:9 in 2 s"):
        open_connection(Address(socket.AF_INET, ("127.0.0.1", 9)), Deadline(2))


def test_addresses_read_as_they_are_written() -> None:
    """IPv6 addresses stand in brackets before their port."""
    assert str(Address(socket.AF_INET, ("192.0.2.1", 443))) == "192.0.2.1:443"
    assert str(Address(socket.AF_INET6, ("::1", 443, 0, 0))) == "[::1]:443"
    assert str(Address(socket.AF_UNIX, "/run/x")) == "unix:/run/x"


def test_names_are_resolved_as_they_are_compared() -> None:
    """A name that is no name is refused before the resolver sees it."""
    assert [str(address) for address in resolve("127.0.0.1", 443)] == ["127.0.0.1:443"]
    with pytest.raises(ConfigurationError):
        resolve("ex\u00e4mple..org", 443)


def test_a_certificate_as_ssl_describes_it(tmp_path: Path) -> None:
    """The dictionary has the form of the standard library's, field by field."""
    root = make_ca("Some Root")
    issued = make_leaf(
        root, "www.example.org", "192.0.2.1", "me@example.org", "spiffe://example.org/x", serial=0xABC
    )
    described = as_dictionary(issued.der)
    path = tmp_path / "leaf.pem"
    path.write_bytes(issued.pem)
    expected = ssl._ssl._test_decode_cert(str(path))  # type: ignore[attr-defined]  # how ssl's own tests ask
    assert described == expected
    assert as_dictionary(b"no certificate") == {}


def test_the_windows_store_gives_its_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only roots that may vouch for servers count, and only in the one encoding that is a certificate."""
    server_auth = windows.SERVER_AUTHENTICATION
    rows = {
        "ROOT": [
            (b"all", "x509_asn", True),
            (b"server", "x509_asn", {server_auth}),
            (b"mail", "x509_asn", {"1.3.6.1.5.5.7.3.4"}),
            (b"list", "pkcs_7_asn", True),
        ],
        "CA": [(b"intermediate", "x509_asn", True)],
    }
    assert windows.windows_anchors() == []
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "ssl", SimpleNamespace(enum_certificates=lambda store: rows[store]))
    assert windows.windows_anchors() == [b"all", b"server"]
    assert windows.windows_anchors in stores._system_loaders


def test_serve_runs_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve` blocks, serves, and cleans up after an interruption."""
    made: list[server.TLSServer] = []
    accept = server.TLSServer._accept

    def accept_once(self: server.TLSServer, selector: Any) -> bool:
        made.append(self)
        with socket.create_connection(self.address, timeout=PATIENCE):
            accept(self, selector)
        raise KeyboardInterrupt

    monkeypatch.setattr(server.TLSServer, "_accept", accept_once)
    with pytest.raises(KeyboardInterrupt):
        server.serve(server_config(), lambda tls: None, port=0)
    assert made[0]._listening.fileno() == -1


def test_a_server_without_descriptors_waits_for_better_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system has no descriptor left the server waits a moment and goes on."""
    monkeypatch.setattr(server, "OUT_OF_RESOURCES_PAUSE", 0.001)
    running = server.TLSServer(server_config(), lambda tls: tls.sendall(b"here"))
    listening, failures = running._listening, [OSError(24, "Too many open files"), ConnectionAbortedError()]

    class Scarce:
        """A listening socket that fails twice."""

        def accept(self) -> Any:
            if failures:
                raise failures.pop()
            return listening.accept()

        def __getattr__(self, name: str) -> Any:
            return getattr(listening, name)

    running._listening = Scarce()  # type: ignore[assignment]
    with running, connect("127.0.0.1", running.port, config=client_config(), server_name=SERVER_NAME) as tls:
        assert tls.recv(10) == b"here"
    assert not failures


def test_failures_go_to_the_log_by_default(caplog: pytest.LogCaptureFixture) -> None:
    """Without somewhere else to go, what a client did is a line in the log, and a handler's bug comes with
    its trace.
    """
    server._log_failure(TimedOut("slow"), ("192.0.2.1", 5))
    with caplog.at_level("INFO", logger="lucidtls.server"):
        server._log_failure(TimedOut("slow"), ("192.0.2.1", 5))
        server._log_failure(ZeroDivisionError("bug"), ("192.0.2.1", 5))
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR"]
    assert caplog.records[1].exc_info


def test_a_system_without_gathering_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system cannot write several pieces at once they are written one by one, in order."""

    class Plain(socket.socket):
        """A socket that does not gather."""

        def __getattribute__(self, name: str) -> Any:
            if name == "sendmsg":
                raise AttributeError(name)
            return super().__getattribute__(name)

    with tls_pair() as (client, server_end):
        client._sock = Plain(fileno=client._sock.detach())
        client._sock.setblocking(False)
        client.sendall(b"x" * 100_000)
        received = b""
        while len(received) < 100_000:
            received += server_end.recv(65536)
        assert received == b"x" * 100_000


def test_arguments_that_make_no_sense() -> None:
    """Negative sizes and timeouts are the program's mistake."""
    with tls_pair() as (client, _):
        with pytest.raises(ValueError, match="bufsize"):
            client.recv(-1)
        with pytest.raises(ValueError, match="timeout"):
            client.settimeout(-1)
        client.settimeout(None)
        assert client.gettimeout() is None
        assert client.getsockname()[0] == client.getpeername()[0] == "127.0.0.1"


# Before TLS 1.3


@pytest.mark.parametrize(
    ("version", "suite", "shown"),
    [
        ("TLS 1.0", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", ("TLSv1", 256)),
        ("TLS 1.1", "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", ("TLSv1.1", 112)),
        ("TLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", ("TLSv1.2", 128)),
    ],
)
def test_sockets_speak_older_versions(version: str, suite: str, shown: tuple[str, int]) -> None:
    """What was agreed is told as `ssl` tells it, data goes both ways, and the socket can be had back."""
    choices: dict[str, Any] = {"policy": LEGACY_2026, "versions": (version,), "cipher_suites": (suite,)}
    with tls_pair(client_config(**choices), server_config(**choices)) as (client, server):
        assert client.cipher() == (suite, *shown)
        assert server.version() == shown[0]
        with pytest.raises(UsageError):
            client.update_keys()
        client.sendall(bytes(50_000))
        client.shutdown_write()
        assert read_all(server) == bytes(50_000)


def test_a_socket_of_older_versions_can_be_unwrapped() -> None:
    """close_notify ends TLS 1.2 in a record that shows its type, and what follows belongs to the next
    protocol."""
    choices: dict[str, Any] = {"versions": ("TLS 1.2",)}
    with tls_pair(client_config(**choices), server_config(**choices)) as (client, server):
        client.sendall(b"last words")
        assert server.recv(100) == b"last words"
        other = Background(server.unwrap)
        raw = client.unwrap()
        with raw, other.result() as far:
            far.sendall(b"in the clear")
            assert raw.recv(100) == b"in the clear"


def test_what_follows_an_alert_is_seen() -> None:
    """Before TLS 1.3 the header tells where a connection ends: after the alert, or where the version
    changes."""
    data, alert = b"\x17\3\3\0\1x", b"\x15\3\3\0\2xx"
    for stream, exceeded in (
        (data + alert, False),
        (data + alert + data, True),
        (data + b"\x15\3\1\0\2xx", True),
        (data + b"HELO x\r\n", True),
        (alert + data + alert, False),
    ):
        marks = RecordMarks()
        marks.version = b"\3\3"
        marks.follow(stream)
        assert marks.exceeded is exceeded
