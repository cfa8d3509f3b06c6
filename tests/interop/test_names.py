"""Server names, application protocols, and certificates that one side or the other refuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from lucidtls.errors import CertificateRejected, NoApplicationProtocol
from tests.interop.attempts import Tally, check_facts, check_outcome, refusals, refuse, visit, welcome
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.pki import SERVER_NAME, Authority
from tests.interop.settings import CLIENT, SERVER, STRANGER, WRONG_NAME, Settings
from tests.interop.side import Side

pytestmark = pytest.mark.interop

SCHEME = "ecdsa_secp256r1_sha256"
BOTH = ("h2", "http/1.1")
ONE = ("http/1.1",)


def with_alpn(peers: list[Peer], role: str) -> list[str]:
    """Return the peers that speak ALPN in a role."""
    return [peer.name for peer in peers if peer.role(role).alpn]


@pytest.fixture
def a_server(authority: Authority) -> Settings:
    """Settings for either side's server."""
    return Settings(trust=authority.file, identity=authority.identity(SCHEME))


@pytest.fixture
def a_client(authority: Authority) -> Settings:
    """Settings for either side's client."""
    return Settings(trust=authority.file, server_name=SERVER_NAME)


@pytest.mark.parametrize("peer", [peer.name for peer in SERVERS], indirect=True)
def test_name_for_their_server(
    side: Side, a_server: Settings, a_client: Settings, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Their server sees the name that the client asks for, and none when it asks for an address."""
    tally(peer, SERVER, "server_name", 2)
    with peer.serve(a_server, tmp_path) as server:
        visit(side, server, a_client)
        check_outcome(server.outcome(), server_name=SERVER_NAME)
        visit(side, server, replace(a_client, server_name=None))
        outcome = server.outcome()
        check_outcome(outcome)
        assert outcome is None or outcome.facts.server_name is None


@pytest.mark.parametrize("peer", [peer.name for peer in CLIENTS], indirect=True)
def test_name_from_their_client(
    side: Side, a_server: Settings, a_client: Settings, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Our server sees the name that their client asks for."""
    tally(peer, CLIENT, "server_name")
    facts, outcome = welcome(side, peer, a_client, a_server, tmp_path)
    check_facts(side, facts, server_name=SERVER_NAME)
    check_outcome(outcome)


@pytest.mark.parametrize("peer", with_alpn(SERVERS, SERVER), indirect=True)
def test_protocol_of_their_server(
    side: Side, a_server: Settings, a_client: Settings, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Their server chooses an application protocol from those the client offers."""
    tally(peer, SERVER, "ALPN")
    with peer.serve(replace(a_server, alpn=ONE), tmp_path) as server:
        facts = visit(side, server, replace(a_client, alpn=BOTH))
        check_facts(side, facts, alpn=ONE[0])
        check_outcome(server.outcome(), alpn=ONE[0])


@pytest.mark.parametrize("peer", with_alpn(CLIENTS, CLIENT), indirect=True)
def test_protocol_of_our_server(
    side: Side, a_server: Settings, a_client: Settings, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Our server chooses an application protocol from those their client offers."""
    tally(peer, CLIENT, "ALPN")
    theirs, ours = replace(a_client, alpn=BOTH), replace(a_server, alpn=ONE)
    facts, outcome = welcome(side, peer, theirs, ours, tmp_path)
    check_facts(side, facts, alpn=ONE[0])
    check_outcome(outcome, alpn=ONE[0])


@pytest.mark.parametrize("peer", with_alpn(CLIENTS, CLIENT), indirect=True)
@pytest.mark.usefixtures("errors_of_ours")
def test_no_protocol_in_common(
    side: Side, a_server: Settings, a_client: Settings, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Our server refuses a client with which it has no application protocol in common."""
    tally(peer, CLIENT, "ALPN: none in common")
    theirs, ours = replace(a_client, alpn=BOTH), replace(a_server, alpn=("interop",))
    refuse(side, peer, theirs, ours, tmp_path, NoApplicationProtocol)


@pytest.mark.parametrize("peer", [peer.name for peer in SERVERS], indirect=True)
@pytest.mark.parametrize("fault", [WRONG_NAME, STRANGER])
@pytest.mark.usefixtures("errors_of_ours")
def test_we_refuse_their_certificate(
    side: Side,
    a_server: Settings,
    a_client: Settings,
    stranger: Authority,
    tmp_path: Path,
    peer: Peer,
    fault: str,
    tally: Tally,
) -> None:
    """Our client refuses another's name and an unknown issuer, and their server is told."""
    tally(peer, SERVER, f"certificate refused: {fault}")
    ours = replace(a_client, server_name="other.interop.example")
    if fault == STRANGER:
        ours = replace(a_client, trust=stranger.file)
    with peer.serve(a_server, tmp_path) as server:
        with pytest.raises(CertificateRejected) as refusal:
            visit(side, server, ours)
        told = [note for note in getattr(refusal.value, "__notes__", ()) if "the peer says" in note]
        assert told != ["the peer says: None"]


@pytest.mark.parametrize("peer", [peer.name for peer in CLIENTS], indirect=True)
@pytest.mark.parametrize("fault", [WRONG_NAME, STRANGER])
@pytest.mark.usefixtures("errors_of_ours")
def test_they_refuse_our_certificate(
    side: Side,
    a_server: Settings,
    a_client: Settings,
    stranger: Authority,
    tmp_path: Path,
    peer: Peer,
    fault: str,
    tally: Tally,
) -> None:
    """Their client refuses another's name and an unknown issuer, and our server is told."""
    tally(peer, CLIENT, f"certificate refused: {fault}")
    theirs = replace(a_client, server_name="other.interop.example")
    if fault == STRANGER:
        theirs = replace(a_client, trust=stranger.file)
    refuse(side, peer, theirs, a_server, tmp_path, refusals(peer, CLIENT, fault))
