"""Blocking sockets against peers that close at the wrong moment, never stop, or send the smallest records."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

import lucidtls
from lucidtls.connection import ClientConnection
from lucidtls.errors import ConnectionLost, TimedOut, TruncatedStream, UsageError
from lucidtls.io.marks import RecordMarks
from lucidtls.io.sockets import TLSSocket, connect
from lucidtls.io.stream import PIECE_COST, READ_AHEAD
from lucidtls.io.transport import Deadline, wait
from lucidtls.trace import TraceRecord
from tests.flows.parties import SERVER_NAME, client_config, server_config
from tests.unit.io import ends
from tests.unit.io.ends import Background, raw_pair, tls_pair

SMALLEST_TICKET = bytes.fromhex("0400000e 00000000 00000000 00 0001 78 0000")
"""A NewSessionTicket that carries no data: lifetime 0, an empty nonce, a ticket of one byte."""


def send_at_once(tls: TLSSocket) -> None:
    """Send all that the engine has as one piece."""
    tls._sock.setblocking(True)
    tls._sock.sendall(tls._connection.data_to_send())
    tls._sock.setblocking(False)


@contextmanager
def busy(tls: TLSSocket, record: bytes, most: float = 6.0) -> Iterator[None]:
    """Keep the other side's socket readable with `record`, again and again, from a thread."""
    stop = threading.Event()

    def send() -> None:
        until = time.monotonic() + most
        with suppress(OSError):
            while not stop.is_set() and time.monotonic() < until:
                tls._sock.sendall(record)

    tls._sock.setblocking(True)
    tls._sock.settimeout(1.0)
    sender = Background(send)
    try:
        yield
    finally:
        stop.set()
        sender.result()


def tickets(tls: TLSSocket, count: int) -> bytes:
    """Records that carry no data, and that the peer accepts."""
    channel = tls._connection._channel
    for _ in range(count):
        channel.writer.write(22, SMALLEST_TICKET)
    return tls._connection.data_to_send()


# A write that fails


