"""Blocking sockets: reading, writing, waiting and ending, between two real ends."""

from __future__ import annotations

import hashlib
import os
import select
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

import lucidtls
from lucidtls.alerts import CERTIFICATE_REQUIRED, FATAL
from lucidtls.errors import (
    AlertReceived,
    BadRecordMac,
    CertificateRejected,
    CertificateRequired,
    ConfigurationError,
    ConnectionLost,
    NotTLS,
    TimedOut,
    TruncatedStream,
    UsageError,
)
from lucidtls.io.sockets import TLSSocket, connect, wrap
from lucidtls.trust.credentials import ASK
from tests.flows.parties import SERVER_NAME, client_config, client_credential, credential, server_config
from tests.unit.io.ends import Background, listening, raw_pair, read_all, server_flight, tls_pair

MEGABYTES = os.urandom(1 << 20) * 6


def reset(sock: socket.socket) -> None:
    """Close a socket so that the peer sees a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# Reading and writing


def test_data_arrives_as_it_was_sent() -> None:
    """Application data is delivered in order, whole, and in both directions."""
    with tls_pair() as (client, server):
        client.sendall(b"question")
        assert server.recv(100) == b"question"
        server.sendall(b"answer")
        assert client.recv(100) == b"answer"


@pytest.mark.parametrize("piece", [1, 7, 16_384, 16_385, 70_000, 1 << 20])
def test_reads_of_any_size_give_the_same_stream(piece: int) -> None:
    """Records are invisible to the application: it reads as much at a time as it likes (RFC 9846 §5.1)."""
    data = os.urandom(2_000 if piece < 100 else 300_000)
    with tls_pair() as (client, server):
        sender = Background(client.sendall, data)
        received = bytearray()
        while len(received) < len(data):
            part = server.recv(piece)
            assert 0 < len(part) <= piece
            received += part
        sender.result()
        assert received == data


@pytest.mark.parametrize("size", [1, 100, 16_384, 16_385, 100_000])
def test_recv_into_fills_the_callers_buffer_and_no_more(size: int) -> None:
    """`recv_into` writes as many bytes as it says, and nothing beyond the room it was given."""
    data = os.urandom(200_000)
    with tls_pair() as (client, server):
        sender = Background(client.sendall, data)
        buffer = bytearray(b"\xee" * (size + 50))
        received = bytearray()
        while len(received) < min(len(data), 20 * size):
            count = server.recv_into(buffer, size)
            assert 0 < count <= size
            assert buffer[size:] == b"\xee" * 50
            received += buffer[:count]
        assert data.startswith(received)
        while len(received) < len(data):
            received += server.recv(65536)
        sender.result()


def test_megabytes_arrive_unaltered_in_both_directions_at_once() -> None:
    """Each direction is a stream of its own: both may be full at the same time (RFC 9846 §5)."""
    with tls_pair() as (client, server):
        calls = [Background(end.sendall, MEGABYTES) for end in (client, server)]
        digests = []
        for end in (client, server):
            digests.append(Background(lambda tls: hashlib.sha256(read_exactly(tls, len(MEGABYTES))), end))
        for call in calls:
            call.result()
        expected = hashlib.sha256(MEGABYTES).digest()
        assert [digest.result().digest() for digest in digests] == [expected, expected]


def read_exactly(tls: TLSSocket, length: int) -> bytes:
    """Read so many bytes."""
    received = bytearray(length)
    with memoryview(received) as view:
        at = 0
        while at < length:
            count = tls.recv_into(view[at:])
            assert count
            at += count
    return bytes(received)


def test_two_ends_that_send_first_and_read_later_meet() -> None:
    """An end that waits to write reads ahead meanwhile, so two that write at once do not wait for each
    other.
    """
    data = MEGABYTES[: 3 << 20]
    with tls_pair() as (client, server):
        for end in (client, server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        size = 1 << 20
        calls = [Background(end.sendall, data[:size]) for end in (client, server)]
        for call in calls:
            call.result()
        assert read_exactly(client, size) == read_exactly(server, size) == data[:size]


def test_keys_change_while_data_flows() -> None:
    """A KeyUpdate that asks for one in return is answered, and no byte is lost (RFC 9846 §4.7.3)."""
    with tls_pair() as (client, server):
        for _ in range(3):
            client.update_keys(request_peer=True)
            client.sendall(b"new keys")
            assert server.recv(100) == b"new keys"
            server.sendall(b"here too")
            assert client.recv(100) == b"here too"


def test_keys_are_changed_before_they_wear_out() -> None:
    """A sender that reaches its key's limit updates the key and goes on (RFC 9846 §5.5)."""
    data = os.urandom(500_000)
    with tls_pair(client_config(rekey_after_records=3)) as (client, server):
        sender = Background(client.sendall, data)
        assert read_exactly(server, len(data)) == data
        sender.result()


