"""Where secrets go: to the key log and to tracers that ask, and nowhere else; and when they are forgotten."""

from __future__ import annotations

import gc
import types
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.crypto.suites import TLS_AES_128_GCM_SHA256
from lucidtls.errors import AlertReceived, PeerError, TruncatedStream
from lucidtls.events import SessionTicketReceived
from lucidtls.handshake.post import Connected13
from lucidtls.handshake.schedule13 import traffic_key
from lucidtls.trace import Computed, Recorder, SecretDerived
from lucidtls.wire.messages13 import Finished
from tests.conformance.attacks.after import ticket
from tests.flows.hostile import HostileServer
from tests.flows.pair import Pair
from tests.flows.parties import SERVER_NAME, client_config, server_config

LABELS = {
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_TRAFFIC_SECRET_0",
    "EXPORTER_SECRET",
}


def reachable(root: object) -> Iterable[tuple[str, bytes]]:
    """Every bytes object that can be reached from `root`, with a path to it; code and modules aside."""
    seen: set[int] = set()
    waiting: list[tuple[object, str]] = [(root, type(root).__name__)]
    skipped = (types.ModuleType, type, types.BuiltinFunctionType, types.CodeType)
    while waiting:
        value, path = waiting.pop()
        if id(value) in seen or isinstance(value, skipped):
            continue
        seen.add(id(value))
        if isinstance(value, bytes | bytearray):
            yield path, bytes(value)
        elif isinstance(value, int) and value.bit_length() > 64:
            yield path, value.to_bytes((value.bit_length() + 7) // 8)
        elif isinstance(value, types.FunctionType):
            waiting += [(cell, f"{path} > {value.__name__}") for cell in value.__closure__ or ()]
        else:
            waiting += [(inner, f"{path} > {type(inner).__name__}") for inner in gc.get_referents(value)]


def holders(root: object, secrets: Iterable[bytes]) -> list[str]:
    """Where in `root` one of the secrets, or its key or IV, can be found."""
    needles = list(secrets)
    return [path for path, value in reachable(root) for needle in needles if needle in value]


def with_keys(secrets: dict[str, bytes]) -> list[bytes]:
    """The secrets and what is made from them."""
    suite = TLS_AES_128_GCM_SHA256
    derived = [part for secret in secrets.values() for part in traffic_key(suite, secret)]
    return [*secrets.values(), *derived]


class Link:
    """A client and a server without tracers, and the secrets they logged."""

    def __init__(self, **client: Any) -> None:
        self.lines: list[str] = []
        # A method of a list: the walk does not follow it to the lines.
        self.client = ClientConnection(client_config(key_log=self.lines.append, **client), SERVER_NAME)
        self.server = ServerConnection(server_config(key_log=self.lines.append))

    @property
    def logged(self) -> dict[str, bytes]:
        """The secrets in the key log, by label."""
        return {label: bytes.fromhex(secret) for label, _, secret in map(str.split, self.lines)}

    def carry(self, alter: Callable[[bytes], bytes] = bytes) -> None:
        """Carry bytes both ways; `alter` may change what goes to the client."""
        for _ in range(3):
            if data := self.client.data_to_send():
                self.server.receive_data(data)
                list(iter(self.server.next_event, None))
            if data := self.server.data_to_send():
                self.client.receive_data(alter(data))
                list(iter(self.client.next_event, None))

    def secrets(self) -> list[bytes]:
        """All logged secrets, their keys and their IVs."""
        return with_keys(self.logged)


def test_the_walk_finds_secrets_where_there_are_some() -> None:
    """A connection that is open holds its traffic secrets: the search below can see them."""
    link = Link()
    link.carry()
    assert set(link.logged) == LABELS
    for label in ("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET"):
        assert holders(link.client._driver, [link.logged[label]])
        assert holders(link.server._driver, [link.logged[label]])


def test_handshake_secrets_do_not_outlive_the_handshake() -> None:
    """After the handshake only traffic, exporter and resumption secrets remain."""
    link = Link()
    link.carry()
    gone = {label: secret for label, secret in link.logged.items() if "HANDSHAKE" in label}
    for connection in (link.client, link.server):
        assert holders(connection._driver, with_keys(gone)) == []


def test_a_closed_connection_holds_no_secrets() -> None:
    """Closing in both directions drops everything that could open the recorded traffic."""
    link = Link()
    link.carry()
    link.client.close()
    link.carry()
    link.server.close()
    link.carry()
    assert link.client.closed and link.server.closed
    for connection in (link.client, link.server):
        assert holders(connection._driver, link.secrets()) == []


def broken_finished(link: Link) -> PeerError:
    """Make the client refuse the server's flight, by flipping a bit in its last record."""

    def flip(data: bytes) -> bytes:
        return data[:-1] + bytes((data[-1] ^ 1,))

    with pytest.raises(PeerError) as caught:
        link.carry(flip)
    return caught.value


def test_a_failed_handshake_leaves_no_secrets_behind() -> None:
    """Both sides MUST forget the secrets of failed connections (RFC 9846 §6)."""
    link = Link()
    broken_finished(link)
    assert link.client.closed
    assert len(link.logged) >= 2
    assert holders(link.client._driver, link.secrets()) == []
    link.server.receive_data(link.client.data_to_send())
    with pytest.raises(Exception, match="bad_record_mac"):
        link.server.next_event()
    assert holders(link.server._driver, link.secrets()) == []


def test_a_failed_connection_leaves_no_secrets_behind() -> None:
    """A broken record costs the connection its keys."""
    link = Link()
    link.carry()
    link.client.receive_data(b"\x17\x03\x03\x00\x20" + bytes(32))
    with pytest.raises(PeerError):
        link.client.next_event()
    assert holders(link.client._driver, link.secrets()) == []


@pytest.mark.parametrize("ending", ["alert", "truncation"])
def test_a_connection_that_the_peer_ends_leaves_no_secrets_behind(ending: str) -> None:
    """An error alert or the loss of the transport costs both sides their keys (RFC 9846 §6)."""
    link = Link()
    link.carry()
    if ending == "alert":
        link.server.abort(ValueError("enough"))
    link.client.receive_data(link.server.data_to_send())
    with pytest.raises((AlertReceived, TruncatedStream)):
        link.client.next_event()
    link.server.forget()
    for connection in (link.client, link.server):
        assert holders(connection._driver, link.secrets()) == []


def test_the_error_itself_carries_no_secrets() -> None:
    """A program may keep an error: the frames it came through were cleared."""
    link = Link()
    error = broken_finished(link)
    trace = error.__traceback__
    found = []
    while trace is not None:
        if (
            "lucidtls" in trace.tb_frame.f_code.co_filename
            and "tests" not in trace.tb_frame.f_code.co_filename
        ):
            values = [value for name, value in trace.tb_frame.f_locals.items() if name != "self"]
            found += [path for value in values for path in holders(value, link.secrets())]
        trace = trace.tb_next
    assert found == []
    assert not any(secret.hex() in repr(error) for secret in link.secrets())


def test_errors_about_finished_show_no_verify_data() -> None:
    """The expected verify_data is a secret of a kind and is not in the error."""
    peer = HostileServer.at("WAIT_FINISHED")
    expected = peer.finished().verify_data
    peer.send(Finished(bytes(32)))
    assert expected.hex() not in str(peer.error) and repr(expected) not in repr(vars(peer.failure))


def test_tickets_are_discarded_when_a_connection_fails() -> None:
    """PSKs of session tickets SHOULD be discarded with a failed connection (RFC 9846 §6)."""
    peer = HostileServer.at("CONNECTED").send_post(ticket())
    (event,) = [event for event in peer.events if isinstance(event, SessionTicketReceived)]
    psk = event.session.secret
    assert holders(peer.victim._driver.connected, [psk])
    peer.deliver(b"\x17\x03\x03\x00\x20" + bytes(32))
    peer.tape.entries.clear()
    assert holders(peer.victim._driver.connected, [psk]) == []


def test_the_key_log_has_the_lines_of_rfc_9850() -> None:
    """Each line is a label, the client random and the secret, in hex (RFC 9850 §2)."""
    lines: list[str] = []
    pair = Pair(client_config(key_log=lines.append))
    pair.run()
    random = pair.client.connection._channel.client_random.hex()
    assert [line.split()[0] for line in lines[:2]] == [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    ]
    for line in lines:
        label, client_random, secret = line.split(" ")
        assert label in LABELS and client_random == random
        assert bytes.fromhex(secret) == pair.log.secrets("client")[label]
    assert {line.split()[0] for line in lines} == LABELS


def test_only_a_tracer_that_asks_is_given_secrets() -> None:
    """The trace can be shown to anyone who may see the decrypted handshake; secrets are apart."""
    for wants in (False, True):
        tape = Recorder(wants_secrets=wants)
        client = ClientConnection(client_config(tracer=tape), SERVER_NAME)
        server = ServerConnection(server_config())
        server.receive_data(client.data_to_send())
        server.next_event()
        client.receive_data(server.data_to_send())
        client.next_event()
        secret = [entry for entry in tape.entries if isinstance(entry, SecretDerived | Computed)]
        assert bool(secret) is wants


def test_nothing_secret_is_printed() -> None:
    """No repr of config, connection or ticket shows a secret."""
    peer = HostileServer.at("CONNECTED").send_post(ticket())
    (event,) = [event for event in peer.events if isinstance(event, SessionTicketReceived)]
    state = peer.victim._driver.connected
    assert isinstance(state, Connected13)
    text = repr(event) + repr(state) + repr(peer.victim) + repr(server_config(cookie_key=b"C" * 32))
    assert repr(event.session.secret) not in text and "C" * 32 not in text
    assert repr(state.send_secret) not in text and repr(state.exporter_secret) not in text
