"""Who closes first, and what can still be said after that."""

from pathlib import Path

import pytest

from tests.interop.attempts import Tally, check_outcome, visit, welcome
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.peers.program import ProgramPeer
from tests.interop.pki import SERVER_NAME, Authority
from tests.interop.settings import CLIENT, SERVER, Settings, digest_of, pattern
from tests.interop.side import Side, connected

pytestmark = pytest.mark.interop

SCHEME = "ecdsa_secp256r1_sha256"
LATE = 100_000  # octets that their server sends after our close_notify


def closings(peers: list[Peer], role: str) -> list[object]:
    """Return test parameters: every peer with everyone who can be first to close."""
    return [
        pytest.param(peer.name, first, id=f"{peer.name}-{first}-first")
        for peer in peers
        for first in peer.role(role).closings
    ]


@pytest.mark.parametrize(("peer", "first"), closings(SERVERS, SERVER), indirect=["peer"])
def test_with_their_server(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, first: str, tally: Tally
) -> None:
    """Each side sends close_notify, whoever is first, and neither takes the end for a truncation."""
    tally(peer, SERVER, f"close_notify, {'theirs' if first == SERVER else 'ours'} first")
    theirs = Settings(trust=authority.file, identity=authority.identity(SCHEME))
    ours = Settings(trust=authority.file, server_name=SERVER_NAME)
    with peer.serve(theirs, tmp_path) as server:
        visit(side, server, ours, first=first)
        check_outcome(server.outcome())


@pytest.mark.parametrize(("peer", "first"), closings(CLIENTS, CLIENT), indirect=["peer"])
def test_with_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, first: str, tally: Tally
) -> None:
    """Each side sends close_notify, whoever is first, and neither takes the end for a truncation."""
    tally(peer, CLIENT, f"close_notify, {'theirs' if first == CLIENT else 'ours'} first")
    theirs = Settings(trust=authority.file, server_name=SERVER_NAME)
    ours = Settings(trust=authority.file, identity=authority.identity(SCHEME))
    _, outcome = welcome(side, peer, theirs, ours, tmp_path, first=first)
    check_outcome(outcome)


@pytest.mark.parametrize(
    "peer", [peer.name for peer in SERVERS if isinstance(peer, ProgramPeer)], indirect=True
)
def test_half_close(side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally) -> None:
    """After our close_notify their server goes on sending, and all of it arrives."""
    tally(peer, SERVER, "half-close")
    theirs = Settings(trust=authority.file, identity=authority.identity(SCHEME))
    ours = Settings(trust=authority.file, server_name=SERVER_NAME)
    data = pattern(1000)
    with peer.serve(theirs, tmp_path) as server, connected(side, server.port, ours) as stream:
        stream.send(b"%d %d client\n" % (len(data), LATE) + data)
        stream.close_write()
        assert stream.read_to_end() == digest_of(data).encode() + b"\n" + pattern(LATE)
        check_outcome(server.outcome())