def test_empty_reads_and_writes_do_nothing() -> None:
    """Asking for no bytes, or sending none, needs no record."""
    with tls_pair() as (client, _):
        before = client.bytes_sent
        client.sendall(b"")
        assert client.send(b"") == 0
        assert client.recv(0) == b""
        assert client.recv_into(bytearray()) == 0
        assert client.bytes_sent == before


def test_any_buffer_can_be_sent() -> None:
    """What is sent are bytes, whatever object holds them."""
    with tls_pair() as (client, server):
        for data in (bytearray(b"abcd"), memoryview(b"abcd"), memoryview(b"aXbXcXdX")[::1][:8].cast("H")):
            client.sendall(data)
        assert read_exactly(server, 16) == b"abcdabcdaXbXcXdX"


def test_one_thread_reads_while_another_writes() -> None:
    """The two directions may belong to two threads."""
    with tls_pair() as (client, server):
        echoing = Background(echo, server)
        reader = Background(read_exactly, client, len(MEGABYTES))
        for start in range(0, len(MEGABYTES), 100_001):
            client.sendall(MEGABYTES[start : start + 100_001])
        assert reader.result() == MEGABYTES
        client.shutdown_write()
        echoing.result()


# Ending


def test_close_notify_is_the_end_of_the_stream() -> None:
    """After close_notify a reader sees the end, again and again (RFC 9846 §6.1)."""
    with tls_pair() as (client, server):
        client.sendall(b"last words")
        client.close()
        assert server.recv(100) == b"last words"
        assert server.recv(100) == server.recv(100) == b""
        assert server.recv_into(bytearray(10)) == 0


def test_half_close_leaves_the_other_direction_open() -> None:
    """Each side closes its own direction; the other may still send (RFC 9846 §6.1)."""
    with tls_pair() as (client, server):
        client.sendall(b"request")
        client.shutdown_write()
        assert read_all(server) == b"request"
        server.sendall(MEGABYTES[:100_000])
        server.close()
        assert read_all(client) == MEGABYTES[:100_000]


def test_nothing_is_sent_after_close_notify() -> None:
    """A side that has sent close_notify sends no more data (RFC 9846 §6.1)."""
    with tls_pair() as (client, _):
        client.shutdown_write()
        with pytest.raises(UsageError):
            client.sendall(b"one more thing")


def test_an_end_without_close_notify_is_truncation() -> None:
    """A transport that ends without close_notify may have lost data, and the reader is told (RFC 9846
    §6.1).
    """
    with tls_pair() as (client, server):
        client.sendall(b"all of it?")
        client._sock.close()
        assert server.recv(100) == b"all of it?"
        for _ in range(2):
            with pytest.raises(TruncatedStream):
                server.recv(100)


def test_a_reset_is_a_lost_connection() -> None:
    """A reset transport is neither the end of the data nor an error of TLS."""
    with tls_pair() as (client, server):
        reset(client._sock)
        with pytest.raises(ConnectionLost) as caught:
            server.recv(100)
        assert isinstance(caught.value, ConnectionError)


def test_an_altered_record_is_refused_after_what_came_before_it() -> None:
    """Data that arrived intact is delivered; then the altered record ends it with bad_record_mac (RFC 9846
    §5.2).
    """
    with tls_pair() as (client, server):
        client._connection.send_data(b"intact")
        client._connection.send_data(b"altered")
        records = bytearray(client._connection.data_to_send())
        records[-1] ^= 1
        client._sock.sendall(records)
        assert server.recv(100) == b"intact"
        with pytest.raises(BadRecordMac):
            server.recv(100)
        with pytest.raises(BadRecordMac):
            server.sendall(b"still there?")
        with pytest.raises(AlertReceived, match="bad_record_mac"):
            client.recv(100)


def test_a_peers_alert_is_raised() -> None:
    """A fatal alert ends the connection, whatever it says (RFC 9846 §6.2)."""
    with tls_pair() as (client, server):
        server._connection.abort(ValueError("the application gives up"))
        server._sock.sendall(server._connection.data_to_send())
        with pytest.raises(AlertReceived, match="internal_error"):
            client.recv(100)


