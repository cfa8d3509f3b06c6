"""After the end: a connection that resumed a session, or read early data, keeps no secret of it either.

What the application holds is its own and is not looked at: the config, and the sessions it was given.
"""

from __future__ import annotations

import pytest

from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.sessions.session import Session
from lucidtls.trace import Computed, Recorder, SecretDerived
from tests.flows.again import Household, Talk
from tests.flows.parties import SERVER_NAME
from tests.flows.test_secrets import holders

ENDINGS = ("close", "abort", "forget")
EARLY = b"early data"


def secrets_of(tape: Recorder) -> list[bytes]:
    """The secrets that the other end saw derived."""
    found = [entry.secret for entry in tape.entries if isinstance(entry, SecretDerived)]
    return found + [entry.output for entry in tape.entries if isinstance(entry, Computed)]


def resumed(victim: str) -> tuple[Talk, Session, list[bytes]]:
    """A resumed connection with early data; the session, and the secrets the other end than `victim` saw."""
    house = Household({"early_data": True}, {"max_early_data": 100})
    session = house.first()
    tape = Recorder(wants_secrets=True)
    client = house.client(tracer=tape) if victim == "server" else house.client()
    server = house.server(tracer=tape) if victim == "client" else house.server()
    made = Talk(ClientConnection(client, SERVER_NAME, session=session), ServerConnection(server))
    made.client.send_early_data(EARLY)
    made.run()
    assert made.agreed.early_data == "accepted" and made.works()
    return made, session, secrets_of(tape)


def kept(end: ClientConnection | ServerConnection, secrets: list[bytes]) -> list[str]:
    """Where in what a connection keeps one of these secrets is."""
    driver = end._driver
    if driver.connected is not None:
        driver.connected.tickets.clear()  # the application's, after an orderly end
        driver.connected.keep = None
    return holders(driver.connected, secrets) + holders(driver.channel, secrets)


@pytest.mark.parametrize("victim", ["client", "server"])
def test_the_walk_finds_what_an_open_connection_keeps(victim: str) -> None:
    """While it lives, a resumed connection holds traffic and exporter secrets: the search can see them."""
    made, _, secrets = resumed(victim)
    assert len(secrets) >= 6 and kept(made.client if victim == "client" else made.server, secrets)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("victim", ["client", "server"])
def test_a_resumed_connection_forgets(victim: str, ending: str) -> None:
    """Ended in any way, it holds neither its own secrets nor the PSK it came from (RFC 9846 §6)."""
    made, session, secrets = resumed(victim)
    end = made.client if victim == "client" else made.server
    if ending == "close":
        made.client.close()
        made.run().server.close()
        made.run()
    elif ending == "abort":
        end.abort(ValueError("enough"))
    else:
        end.forget()
    assert end.closed
    assert kept(end, [*secrets, session.secret, EARLY]) == []