@pytest.mark.parametrize("local", [False, True])
def test_data_that_came_survives_an_answer_that_cannot_be_sent(
    local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that came before the transport broke is delivered, whatever else had to be said (RFC 9846
    §6.1).
    """
    if local:
        monkeypatch.setattr(ends, "raw_pair", socket.socketpair)
    with tls_pair() as (client, server):
        if not local:
            client.sendall(b"what the server never reads makes its close a reset")
        server._connection.update_keys(request_peer=True)
        server._connection.send_data(b"the answer")
        server._connection.close()
        send_at_once(server)
        server._sock.close()
        time.sleep(0.05)
        assert client.recv(100) == b"the answer"
        assert client.recv(100) == b""


def test_a_writer_that_fails_takes_nothing_from_a_reader() -> None:
    """A failed write is raised where it happens; a thread that reads still gets what came before."""
    with tls_pair() as (client, server):
        server._connection.send_data(b"the answer")
        server._connection.close()
        client._reading.acquire()
        send_at_once(server)
        server._sock.close()
        with pytest.raises(ConnectionLost, match="writing"):
            for _ in range(200):
                client.sendall(b"x" * 1000)
                time.sleep(0.001)
        client._reading.release()
        assert client.recv(100) == b"the answer"
        assert client.recv(100) == b""
        with pytest.raises(ConnectionLost, match="writing"):
            client.sendall(b"again")


def test_a_reader_learns_of_a_failed_write_when_nothing_is_left() -> None:
    """A transport that broke while writing, and ends without close_notify, is lost rather than
    truncated.
    """
    with tls_pair() as (client, server):
        server.sendall(b"some")
        server._sock.close()
        with pytest.raises(ConnectionLost):
            for _ in range(200):
                client.sendall(b"x" * 1000)
                time.sleep(0.001)
        assert client.recv(100) == b"some"
        for _ in range(2):
            with pytest.raises(ConnectionLost, match="writing"):
                client.recv(100)


# A peer that never stops


def test_a_read_ends_in_time_while_bytes_keep_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    """What carries no data does not extend the wait for data."""
    with tls_pair() as (client, _):
        # A stand-in for a peer that never stops: every turn brings bytes, and none of them is data.
        monkeypatch.setattr(client, "_receive_now", lambda: True)
        for timeout, ending in ((0.1, TimedOut), (0.0, BlockingIOError)):
            client.settimeout(timeout)
            for call in (lambda: client.recv(10), lambda: client.recv_into(bytearray(10))):
                with pytest.raises(ending):
                    Background(call).result()


def test_messages_without_data_do_not_extend_a_read() -> None:
    """A flood of session tickets ends a read at its deadline, and nothing of the stream is lost by that."""
    with tls_pair() as (client, server):
        records = tickets(server, 20_000)
        client.settimeout(0.05)
        server._sock.setblocking(True)
        sender = Background(server._sock.sendall, records)
        with pytest.raises(TimedOut):
            client.recv(10)
        client.settimeout(5)
        finish = Background(client.recv, 10)
        sender.result()
        server._connection.send_data(b"at last")
        send_at_once(server)
        assert finish.result() == b"at last"


def test_a_deadline_holds_however_many_turns_succeed() -> None:
    """A deadline allows the first turn, and none after it has passed."""
    deadline = Deadline(0.02)
    deadline.start_turn()
    time.sleep(0.03)
    with pytest.raises(TimedOut):
        deadline.start_turn()
    never_waits = Deadline(0.0)
    for _ in range(64):
        never_waits.start_turn()
    with pytest.raises(BlockingIOError):
        never_waits.start_turn()
    for _ in range(100):
        Deadline(None).start_turn()


def test_a_handshake_ends_in_time_while_bytes_keep_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handshake's deadline holds even if the peer keeps the socket readable all the time."""
    near, far = raw_pair()
    tls = TLSSocket(near, ClientConnection(client_config(), SERVER_NAME))
    # A stand-in for an engine that is kept busy: every turn brings bytes, and none of them says anything.
    monkeypatch.setattr(tls, "_receive_now", lambda: True)
    with far:
        started = time.monotonic()
        with pytest.raises(TimedOut, match="handshake"):
            tls.handshake(0.1)
        assert time.monotonic() - started < 1
        tls.close()


def test_a_write_ends_in_time_while_bytes_keep_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading ahead does not extend the wait of a writer."""
    with tls_pair() as (client, server):
        server.sendall(b"readable")
        monkeypatch.setattr(client, "_receive_now", lambda: True)
        client.settimeout(0.1)
        with pytest.raises(TimedOut):
            Background(client.sendall, bytes(64 << 20)).result()


def test_closing_ends_in_time_while_data_keeps_coming() -> None:
    """A close that lingers gives the peer so many seconds, and not as many as it likes."""
    with tls_pair() as (client, server), busy(client, bytes(1 << 20)):
        time.sleep(0.05)
        started = time.monotonic()
        server.close(linger=0.2)
        assert time.monotonic() - started < 1.5


# Waiting with select


def test_pending_tells_of_a_record_that_is_not_yet_decrypted() -> None:
    """Two records that come together are one readable socket: `pending` tells of the second."""
    with tls_pair() as (client, server):
        server._connection.send_data(b"a" * 10)
        server._connection.send_data(b"b" * 10)
        send_at_once(server)
        assert client.recv(10) == b"a" * 10
        assert not select.select([client], [], [], 0)[0]
        assert client.pending() == 10
        assert client.recv(10) == b"b" * 10
        assert client.pending() == 0


def test_pending_tells_of_the_end_once() -> None:
    """An end that has come with data does not make the socket readable; `pending` tells, until it is read."""
    with tls_pair() as (client, server):
        server._connection.send_data(b"last")
        server._connection.close()
        send_at_once(server)
        assert client.recv(4) == b"last"
        assert not select.select([client], [], [], 0)[0]
        assert client.pending() == 1
        assert client.recv(10) == b""
        assert client.pending() == 0


def test_pending_does_not_wait_for_a_reader() -> None:
    """`pending` returns at once while another thread waits for data."""
    with tls_pair() as (client, server):
        reader = Background(client.recv, 10)
        time.sleep(0.05)
        started = time.monotonic()
        assert client.pending() == 0
        assert time.monotonic() - started < 1
        server.sendall(b"x")
        assert reader.result() == b"x"


def test_kept_data_counts_for_the_memory_it_takes() -> None:
    """Records of one byte cost hundreds: few are kept while a writer waits, and none is lost."""
    count = 20_000
    with tls_pair() as (client, server):
        for _ in range(count):
            server._connection.send_data(b"x")
        records = server._connection.data_to_send()
        server._sock.setblocking(True)
        sender = Background(server._sock.sendall, records)
        client.settimeout(0.3)
        with pytest.raises(TimedOut):
            client.sendall(bytes(64 << 20))
        assert len(client._arrived) <= READ_AHEAD // PIECE_COST + 1
        client.settimeout(5)
        received = 0
        while received < count:
            received += len(client.recv(65536))
        sender.result()
        assert received == count


# Sending some


def test_what_send_took_is_reported_even_if_it_has_to_wait() -> None:
    """`send` reports what it has sealed: the caller who sends the rest neither repeats nor omits a byte."""
    data = os.urandom(6 << 20)
    with tls_pair() as (client, server):
        client.settimeout(0.1)
        taken = 0
        with pytest.raises(TimedOut):
            while taken < len(data):
                taken += client.send(data[taken : taken + 200_000])
        client.settimeout(5)
        assert taken < len(data)
        sender = Background(client.sendall, data[taken:])
        received = bytearray()
        while len(received) < len(data):
            received += server.recv(1 << 20)
        sender.result()
        assert received == data


def test_a_reader_sends_what_an_earlier_call_left_over() -> None:
    """A request that `send` took after its timeout reaches the peer while its sender waits for the answer."""
    with tls_pair() as (client, server):
        client.settimeout(0.1)
        taken = 0
        with pytest.raises(TimedOut):
            while True:
                taken += client.send(bytes(200_000))

        def answer() -> None:
            received = 0
            while received < taken:
                received += len(server.recv(1 << 20))
            server.sendall(b"all of it")

        server.settimeout(5)
        answering = Background(answer)
        client.settimeout(5)
        assert client.recv(100) == b"all of it"
        answering.result()


# What follows TLS on the transport


@pytest.mark.parametrize("data", [b"", b"still sealed", bytes(40_000)])
@pytest.mark.parametrize("follows", [b"220 ready\r\n", b"\x16\x03\x01\0\1\0", b"\x17\x03\x03\0\0"])
def test_what_follows_close_notify_is_left_to_the_next_protocol(data: bytes, follows: bytes) -> None:
    """TLS ends with close_notify: what a peer sends behind it is not TLS's to take (RFC 9846 §6.1)."""
    with tls_pair() as (client, server):
        server._connection.send_data(data)
        server._connection.close()
        server._sock.setblocking(True)
        server._sock.sendall(server._connection.data_to_send() + follows)
        with client.unwrap() as raw:
            assert raw.recv(100) == follows
        assert data == b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("follows", [b"2", b"220 ready\r\n", b"\x16\x03\x01\0\1\0"])
@pytest.mark.parametrize("half_closed", [False, True])
def test_what_was_read_along_with_close_notify_is_not_lost_in_silence(
    follows: bytes, half_closed: bool
) -> None:
    """A transport some of whose bytes are gone is not handed on."""
    with tls_pair() as (client, server):
        server._connection.close()
        server._sock.setblocking(True)
        server._sock.sendall(server._connection.data_to_send() + follows)
        if half_closed:
            client.shutdown_write()
        assert client.recv(10) == b""
        with pytest.raises(UsageError, match="close_notify"):
            client.unwrap()


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 20, 100])
def test_records_are_followed_however_they_are_cut(piece: int) -> None:
    """A record's header says where the next one begins (RFC 9846 §5.1)."""
    lengths = (0, 1, 300, 4, 0, 17)
    stream = b"".join(b"\x17\x03\x03" + length.to_bytes(2) + bytes(length) for length in lengths)
    marks = RecordMarks()
    marks.sealed = True
    for start in range(0, len(stream), piece):
        marks.follow(stream[start : start + piece])
    assert marks.wanted == 5
    assert not marks.exceeded
    marks.follow(b"\x17\x03")
    assert marks.wanted == 3
    marks.follow(b"\x03\0\x09x")
    assert marks.wanted == 8
    assert marks.exceeded