def test_a_failed_write_tells_what_the_peer_had_said() -> None:
    """A peer that refuses and closes is heard, even by a side that only writes (RFC 9846 §6.2)."""
    with tls_pair() as (client, server):
        server._connection.abort(ValueError("no"))
        server._sock.sendall(server._connection.data_to_send())
        server._sock.close()
        with pytest.raises(AlertReceived, match="internal_error"):
            for _ in range(200):
                client.sendall(b"x" * 100_000)


def test_unwrap_gives_the_socket_back() -> None:
    """After both close_notify alerts the transport is free for something else (RFC 9846 §6.1)."""
    with tls_pair() as (client, server):
        client.sendall(b"secret")
        other = Background(server.unwrap)
        raw = client.unwrap()
        far = other.result()
        assert server.recv(100) == b"secret"
        with raw, far:
            raw.sendall(b"in the clear")
            assert far.recv(100) == b"in the clear"
        assert client.fileno() == -1


def test_closing_twice_is_closing_once() -> None:
    """close_notify is sent once."""
    with tls_pair() as (client, server):
        client.close()
        sent = client.bytes_sent
        client.close()
        assert client.bytes_sent == sent
        assert server.recv(10) == b""


def test_a_closed_socket_says_so() -> None:
    """Using a connection after closing it is the program's mistake."""
    with tls_pair() as (client, _):
        client.close()
        with pytest.raises(UsageError, match="closed"):
            client.recv(10)
        with pytest.raises(UsageError):
            client.sendall(b"x")
        assert "closed" in repr(client)


def test_closing_wakes_a_reader() -> None:
    """A thread that waits for data learns that its socket was closed under it."""
    with tls_pair() as (client, _):
        client.settimeout(None)
        reader = Background(client.recv, 100)
        time.sleep(0.05)
        client.close()
        with pytest.raises((UsageError, TruncatedStream, ConnectionLost)):
            reader.result()


# Waiting


def test_a_silent_peer_times_out() -> None:
    """Waiting for data ends when the timeout does, and the connection goes on afterwards."""
    with tls_pair() as (client, server):
        client.settimeout(0.05)
        started = time.monotonic()
        with pytest.raises(TimedOut) as caught:
            client.recv(10)
        assert time.monotonic() - started < 2
        assert isinstance(caught.value, TimeoutError)
        server.sendall(b"late")
        client.settimeout(5)
        assert client.recv(10) == b"late"


def test_a_handshake_has_one_deadline_however_slowly_the_peer_sends() -> None:
    """A peer that sends its flight one byte at a time does not get more time for it."""

    def dribble(sock: socket.socket) -> None:
        _, answer = server_flight(sock)
        for byte in answer:
            sock.sendall(bytes((byte,)))
            time.sleep(0.02)

    with listening(dribble) as port:
        started = time.monotonic()
        with pytest.raises(TimedOut, match="handshake"):
            connect("127.0.0.1", port, config=client_config(), server_name=SERVER_NAME, handshake_timeout=0.3)
        assert time.monotonic() - started < 3


def test_a_read_has_one_deadline_however_slowly_the_peer_sends() -> None:
    """A record that comes one byte at a time does not extend the wait for it."""
    with tls_pair() as (client, server):
        server._connection.send_data(b"x" * 60)
        record = server._connection.data_to_send()

        def dribble() -> None:
            for byte in record:
                with suppress(OSError):
                    server._sock.send(bytes((byte,)))
                time.sleep(0.01)

        slow = Background(dribble)
        client.settimeout(0.2)
        started = time.monotonic()
        with pytest.raises(TimedOut):
            client.recv(10)
        assert time.monotonic() - started < 2
        client.close()
        slow.result()


def test_a_peer_that_does_not_read_times_the_writer_out() -> None:
    """Writing ends when the timeout does, not when the peer pleases to read."""
    with tls_pair() as (client, _):
        client.settimeout(0.2)
        with pytest.raises(TimedOut):
            client.sendall(bytes(64 << 20))


def test_reading_without_waiting() -> None:
    """A non-blocking socket gives what there is, and BlockingIOError when there is nothing."""
    with tls_pair() as (client, server):
        client.setblocking(False)
        assert client.gettimeout() == 0.0
        with pytest.raises(BlockingIOError):
            client.recv(10)
        server.sendall(b"now")
        select.select([client], [], [], 5)
        assert client.recv(10) == b"now"


