"""Data, closing and alerts of TLS 1.2 and before, and what happens when keys wear out."""

from __future__ import annotations

from typing import Any

import pytest

from lucidtls.alerts import ALERTS, CLOSE_NOTIFY, USER_CANCELED
from lucidtls.errors import (
    AlertReceived,
    BadRecordMac,
    DecodeError,
    TruncatedStream,
    UnexpectedMessage,
    UsageError,
)
from lucidtls.events import ApplicationData, HandshakeCompleted, PeerClosed
from lucidtls.handshake.driver import MAX_EMPTY_RECORDS, MAX_WARNINGS
from lucidtls.trace import RecordTraced
from lucidtls.wire.codepoints import ContentType
from tests.flows.older import SUITES_10, Stage, client12, server12_config
from tests.flows.pair import End, Pair

VERSIONS = ("TLS 1.2", "TLS 1.1", "TLS 1.0")
ROLES = ("client", "server")
DATA = bytes(range(256)) * 200


def connected12(exchange: str = "ECDHE", **choices: Any) -> Pair:
    """A pair whose handshake is done and whose playbook is empty."""
    pair = Pair(client12(exchange, **choices), server12_config(exchange, **choices))
    pair.run()
    pair.client.events.clear()
    pair.server.events.clear()
    pair.log.turn_page()
    return pair


def ends(pair: Pair, first: str) -> tuple[End, End]:
    """The two ends, a given one first."""
    return (pair.client, pair.server) if first == "client" else (pair.server, pair.client)


def sent_records(pair: Pair, role: str) -> list[int]:
    """The lengths of the application data records that a side sent."""
    entries = [entry for entry in pair.log.of(role) if isinstance(entry, RecordTraced)]
    return [e.length for e in entries if (e.direction, e.content_type) == ("sent", 23)]


# Data


@pytest.mark.parametrize("chunk", [1, 4096, None])
@pytest.mark.parametrize("role", ROLES)
def test_data_arrives_in_order_in_pieces_of_any_size(role: str, chunk: int | None) -> None:
    """A stream is what it was, however the transport cuts it."""
    pair = connected12()
    sender, receiver = ends(pair, role)
    length = 3000 if chunk == 1 else len(DATA)
    sender.connection.send_data(DATA[:length])
    pair.run(chunk)
    assert receiver.data == DATA[:length]


def test_a_server_may_speak_first() -> None:
    """Data that comes in one piece with the server's Finished is given out after the handshake."""
    pair = Pair(client12(), server12_config())
    pair.carry(pair.client, pair.server)
    pair.carry(pair.server, pair.client)
    pair.carry(pair.client, pair.server)
    pair.server.connection.send_data(b"welcome")
    pair.run()
    assert isinstance(pair.client.events[0], HandshakeCompleted)
    assert pair.client.events[1] == ApplicationData(b"welcome")


def test_a_client_sends_nothing_before_the_servers_finished() -> None:
    """Data follows both Finished messages: there is no false start (RFC 5246 §7.4.9)."""
    pair = Pair(client12(), server12_config())
    pair.carry(pair.client, pair.server)
    pair.carry(pair.server, pair.client)
    with pytest.raises(UsageError, match="handshake is not done"):
        pair.client.connection.send_data(b"too early")


@pytest.mark.parametrize("version", VERSIONS)
def test_cbc_of_tls_1_0_splits_off_a_byte(version: str) -> None:
    """With chained IVs the first byte goes alone, so that nobody can choose what follows (CVE-2011-3389)."""
    pair = connected12(versions=(version,), cipher_suites=(SUITES_10["ECDHE"],))
    pair.client.connection.send_data(b"x" * 1000)
    pair.client.connection.send_data(b"y")
    pair.client.connection.send_data(DATA)
    pair.run()
    assert pair.server.data == b"x" * 1000 + b"y" + DATA
    rest = [16384] * 3
    first = [1, 999, 1, 1] if version == "TLS 1.0" else [1000, 1]
    last = len(DATA) - sum(rest) - (version == "TLS 1.0")
    assert sent_records(pair, "client") == [*first, *rest, last]


def test_stream_ciphers_of_tls_1_0_split_nothing() -> None:
    """RC4 and NULL have no IV to protect."""
    pair = connected12(versions=("TLS 1.0",), cipher_suites=("TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",))
    pair.client.connection.send_data(b"x" * 1000)
    assert sent_records(pair, "client") == [1000]


