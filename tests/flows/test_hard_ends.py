"""Connections that must end, and lists that must stay short, whatever the application or the peer does."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.errors import (
    BadRecordMac,
    ConfigurationError,
    InternalError,
    NegotiationFailure,
    UnexpectedMessage,
)
from lucidtls.events import ApplicationData
from lucidtls.handshake.schedule13 import ApplicationSecrets, HandshakeSecrets
from lucidtls.record.framing import RecordBuffer
from lucidtls.record.reader import RecordReader
from lucidtls.trace import Failed, TraceRecord
from lucidtls.trust.verify import VerificationRequest
from tests.flows.pair import Pair, connected
from tests.flows.parties import SERVER_NAME, client_config, server_config


class Broken(Exception):
    """What a faulty callback raises."""


def padding_without_alerts(content_type: int, _length: int) -> int:
    """A padding policy that its author never tried with alerts."""
    if content_type == 21:
        raise Broken
    return 0


class FaultyTracer:
    """A tracer that raises at the worst moment."""

    wants_secrets = False

    def record(self, entry: TraceRecord) -> None:
        """Raise when a failure is recorded."""
        if isinstance(entry, Failed):
            raise Broken


@pytest.mark.parametrize("choices", [{"padding": padding_without_alerts}, {"tracer": FaultyTracer()}])
def test_a_bad_record_ends_the_connection_whatever_callbacks_do(choices: dict[str, Any]) -> None:
    """After a record that does not authenticate nothing is read any more (RFC 9846 §5.2, §6)."""
    client = ClientConnection(client_config(), SERVER_NAME)
    server = ServerConnection(server_config(**choices))
    for sender, receiver in ((client, server), (server, client), (client, server)):
        receiver.receive_data(sender.data_to_send())
        while receiver.next_event() is not None:
            continue
    client.send_data(b"one")
    good = client.data_to_send()
    server.receive_data(good[:-1] + bytes((good[-1] ^ 1,)) + good)
    with pytest.raises(Broken) as caught:
        server.next_event()
    assert isinstance(caught.value.__context__, BadRecordMac)
    assert server.closed
    assert server.next_event() is None


def test_early_data_records_without_content_use_up_the_limit() -> None:
    """Records that are passed over cost their header too, or a client could send them for ever."""
    reader = RecordReader()
    reader.started = True
    reader.skip_early_data(1001)
    reader.feed(b"\x17\x03\x03\0\0" * 1000)
    with pytest.raises(UnexpectedMessage, match="early data"):
        reader.read()


@pytest.mark.parametrize("code", ["H", "I", "Q"])
def test_data_may_come_in_any_buffer(code: str) -> None:
    """A buffer is its bytes, whatever the size of its items: records hold at most 2^14 bytes."""
    numbers = array(code, range(20_000))
    pair = connected()
    pair.client.connection.send_data(memoryview(numbers))
    pair.exchange()
    assert pair.server.data == numbers.tobytes()


def test_a_verifier_that_returns_true_accepts_nothing_and_leaves_no_secret_behind() -> None:
    """A verdict has to be said; and the traceback of the refusal holds no handshake secrets (RFC 9846 §6)."""

    class Careless:
        def verify(self, _request: VerificationRequest) -> Any:
            return True

    pair = Pair(client_config(verifier=Careless()))
    pair.exchange()
    error = pair.client.error
    assert isinstance(error, InternalError)
    frame = error.__traceback__
    while frame is not None:
        for value in frame.tb_frame.f_locals.values():
            assert not isinstance(value, (HandshakeSecrets, ApplicationSecrets))
        frame = frame.tb_next


def test_secrets_do_not_print() -> None:
    """Tools that print the variables of a traceback see no secret."""
    secret = bytes(range(32))
    for shown in (
        HandshakeSecrets(secret, secret, secret),
        ApplicationSecrets(secret, secret, secret, secret),
    ):
        assert repr(secret) not in repr(shown)


def test_an_error_quotes_only_the_beginning_of_what_a_peer_lists() -> None:
    """The peer chooses how long its lists are; our logs do not follow it."""
    error = NegotiationFailure(
        "nothing in common", offered=list(range(32_000)), text="x" * 9000, clause="RFC 9846 §4.2.1"
    )
    assert len(str(error)) < 2500
    assert "and 31980 more" in str(error)
    assert len(error.fields["offered"]) == 32_000  # type: ignore[arg-type]


def test_lists_that_do_not_fit_into_a_hello_are_refused_early() -> None:
    """Each name costs its length field too; a config that cannot make a hello is not built."""
    with pytest.raises(ConfigurationError, match="too long"):
        client_config(certificate_authorities=(b"\x30\x00",) * 9000)


def test_a_judge_of_certificates_nobody_asks_for_is_a_mistake() -> None:
    """A server that names whose clients it trusts and does not ask for certificates would accept anybody."""
    with pytest.raises(ConfigurationError, match="client_authentication"):
        server_config(trust=client_config().trust)


def test_single_bytes_cost_little_even_when_nobody_reads() -> None:
    """Bytes that wait are joined as they come, without copying all that waits already."""
    buffer = RecordBuffer()
    for _ in range(200_000):
        buffer.feed(b"x")
    assert len(buffer) == 200_000
    assert len(buffer._pieces) == 1


def test_records_arrive_after_single_bytes() -> None:
    """What was fed byte by byte, large pieces between, comes out in order."""
    pair = connected()
    pair.client.connection.send_data(bytes(50_000))
    data = pair.client.connection.data_to_send()
    for number in range(3000):
        pair.server.connection.receive_data(data[number : number + 1])
    pair.server.connection.receive_data(data[3000:30_000])
    pair.server.connection.receive_data(data[30_000:])
    received = b""
    while isinstance(event := pair.server.connection.next_event(), ApplicationData):
        received += event.data
    assert received == bytes(50_000)