def test_writing_without_waiting() -> None:
    """A non-blocking socket takes what the system takes, and keeps in order what it has sealed."""
    with tls_pair() as (client, server):
        client.setblocking(False)
        data = os.urandom(8 << 20)
        sent = 0
        with pytest.raises(BlockingIOError):
            while True:
                sent += client.send(data[sent : sent + 500_000])
        reader = Background(lambda: read_exactly(server, sent))
        while not client.flush():
            select.select([], [client], [], 5)
        assert reader.result() == data[:sent]


def test_pending_tells_what_needs_no_waiting() -> None:
    """Decrypted data that was not read yet does not show on the descriptor, so `pending` tells."""
    with tls_pair() as (client, server):
        server.sendall(b"0123456789")
        assert client.recv(4) == b"0123"
        assert client.pending() == 6
        assert client.recv(100) == b"456789"
        assert client.pending() == 0


# As a file


def test_lines_can_be_read_and_written() -> None:
    """A connection can be used as a pair of files."""
    with tls_pair() as (client, server):
        near, far = client.makefile("rw", encoding="utf-8", newline="\n"), server.makefile("rb")
        with near, far:
            near.write("grüße\n")
            near.flush()
            assert far.readline() == "grüße\n".encode()
            server.sendall(b"one\ntwo\n")
            assert [near.readline(), near.readline()] == ["one\n", "two\n"]


def test_a_file_keeps_the_connection_open() -> None:
    """A connection made into a file is closed when the file is, as with any socket."""
    with tls_pair() as (client, server):
        file = client.makefile("rb")
        client.close()
        server.sendall(b"still readable")
        server.shutdown_write()
        assert file.read() == b"still readable"
        file.close()
        assert client.fileno() == -1


def test_files_refuse_what_they_cannot_do() -> None:
    """A file open for reading does not write."""
    with tls_pair() as (client, _):
        with client.makefile("rb") as file:
            assert file.raw.mode == "rb"
            assert file.fileno() == client.fileno()
            with pytest.raises(OSError, match="not open for writing"):
                file.raw.write(b"x")
        with pytest.raises(ValueError, match="mode"):
            client.makefile("a")
        with pytest.raises(ValueError, match="unbuffered"):
            client.makefile("r", buffering=0)


# The handshake


def test_connecting_by_address_checks_the_address() -> None:
    """A server reached by its IP address must have that address in its certificate (RFC 9525 §6.4)."""
    config = server_config(credentials=credential("p256", "127.0.0.1"))
    with lucidtls.TLSServer(config, echo) as server:
        with connect("127.0.0.1", server.port, config=client_config()) as tls:
            assert tls.negotiated.server_name is None
        with pytest.raises(CertificateRejected) as caught:
            connect("127.0.0.1", server.port, config=client_config(), server_name="127.0.0.2")
        assert caught.value.reason == "wrong_name"


def test_ipv6_with_and_without_brackets() -> None:
    """An IPv6 address may stand in brackets, as in a URL; the certificate has it without."""
    if not socket.has_ipv6:
        pytest.skip("this system has no IPv6")
    config = server_config(credentials=credential("p256", "::1"))
    try:
        server = lucidtls.TLSServer(config, echo, host="::1")
    except OSError:
        pytest.skip("this system has no IPv6 loopback")
    with server:
        for host in ("::1", "[::1]"):
            with connect(host, server.port, config=client_config()) as tls:
                tls.sendall(b"six")
                assert tls.recv(10) == b"six"