@pytest.mark.parametrize("suite", ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", SUITES_10["ECDHE"]])
def test_the_fast_path_reads_the_same_data(suite: str) -> None:
    """`read_into` and events together give the stream once, and in order."""
    pair = connected12(cipher_suites=(suite,))
    pair.client.connection.send_data(DATA)
    pair.server.connection.receive_data(pair.client.connection.data_to_send())
    got, buffer = b"", bytearray(40_000)
    while len(got) < len(DATA):
        read = pair.server.connection.read_into(buffer)
        got += bytes(buffer[:read])
        if not read:
            event = pair.server.connection.next_event()
            assert isinstance(event, ApplicationData)
            got += event.data
    assert got == DATA


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("exchange", ["ECDHE", "ECDH_anon"])
def test_an_altered_record_ends_the_connection(exchange: str, role: str) -> None:
    """bad_record_mac, for AEAD and for CBC, whatever was altered (RFC 5246 §7.2.2)."""
    for place in (5, 20, -1):
        pair = connected12(exchange)
        sender, receiver = ends(pair, role)
        sender.connection.send_data(b"pay 100 to Alice, as we said")
        record = bytearray(sender.connection.data_to_send())
        record[place] ^= 1
        receiver.receive(bytes(record))
        assert isinstance(receiver.error, BadRecordMac) and receiver.data == b""
        assert pair.log.playbook() == [f"{receiver.name} > alert:bad_record_mac"]


@pytest.mark.parametrize("role", ROLES)
def test_records_cannot_be_repeated_or_reordered(role: str) -> None:
    """The sequence number is in what is authenticated (RFC 5246 §6.2.3.1)."""
    for order in ((0, 0), (1,)):
        pair = connected12()
        sender, receiver = ends(pair, role)
        records = []
        for data in (b"one", b"two"):
            sender.connection.send_data(data)
            records.append(sender.connection.data_to_send())
        for index in order:
            receiver.receive(records[index])
        assert isinstance(receiver.error, BadRecordMac)


@pytest.mark.parametrize("role", ROLES)
def test_empty_records_are_legal_and_a_flood_is_not(role: str) -> None:
    """Zero-length fragments of application data hide the pattern of traffic (RFC 5246 §6.2.1)."""
    at = Stage(Pair(client12(), server12_config()), role).until("CONNECTED")
    for _ in range(MAX_EMPTY_RECORDS):
        at.say(ContentType.APPLICATION_DATA, b"")
    at.say(ContentType.APPLICATION_DATA, b"data")
    for _ in range(MAX_EMPTY_RECORDS):
        at.say(ContentType.APPLICATION_DATA, b"")
    assert at.error is None and at.victim.data == b"data"
    at.say(ContentType.APPLICATION_DATA, b"")
    assert isinstance(at.error, UnexpectedMessage)


def test_keys_are_not_updated() -> None:
    """KeyUpdate is TLS 1.3's; before, only a renegotiation changes keys."""
    pair = connected12()
    with pytest.raises(UsageError, match=r"TLS 1\.3 only"):
        pair.client.connection.update_keys()
    assert pair.client.connection.data_to_send() == b""


# Closing


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("first", ROLES)
def test_both_sides_close(first: str, version: str) -> None:
    """close_notify both ways ends a connection in order (RFC 5246 §7.2.1)."""
    pair = connected12(versions=(version,), cipher_suites=(SUITES_10["ECDHE"],))
    closing, staying = ends(pair, first)
    closing.connection.close()
    pair.run()
    assert staying.event(PeerClosed)
    staying.connection.close()
    pair.run()
    assert closing.event(PeerClosed)
    assert closing.connection.closed and staying.connection.closed
    assert pair.log.playbook() == [f"{first} > alert:close_notify", f"{staying.name} > alert:close_notify"]


@pytest.mark.parametrize("role", ROLES)
def test_a_transport_that_ends_without_close_notify_is_a_truncation(role: str) -> None:
    """Failure to close properly may be an attack: data can be cut short (RFC 5246 §7.2.1)."""
    pair = connected12()
    end, _ = ends(pair, role)
    end.connection.receive_data(b"")
    end.step()
    assert isinstance(end.error, TruncatedStream)


def test_a_handshake_can_be_cancelled() -> None:
    """user_canceled, a warning, then close_notify (RFC 5246 §7.2.2)."""
    pair = Pair(client12(), server12_config())
    pair.carry(pair.client, pair.server)
    pair.client.connection.close()
    pair.exchange()
    assert "client > alert:user_canceled alert:close_notify" in pair.log.playbook()
    assert isinstance(pair.server.error, AlertReceived) and pair.server.error.alert is CLOSE_NOTIFY


# Alerts

IGNORED = [alert for alert in ALERTS.values() if alert not in (CLOSE_NOTIFY, USER_CANCELED)]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("alert", IGNORED, ids=lambda alert: alert.name)
def test_a_warning_does_not_end_a_connection(alert: Any, role: str) -> None:
    """Before TLS 1.3 the level counts: a warning may be passed over (RFC 5246 §7.2.2), in every phase."""
    for state in ("WAIT_CHANGE_CIPHER_SPEC", "CONNECTED"):
        at = Stage(Pair(client12(), server12_config()), role).until(state)
        at.say(ContentType.ALERT, bytes((1, alert.code)))
        assert at.error is None and at.alerts == []
        at.until("CONNECTED")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("alert", IGNORED, ids=lambda alert: alert.name)
def test_a_fatal_alert_ends_a_connection(alert: Any, role: str) -> None:
    """A fatal alert, whichever it is, ends the connection at once, without an answer (RFC 5246 §7.2)."""
    at = Stage(Pair(client12(), server12_config()), role).until("CONNECTED")
    at.say(ContentType.ALERT, bytes((2, alert.code)))
    assert isinstance(at.error, AlertReceived) and at.error.alert is alert
    assert at.victim.connection.closed and at.alerts == []


@pytest.mark.parametrize("state", ["WAIT_CLIENT_KEY_EXCHANGE", "CONNECTED"])
def test_warnings_are_counted(state: str) -> None:
    """A peer that goes on warning is refused."""
    at = Stage(Pair(client12(), server12_config()), "server").until(state)
    for _ in range(MAX_WARNINGS):
        at.say(ContentType.ALERT, b"\1\x70")
        assert at.error is None
    at.say(ContentType.ALERT, b"\1\x70")
    assert isinstance(at.error, UnexpectedMessage)


@pytest.mark.parametrize("offered", [("TLS 1.3", "TLS 1.2"), ("TLS 1.2",)])
def test_a_warning_may_come_before_the_server_hello(offered: tuple[str, ...]) -> None:
    """Some servers say unrecognized_name, a warning, and go on (RFC 6066 §3)."""
    client = client12(versions=offered, cipher_suites=None)
    at = Stage(Pair(client, server12_config()), "client").say(ContentType.ALERT, b"\1\x70")
    at.until("CONNECTED")
    assert at.error is None


@pytest.mark.parametrize("body", [b"", b"\1", b"\1\0\1\0"])
def test_an_alert_record_holds_one_alert(body: bytes) -> None:
    """Neither halves of alerts nor several are taken."""
    at = Stage(Pair(client12(), server12_config()), "client").until("CONNECTED")
    at.say(ContentType.ALERT, body)
    assert isinstance(at.error, DecodeError | UnexpectedMessage)


# Keys that wear out

LIMITED = [
    ("TLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ("TLS 1.2", "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    ("TLS 1.0", "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    ("TLS 1.1", "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"),
]


@pytest.mark.parametrize(("version", "suite"), LIMITED)
@pytest.mark.parametrize("role", ROLES)
def test_a_connection_ends_with_its_keys(role: str, version: str, suite: str) -> None:
    """Without KeyUpdate a connection closes, cleanly, before its keys wear out (RFC 9846 §5.5)."""
    pair = connected12(versions=(version,), cipher_suites=(suite,))
    sender, receiver = ends(pair, role)
    writer = sender.connection._channel.writer
    writer.record_limit = limit = writer.sequence + 9
    sent = b""
    with pytest.raises(UsageError, match="as many records as its keys allow"):
        for _ in range(10):
            sender.connection.send_data(b"some data")
            sent += b"some data"
    assert writer.sequence <= limit
    pair.run()
    assert sent and receiver.data == sent
    assert receiver.event(PeerClosed) and receiver.error is None
    assert pair.log.playbook() == [f"{role} > alert:close_notify"]
    with pytest.raises(UsageError, match="nothing more can be sent"):
        sender.connection.send_data(b"more")


def test_data_that_does_not_fit_is_not_sent_in_part() -> None:
    """A write is sealed as a whole or not at all."""
    pair = connected12()
    writer = pair.client.connection._channel.writer
    writer.record_limit = writer.sequence + 3
    with pytest.raises(UsageError, match="the data was not sent"):
        pair.client.connection.send_data(DATA)
    pair.run()
    assert pair.server.data == b"" and pair.server.event(PeerClosed)


@pytest.mark.parametrize("exchange", ["ECDHE", "ECDH_anon"])
def test_every_cipher_has_a_limit_that_is_not_reached_by_accident(exchange: str) -> None:
    """A fresh connection has room for many records, and never for more than sequence numbers."""
    for end in (connected12(exchange).client, connected12(exchange).server):
        writer = end.connection._channel.writer
        assert 1000 < writer.record_limit < 2**64 - 1