# The server


def test_a_server_outlives_a_thread_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client for whom the system has no thread is turned away, and the next one is served."""
    start = threading.Thread.start
    refused: list[threading.Thread] = []

    def fail_once(thread: threading.Thread) -> None:
        if not refused and "accept" not in thread.name:
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    with lucidtls.TLSServer(server_config(), lambda tls: tls.sendall(b"hi"), max_connections=1) as server:
        monkeypatch.setattr(threading.Thread, "start", fail_once)
        with socket.create_connection(server.address, timeout=5) as turned_away:
            assert turned_away.recv(1) == b""
        assert refused
        with connect("127.0.0.1", server.port, config=client_config(), server_name=SERVER_NAME) as tls:
            assert tls.recv(10) == b"hi"
    assert not server._serving


# Mistakes


def test_a_negative_count_is_refused() -> None:
    """A negative number of bytes is a mistake, not an index from the end."""
    with tls_pair() as (client, _), pytest.raises(ValueError, match="negative"):
        client.recv_into(bytearray(8), -3)


def test_tickets_are_gone_after_a_failure() -> None:
    """After a failure no session is resumed with the tickets of that connection (RFC 9846 §6)."""
    with tls_pair() as (client, server):
        channel = server._connection._channel
        lasting = bytearray(SMALLEST_TICKET)
        lasting[4:8] = (3600).to_bytes(4)
        channel.writer.write(22, bytes(lasting))
        server._connection.send_data(b"x")
        send_at_once(server)
        assert client.recv(5) == b"x"
        assert [ticket.ticket for ticket in client.tickets] == [b"x"]
        server._sock.setblocking(True)
        server._sock.sendall(b"\x17\x03\x03\0\x20" + bytes(32))
        with pytest.raises(lucidtls.errors.BadRecordMac):
            client.recv(5)
        assert not client.tickets
        assert not server.tickets


@pytest.mark.parametrize("call", ["handshake", "recv"])
def test_a_side_that_closed_before_the_handshake_cannot_go_on(call: str) -> None:
    """After user_canceled and close_notify there is no handshake to wait for (RFC 9846 §6.1)."""
    near, far = raw_pair()
    tls = TLSSocket(near, ClientConnection(client_config(), SERVER_NAME))
    tls.shutdown_write()
    far.shutdown(socket.SHUT_WR)
    with far, pytest.raises(UsageError, match="closed"):
        _ = tls.handshake(1.0) if call == "handshake" else tls.recv(10)
    tls.close()


def test_waiting_on_a_closed_socket_is_a_mistake() -> None:
    """A socket that another thread has closed is reported as such."""
    near, far = raw_pair()
    near.close()
    with far, pytest.raises(UsageError, match="closed"):
        wait(near, Deadline(1.0), read=True)


class Meddler:
    """A tracer that does something at the next record, once."""

    wants_secrets = False

    def __init__(self) -> None:
        self.next: Callable[[], object] | None = None

    def record(self, entry: TraceRecord) -> None:
        """Do it."""
        act, self.next = self.next, None
        if act is not None:
            act()


CALLS: dict[str, Callable[[TLSSocket], object]] = {
    "recv": lambda tls: tls.recv(1),
    "recv_into": lambda tls: tls.recv_into(bytearray(1)),
    "pending": lambda tls: tls.pending(),
    "send": lambda tls: tls.send(b"x"),
    "sendall": lambda tls: tls.sendall(b"x"),
    "flush": lambda tls: tls.flush(),
    "update_keys": lambda tls: tls.update_keys(),
    "shutdown_write": lambda tls: tls.shutdown_write(),
    "unwrap": lambda tls: tls.unwrap(),
    "handshake": lambda tls: tls.handshake(),
    "close": lambda tls: tls.close(),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_callback_cannot_use_the_connection_that_calls_it(name: str) -> None:
    """A tracer that calls back into its own connection is told so, while reading and while writing."""
    meddler = Meddler()
    with tls_pair(client_config(tracer=meddler)) as (client, server):
        meddler.next = lambda: CALLS[name](client)
        with pytest.raises(UsageError, match="callback"):
            Background(client.sendall, b"x").result()
    with tls_pair(client_config(tracer=meddler)) as (client, server):
        server.sendall(b"x")
        meddler.next = lambda: CALLS[name](client)
        with pytest.raises(UsageError, match="callback"):
            Background(client.recv, 10).result()


def test_a_close_that_a_callback_disturbs_still_closes() -> None:
    """What a tracer raises at the last moment leaves no descriptor open."""

    def disturb() -> None:
        raise ZeroDivisionError("the tracer has a bug")

    meddler = Meddler()
    with tls_pair(client_config(tracer=meddler)) as (client, server):
        reader = Background(client.recv, 10)
        time.sleep(0.05)
        meddler.next = disturb
        with pytest.raises(ZeroDivisionError):
            client.close()
        assert client.fileno() == -1
        with pytest.raises((TruncatedStream, ConnectionLost, UsageError)):
            reader.result()
        with pytest.raises((TruncatedStream, ConnectionLost)):
            server.recv(10)
