"""Data in the first flight of a resumption (0-RTT), taken and refused."""

from pathlib import Path

import pytest

from tests.interop.attempts import Tally, check_facts, check_outcome, visit
from tests.interop.lasting import TLS_13, Cast, able, visits
from tests.interop.ours import EngineStream
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer, Stream
from tests.interop.peers.lines import LineServer
from tests.interop.pki import Authority
from tests.interop.settings import CLIENT, SERVER
from tests.interop.side import Side

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("ours_alone")]

EARLY = b"what is said before the handshake is over.\n"
ROOM = 1000


def early_data_of(stream: Stream) -> bytes:
    """Return the early data that our server was given."""
    assert isinstance(stream, EngineStream)
    return bytes(stream.early_data)


@pytest.mark.parametrize("peer", able(SERVERS, SERVER, lambda it: it.early_data), indirect=True)
def test_their_server_takes_it(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A server that allowed early data in its ticket takes it."""
    tally(peer, SERVER, "early data")
    cast = Cast(authority, TLS_13, session=str(tmp_path))
    with peer.lasting_server(cast.server(max_early_data=ROOM), tmp_path) as server:
        visit(side, server, cast.client())
        server.outcome()
        facts = visit(side, server, cast.client(early_data=EARLY))
        check_facts(side, facts, resumed=True, early_data="accepted")
        outcome = server.outcome()
        check_outcome(outcome, resumed=True)
    if peer.name == "openssl":
        assert outcome is not None and EARLY.decode() in outcome.output


@pytest.mark.parametrize("peer", able(SERVERS, SERVER, lambda it: it.early_data), indirect=True)
def test_their_server_refuses_it(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A server that does not know the session skips the early data, and makes a full handshake."""
    tally(peer, SERVER, "refused early data")
    cast = Cast(authority, TLS_13, session=str(tmp_path))
    with peer.lasting_server(cast.server(max_early_data=ROOM), tmp_path / "one") as server:
        visit(side, server, cast.client())
    with peer.lasting_server(cast.server(max_early_data=ROOM), tmp_path / "another") as server:
        facts = visit(side, server, cast.client(early_data=EARLY))
        check_facts(side, facts, resumed=False, early_data="rejected")
        outcome = server.outcome()
        assert isinstance(server, LineServer) and outcome is not None
        assert EARLY.decode() not in outcome.output


@pytest.mark.parametrize("peer", able(CLIENTS, CLIENT, lambda it: it.early_data), indirect=True)
def test_their_client_is_heard(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """What a client sends early reaches our server as such."""
    tally(peer, CLIENT, "early data")
    cast = Cast(authority, TLS_13, session=str(tmp_path))
    ours = [cast.server(max_early_data=ROOM)] * 2
    told = visits(side, peer, cast.client(early_data=EARLY), ours, tmp_path)
    facts, outcome, stream = told[-1]
    check_facts(side, facts, resumed=True, early_data="accepted")
    check_outcome(outcome, resumed=True, early_data="accepted")
    assert early_data_of(stream) == EARLY


@pytest.mark.parametrize("peer", able(CLIENTS, CLIENT, lambda it: it.early_data), indirect=True)
@pytest.mark.parametrize("forgets", [False, True], ids=["resuming", "in full"])
def test_their_client_is_not_heard(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally, forgets: bool
) -> None:
    """Early data that our server does not want is skipped, whether the session is resumed or not."""
    tally(peer, CLIENT, "refused early data")
    cast = Cast(authority, TLS_13)
    second = str(tmp_path / "another") if forgets else str(tmp_path)
    ours = [cast.server(session=str(tmp_path), max_early_data=ROOM), cast.server(session=second)]
    told = visits(side, peer, cast.client(early_data=EARLY), ours, tmp_path)
    facts, outcome, stream = told[-1]
    check_facts(side, facts, resumed=not forgets, early_data="rejected")
    check_outcome(outcome, resumed=not forgets, early_data="rejected")
    assert early_data_of(stream) == b""
