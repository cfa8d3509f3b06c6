"""Secrets of TLS 1.2 and before: where they go, and when they are forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.errors import AlertReceived, BadFinished, PeerError, TruncatedStream
from lucidtls.events import DecryptionWanted
from lucidtls.trace import Computed, Recorder
from lucidtls.trust.credentials import ASK, Credential
from tests.conformance.diagram import EXCHANGES
from tests.flows.older import (
    SUITES_10,
    Talk,
    ask_for_handshake,
    client12,
    rsa_credential,
    server12_config,
    talkative,
)
from tests.flows.parties import SERVER_NAME
from tests.flows.test_secrets import holders

ROLES = ("client", "server")
SHORT = 8
"""Pieces of keys with fewer bytes could be found anywhere: the four-byte IVs of AES-GCM."""


class Link:
    """A client and a server of which one, the witness, tells its tracer what the other computes as well."""

    def __init__(self, exchange: str, victim: str, **server: Any) -> None:
        self.tape = Recorder(wants_secrets=True)
        tracers = {"client": None, "server": self.tape} if victim == "client" else {"client": self.tape}
        self.client = ClientConnection(client12(exchange, tracer=tracers.get("client")), SERVER_NAME)
        self.server = ServerConnection(server12_config(exchange, tracer=tracers.get("server"), **server))
        ends: list[ClientConnection | ServerConnection] = [self.client, self.server]
        self.victim, self.witness = ends if victim == "client" else reversed(ends)

    def carry(self, alter: Callable[[bytes], bytes] = bytes) -> None:
        """Carry bytes both ways; `alter` may change what goes to the victim."""
        for _ in range(4):
            for sender, receiver in ((self.client, self.server), (self.server, self.client)):
                if data := sender.data_to_send():
                    receiver.receive_data(alter(data) if receiver is self.victim else data)
                    list(iter(receiver.next_event, None))

    def computed(self, *purposes: str) -> list[bytes]:
        """What was computed for these purposes; all that is long enough to be looked for without any."""
        found = (entry for entry in self.tape.entries if isinstance(entry, Computed))
        return [
            entry.output
            for entry in found
            if (entry.purpose in purposes if purposes else len(entry.output) >= SHORT)
        ]

    @property
    def main_secret(self) -> bytes:
        """The main secret."""
        return self.computed("main secret")[0]

    def found(self, secrets: list[bytes]) -> list[str]:
        """Where in the victim one of these secrets is."""
        return holders(self.victim._driver, secrets)


def connected(exchange: str, victim: str) -> Link:
    """A link whose handshake is done."""
    link = Link(exchange, victim)
    link.carry()
    assert link.victim.state == link.witness.state == "CONNECTED"
    return link


every_exchange = pytest.mark.parametrize("exchange", EXCHANGES)
both_roles = pytest.mark.parametrize("victim", ROLES)


@every_exchange
@both_roles
def test_only_the_main_secret_outlives_the_handshake(victim: str, exchange: str) -> None:
    """ "The pre_master_secret should be deleted from memory" once it has served (RFC 5246 §8.1)."""
    link = connected(exchange, victim)
    assert link.found([link.main_secret])
    premaster, block = link.computed(exchange), link.computed("key block")
    assert len(premaster) == len(block) == 1
    assert link.found([*premaster, *block]) == []


@every_exchange
@both_roles
def test_a_closed_connection_holds_no_secrets(victim: str, exchange: str) -> None:
    """Closing in both directions drops everything that could open the recorded traffic."""
    link = connected(exchange, victim)
    link.client.close()
    link.carry()
    link.server.close()
    link.carry()
    assert link.victim.closed
    assert link.found(link.computed()) == []


@every_exchange
@both_roles
def test_a_broken_record_costs_the_keys(victim: str, exchange: str) -> None:
    """A connection that fails forgets its secrets (RFC 9846 §6)."""
    link = connected(exchange, victim)
    link.victim.receive_data(b"\x17\x03\x03\x00\x40" + bytes(64))
    with pytest.raises(PeerError) as caught:
        link.victim.next_event()
    assert link.found(link.computed()) == []
    assert not any(secret.hex() in repr(vars(caught.value)) for secret in link.computed())


@every_exchange
@both_roles
def test_a_broken_finished_costs_the_secrets(victim: str, exchange: str) -> None:
    """A failed handshake leaves nothing behind, in the connection or in its error's frames."""
    link = Link(exchange, victim)

    def flip(data: bytes) -> bytes:
        done = link.victim.state in ("WAIT_CHANGE_CIPHER_SPEC", "WAIT_CLIENT_KEY_EXCHANGE")
        return data[:-1] + bytes((data[-1] ^ done,))

    with pytest.raises(PeerError) as caught:
        link.carry(flip)
    assert link.victim.closed and len(link.computed("main secret")) == 1
    assert link.found(link.computed()) == []
    assert in_frames(caught.value, link.computed()) == []


def records(data: bytes) -> list[bytes]:
    """The records in these bytes."""
    found: list[bytes] = []
    while data:
        end = 5 + int.from_bytes(data[3:5])
        found.append(data[:end])
        data = data[end:]
    return found


def in_frames(error: BaseException, secrets: list[bytes]) -> list[str]:
    """Where in our frames that an error came through one of these secrets stands."""
    found: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        if "/lucidtls/" in trace.tb_frame.f_code.co_filename:
            values = [value for name, value in trace.tb_frame.f_locals.items() if name != "self"]
            found += [path for value in values for path in holders(value, secrets)]
        trace = trace.tb_next
    return found