def test_a_unicode_host_is_looked_up_by_its_a_label(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name that is resolved and the name that is checked are the same one (RFC 9525 §6.2)."""
    pytest.importorskip("idna")
    asked: list[str] = []

    def getaddrinfo(host: str, *_: Any) -> list[Any]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(socket.gaierror):
        connect("straße.example", 443, config=client_config())
    assert asked == ["xn--strae-oqa.example"]


def test_a_wrong_name_closes_the_socket() -> None:
    """A handshake that fails leaves no connection behind, and the server is told why (RFC 9846 §6.2)."""
    near, far = raw_pair()
    other = Background(lambda: wrap(far, config=server_config(), server_side=True))
    with pytest.raises(CertificateRejected) as caught:
        wrap(near, config=client_config(), server_name="other.example")
    assert caught.value.reason == "wrong_name"
    assert near.fileno() == -1
    with pytest.raises(AlertReceived, match="bad_certificate"):
        other.result()


def test_a_missing_client_certificate_is_told_at_the_first_read() -> None:
    """In TLS 1.3 the client is done before the server refuses it, and hears so later (RFC 9846 §4.5.1)."""
    near, far = raw_pair()
    other = Background(
        lambda: wrap(far, config=server_config(client_authentication="require"), server_side=True)
    )
    with wrap(near, config=client_config(), server_name=SERVER_NAME) as client:
        with pytest.raises(CertificateRequired):
            other.result()
        with pytest.raises(AlertReceived) as caught:
            client.recv(10)
        assert caught.value.alert is CERTIFICATE_REQUIRED


def test_a_client_certificate_is_seen_by_the_server() -> None:
    """A client that is asked shows its certificate, and the server reads it from the socket."""
    config = client_config(credentials=client_credential())
    with tls_pair(config, server_config(client_authentication="require")) as (client, server):
        assert server.getpeercert(binary_form=True) == client_credential().chain[0]
        described = server.getpeercert()
        assert described is not None
        assert described["subjectAltName"] == (("DNS", "client.example.org"),)
        assert client.getpeercert(binary_form=True) == credential().chain[0]


def test_what_was_agreed_reads_as_in_ssl() -> None:
    """Version, suite and application protocol have the standard library's spelling."""
    choices: dict[str, Any] = {"alpn": ("h2", "http/1.1"), "cipher_suites": ("TLS_AES_256_GCM_SHA384",)}
    with tls_pair(client_config(**choices), server_config(**choices)) as (client, server):
        for end in (client, server):
            assert end.version() == "TLSv1.3"
            assert end.cipher() == ("TLS_AES_256_GCM_SHA384", "TLSv1.3", 256)
            assert end.selected_alpn_protocol() == "h2"
        assert server.getpeercert() is None


def test_without_verification_nothing_is_said_about_the_certificate() -> None:
    """An unverified certificate proves nothing, so its contents are not offered as facts."""
    config = client_config(trust=None, verifier=lucidtls.dangerous.NoVerification())
    with tls_pair(config) as (client, _):
        assert client.getpeercert() == {}
        assert client.getpeercert(binary_form=True)
        assert client.negotiated.verified is None


def test_a_config_that_asks_cannot_be_used_by_a_blocking_socket() -> None:
    """A question needs somebody who answers; a blocking socket has nobody, and says so to both sides."""
    near, far = raw_pair()
    other = Background(lambda: wrap(far, config=server_config(), server_side=True))
    with pytest.raises(UsageError, match="VerificationWanted"):
        wrap(near, config=client_config(trust=None, verifier=ASK), server_name=SERVER_NAME)
    with pytest.raises(AlertReceived, match="internal_error"):
        other.result()


@pytest.mark.parametrize(
    ("config", "choices"),
    [
        (server_config(), {}),
        (client_config(), {"server_side": True}),
        (server_config(), {"server_side": True, "server_name": "x"}),
        (client_config(), {}),
    ],
)
def test_a_mixed_up_role_is_a_configuration_error(config: Any, choices: dict[str, Any]) -> None:
    """Client and server need different things, and mixing them up is found at once."""
    near, far = raw_pair()
    with near, far, pytest.raises(ConfigurationError):
        wrap(near, config=config, **choices)


@pytest.mark.parametrize(
    ("spoken", "service"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH"),
        (b"220 mail.example.org ESMTP\r\n", "SMTP"),
        (b"\xff\xfe\xfd\xfc\xfb\xfa", None),
    ],
)
def test_another_protocol_on_the_port_is_named(spoken: bytes, service: str | None) -> None:
    """A port where something else than TLS speaks is recognised by its first bytes."""
    with listening(lambda sock: sock.sendall(spoken)) as port, pytest.raises(NotTLS) as caught:
        connect("127.0.0.1", port, config=client_config(), server_name=SERVER_NAME)
    assert caught.value.service == service


def test_a_plain_client_on_a_tls_port_is_told() -> None:
    """A server that is spoken to in plain HTTP refuses, and says so with an alert."""
    near, far = raw_pair()
    other = Background(lambda: wrap(far, config=server_config(), server_side=True))
    with near:
        near.sendall(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
        with pytest.raises(NotTLS) as caught:
            other.result()
        assert caught.value.service == "HTTP"
        assert near.recv(100) == bytes((21, 3, 3, 0, 2, FATAL, 10))


def test_a_connection_closed_before_the_first_byte() -> None:
    """A peer that goes away without a word is told apart from one that breaks off."""
    with listening(lambda sock: None) as port, pytest.raises((TruncatedStream, ConnectionLost)):
        connect("127.0.0.1", port, config=client_config(), server_name=SERVER_NAME)


def test_a_flight_cut_short_is_told_from_silence() -> None:
    """A handshake that breaks off in the middle of a record has not ended in good order (RFC 9846 §6.1)."""

    def cut(sock: socket.socket) -> None:
        _, answer = server_flight(sock)
        sock.sendall(answer[:200])
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)

    with listening(cut) as port, pytest.raises(TruncatedStream, match="in the middle"):
        connect("127.0.0.1", port, config=client_config(), server_name=SERVER_NAME)


def test_a_reset_during_the_handshake() -> None:
    """A reset is no decision of TLS and raises no alert."""

    def cut(sock: socket.socket) -> None:
        sock.recv(1)
        reset(sock)

    with listening(cut) as port, pytest.raises(ConnectionLost):
        connect("127.0.0.1", port, config=client_config(), server_name=SERVER_NAME)


def test_a_refused_connection_is_the_systems_error() -> None:
    """Where nobody listens there is no TLS, and the system's own error comes through."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        connect("127.0.0.1", port, config=client_config(), server_name=SERVER_NAME)


# The server


def echo(tls: TLSSocket) -> None:
    """Return what comes."""
    while data := tls.recv(65536):
        tls.sendall(data)


def test_a_server_outlives_its_worst_clients() -> None:
    """No client can bring a server down: not by noise, a reset, silence, or a handler that fails."""
    failures: list[BaseException] = []

    def fragile(tls: TLSSocket) -> None:
        if tls.recv(100) == b"crash":
            raise ZeroDivisionError("the handler has a bug")
        tls.sendall(b"fine")

    config = server_config()
    with lucidtls.TLSServer(
        config, fragile, handshake_timeout=0.3, failed=lambda error, address: failures.append(error)
    ) as server:
        for noise in (b"", b"\0" * 1000, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(100)):
            with socket.create_connection(server.address) as raw:
                raw.sendall(noise)
        cut = socket.create_connection(server.address)
        cut.sendall(b"\x16\x03\x01")
        reset(cut)
        silent = socket.create_connection(server.address)
        with connect("127.0.0.1", server.port, config=client_config(), server_name=SERVER_NAME) as tls:
            tls.sendall(b"crash")
            with suppress(TruncatedStream, AlertReceived, ConnectionLost):
                tls.recv(10)
        with connect("127.0.0.1", server.port, config=client_config(), server_name=SERVER_NAME) as tls:
            tls.sendall(b"hello")
            assert tls.recv(10) == b"fine"
        silent.settimeout(5)
        read_all(silent)
        silent.close()
    names = {type(error).__name__ for error in failures}
    assert {"ZeroDivisionError", "NotTLS", "TimedOut"} <= names


def test_a_server_bounds_its_connections() -> None:
    """A server serves as many clients at once as it was told; the next one waits its turn."""
    with lucidtls.TLSServer(server_config(), echo, max_connections=1) as server:
        name: dict[str, Any] = {"config": client_config(), "server_name": SERVER_NAME}
        first = connect("127.0.0.1", server.port, **name)
        with pytest.raises(TimedOut):
            connect("127.0.0.1", server.port, handshake_timeout=0.2, **name)
        first.close()
        with connect("127.0.0.1", server.port, **name) as tls:
            tls.sendall(b"my turn")
            assert tls.recv(10) == b"my turn"


def test_stopping_a_server_ends_its_connections() -> None:
    """A server that stops cuts what is open and leaves no thread behind."""
    before = threading.active_count()
    server = lucidtls.TLSServer(server_config(), echo).start()
    tls = connect("127.0.0.1", server.port, config=client_config(), server_name=SERVER_NAME)
    tls.sendall(b"x")
    assert tls.recv(1) == b"x"
    server.stop()
    with pytest.raises((TruncatedStream, ConnectionLost)), tls:
        assert tls.recv(1) != b"", "cut, not closed in good order"
    assert threading.active_count() == before


def test_the_last_bytes_survive_a_quick_close() -> None:
    """A server that answers and closes waits for the client to take it, unread input or not."""
    answer = os.urandom(300_000)

    def careless(tls: TLSSocket) -> None:
        tls.recv(1)
        tls.sendall(answer)

    with lucidtls.TLSServer(server_config(), careless) as server:
        for _ in range(5):
            with connect("127.0.0.1", server.port, config=client_config(), server_name=SERVER_NAME) as tls:
                tls.sendall(b"more than the server reads")
                assert read_all(tls) == answer