@every_exchange
@both_roles
def test_a_finished_that_does_not_match_costs_the_secrets(victim: str, exchange: str) -> None:
    """The flow itself fails, with all keys in its variables: its frames are cleared (RFC 9846 §6)."""
    link = Link(exchange, victim)
    with pytest.raises(BadFinished) as caught:
        while True:
            for record in records(link.witness.data_to_send()):
                link.victim.receive_data(record)
                list(iter(link.victim.next_event, None))
                if link.victim.state == "WAIT_CHANGE_CIPHER_SPEC":
                    link.victim._channel.transcript.add(b"what was never said")
            if data := link.victim.data_to_send():
                link.witness.receive_data(data)
            list(iter(link.witness.next_event, None))
    assert link.found(link.computed()) == []
    assert in_frames(caught.value, link.computed()) == []


@pytest.mark.parametrize("ending", ["alert", "truncation", "forget", "abort"])
@both_roles
def test_every_other_end_costs_the_secrets_too(victim: str, ending: str) -> None:
    """An alert, the loss of the transport, and giving up: all drop the keys."""
    link = connected("ECDHE", victim)
    if ending == "forget":
        link.victim.forget()
    elif ending == "abort":
        link.victim.abort(ValueError("enough"))
    else:
        if ending == "alert":
            link.witness.abort(ValueError("enough"))
        link.victim.receive_data(link.witness.data_to_send())
        with pytest.raises((AlertReceived, TruncatedStream)):
            link.victim.next_event()
    assert link.found(link.computed()) == []


def test_a_handshake_given_up_leaves_nothing() -> None:
    """A server that waits for a decryption, and is closed, forgets what it knew of the connection."""
    asking = Credential.load(list(rsa_credential().chain), ASK)
    link = Link("RSA", "server", credentials=asking)
    link.server.receive_data(link.client.data_to_send())
    list(iter(link.server.next_event, None))
    link.client.receive_data(link.server.data_to_send())
    list(iter(link.client.next_event, None))
    link.server.receive_data(link.client.data_to_send())
    question = link.server.next_event()
    assert isinstance(question, DecryptionWanted)
    link.server.answer(question, link.computed("RSA")[0])
    link.server.close()
    assert link.found(link.computed()) == []


def test_a_renegotiation_forgets_the_session_before() -> None:
    """After a second handshake nothing of the first is left but the fact of it."""
    pair = talkative(client12(renegotiation="accept"), server12_config())
    pair.run()
    first = pair.log.secrets("client")["CLIENT_RANDOM"]
    ask_for_handshake(pair)
    pair.run()
    second = pair.log.secrets("client")["CLIENT_RANDOM"]
    connected12 = pair.client.connection._driver.connected
    assert holders(connected12, [second]) != []
    pair.log.entries.clear()
    pair.client.events.clear()
    assert holders(pair.client.connection._driver, [first]) == []


def test_tickets_are_discarded_when_a_connection_fails() -> None:
    """What could resume a failed session goes with it (RFC 5246 §7.2.2)."""
    pair = talkative(client12(), server12_config(), Talk(ticket=b"ticket"))
    pair.run()
    secret = pair.log.secrets("client")["CLIENT_RANDOM"]
    assert pair.client.connection.tickets  # type: ignore[union-attr]
    pair.client.receive(b"\x17\x03\x03\x00\x40" + bytes(64))
    assert isinstance(pair.client.error, PeerError)
    assert pair.client.connection.tickets == ()  # type: ignore[union-attr]
    pair.log.entries.clear()
    pair.client.events.clear()
    assert holders(pair.client.connection._driver, [secret]) == []


@every_exchange
@pytest.mark.parametrize("version", ["TLS 1.2", "TLS 1.0"])
def test_the_key_log_has_one_line(version: str, exchange: str) -> None:
    """CLIENT_RANDOM, the random and the main secret, in hex: the line of all older versions (RFC 9850 §2)."""
    lines: list[str] = []
    choices: dict[str, Any] = {"versions": (version,), "cipher_suites": (SUITES_10[exchange],)}
    client = ClientConnection(client12(exchange, key_log=lines.append, **choices), SERVER_NAME)
    server = ServerConnection(server12_config(exchange, key_log=lines.append, **choices))
    for _ in range(3):
        for sender, receiver in ((client, server), (server, client)):
            if data := sender.data_to_send():
                receiver.receive_data(data)
                list(iter(receiver.next_event, None))
    assert client.negotiated is not None
    assert len(lines) == 2 and lines[0] == lines[1]
    label, random, secret = lines[0].split(" ")
    assert label == "CLIENT_RANDOM" and len(bytes.fromhex(secret)) == 48
    assert bytes.fromhex(random) == client._channel.client_random


def test_only_a_tracer_that_asks_sees_computations() -> None:
    """The trace of a handshake can be shown; what it computed is apart."""
    for wants in (False, True):
        tape = Recorder(wants_secrets=wants)
        pair = talkative(client12(), server12_config())
        client = ClientConnection(client12(tracer=tape), SERVER_NAME)
        pair.client.connection = client
        pair.client.checked = False
        pair.exchange()
        purposes = {entry.purpose for entry in tape.entries if isinstance(entry, Computed)}
        assert client.negotiated is not None
        assert bool(purposes) is wants
    assert {"main secret", "key block", "client Finished", "server Finished"} <= purposes


def test_nothing_secret_is_printed() -> None:
    """No repr of what a connection keeps shows a secret."""
    pair = talkative(client12(), server12_config(), Talk(ticket=b"ticket"))
    pair.run()
    secret = pair.log.secrets("client")["CLIENT_RANDOM"]
    for end in (pair.client, pair.server):
        text = repr(end.connection._driver.connected) + repr(end.events) + repr(end.connection)
        assert repr(secret) not in text and secret.hex() not in text
