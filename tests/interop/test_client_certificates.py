"""Client certificates: requested, required, absent and unknown, in both roles."""

from dataclasses import replace
from pathlib import Path

import pytest

from lucidtls.errors import AlertReceived, CertificateRejected, CertificateRequired
from tests.interop.attempts import (
    Failures,
    Tally,
    check_facts,
    check_outcome,
    refusals,
    refuse,
    visit,
    welcome,
)
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.pki import SERVER_NAME, Authority
from tests.interop.settings import CLIENT, SERVER, STRANGER, ClientAuthentication, Settings
from tests.interop.side import Side, connected

pytestmark = pytest.mark.interop

SCHEME = "ecdsa_secp256r1_sha256"
REQUESTS = (ClientAuthentication.REQUEST, ClientAuthentication.REQUIRE)


def their_server(authority: Authority, asked: ClientAuthentication) -> Settings:
    """Return settings for a server that asks for client certificates of the authority."""
    identity = authority.identity(SCHEME)
    return Settings(trust=authority.file, identity=identity, client_authentication=asked)


@pytest.mark.parametrize("peer", [peer.name for peer in SERVERS], indirect=True)
@pytest.mark.parametrize("asked", REQUESTS, ids=lambda asked: asked.value)
def test_their_server_accepts_our_certificate(
    side: Side,
    authority: Authority,
    tmp_path: Path,
    peer: Peer,
    asked: ClientAuthentication,
    tally: Tally,
) -> None:
    """A client that has a certificate proves its key with each signature scheme that the server takes."""
    schemes = peer.role(SERVER).client_schemes
    tally(peer, SERVER, f"client certificate: {asked.value}", len(schemes))
    with peer.serve(their_server(authority, asked), tmp_path) as server:
        failures = Failures(server)
        for scheme in schemes:
            with failures.attempt(scheme):
                identity = authority.identity(scheme)
                ours = Settings(
                    trust=authority.file,
                    server_name=SERVER_NAME,
                    identity=identity,
                    signs_with=(scheme,),
                )
                visit(side, server, ours)
                check_outcome(server.outcome(), peer_leaf=identity.leaf_digest)
        failures.check()


@pytest.mark.parametrize("peer", [peer.name for peer in SERVERS], indirect=True)
def test_their_server_does_without(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A client without a certificate answers with an empty one, and a server that only asks goes on."""
    tally(peer, SERVER, "client certificate: asked for, none")
    ours = Settings(trust=authority.file, server_name=SERVER_NAME)
    with peer.serve(their_server(authority, ClientAuthentication.REQUEST), tmp_path) as server:
        visit(side, server, ours)
        outcome = server.outcome()
        check_outcome(outcome)
        assert outcome is None or outcome.facts.peer_leaf is None


@pytest.mark.parametrize("peer", [peer.name for peer in SERVERS], indirect=True)
@pytest.mark.usefixtures("errors_of_ours")
def test_their_server_insists(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A server that requires a certificate ends the connection with an alert when none comes."""
    tally(peer, SERVER, "client certificate: required, none")
    ours = Settings(trust=authority.file, server_name=SERVER_NAME)
    with peer.serve(their_server(authority, ClientAuthentication.REQUIRE), tmp_path) as server:
        with pytest.raises(AlertReceived) as refusal, connected(side, server.port, ours) as stream:
            stream.read(1)
        assert refusal.value.alert.name in {"certificate_required", "bad_certificate", "handshake_failure"}


@pytest.mark.parametrize("peer", [peer.name for peer in SERVERS], indirect=True)
@pytest.mark.usefixtures("errors_of_ours")
def test_their_server_refuses_a_stranger(
    side: Side, authority: Authority, stranger: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A server ends the connection with an alert when the client's certificate has an unknown issuer."""
    tally(peer, SERVER, "client certificate: unknown issuer")
    ours = Settings(trust=authority.file, server_name=SERVER_NAME, identity=stranger.identity(SCHEME))
    with (
        peer.serve(their_server(authority, ClientAuthentication.REQUIRE), tmp_path) as server,
        pytest.raises(refusals(peer, SERVER, STRANGER)),
        connected(side, server.port, ours) as stream,
    ):
        stream.read(1)


@pytest.mark.parametrize("peer", [peer.name for peer in CLIENTS], indirect=True)
@pytest.mark.parametrize("asked", REQUESTS, ids=lambda asked: asked.value)
def test_our_server_accepts_their_certificate(
    side: Side,
    authority: Authority,
    tmp_path: Path,
    peer: Peer,
    asked: ClientAuthentication,
    tally: Tally,
) -> None:
    """Our server verifies the signature of a client's certificate in each scheme that their client has."""
    schemes = peer.role(CLIENT).client_schemes
    tally(peer, CLIENT, f"client certificate: {asked.value}", len(schemes))
    failures = Failures()
    for scheme in schemes:
        with failures.attempt(scheme):
            identity = authority.identity(scheme)
            theirs = Settings(trust=authority.file, server_name=SERVER_NAME, identity=identity)
            ours = replace(their_server(authority, asked), schemes=tuple({scheme, SCHEME}))
            facts, outcome = welcome(side, peer, theirs, ours, tmp_path / scheme)
            check_facts(side, facts, peer_leaf=identity.leaf_digest, scheme=scheme)
            check_outcome(outcome)
    failures.check()


@pytest.mark.parametrize("peer", [peer.name for peer in CLIENTS], indirect=True)
def test_our_server_does_without(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Their client without a certificate sends an empty one, and our server that only asks goes on."""
    tally(peer, CLIENT, "client certificate: asked for, none")
    theirs = Settings(trust=authority.file, server_name=SERVER_NAME)
    ours = their_server(authority, ClientAuthentication.REQUEST)
    facts, outcome = welcome(side, peer, theirs, ours, tmp_path)
    assert facts.peer_leaf is None
    check_outcome(outcome)


@pytest.mark.parametrize("peer", [peer.name for peer in CLIENTS], indirect=True)
@pytest.mark.usefixtures("errors_of_ours")
def test_our_server_insists(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Our server that requires a certificate refuses a client that has none, and the client is told."""
    tally(peer, CLIENT, "client certificate: required, none")
    theirs = Settings(trust=authority.file, server_name=SERVER_NAME)
    ours = their_server(authority, ClientAuthentication.REQUIRE)
    refuse(side, peer, theirs, ours, tmp_path, CertificateRequired)


@pytest.mark.parametrize("peer", [peer.name for peer in CLIENTS], indirect=True)
@pytest.mark.usefixtures("errors_of_ours")
def test_our_server_refuses_a_stranger(
    side: Side, authority: Authority, stranger: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Our server refuses a client whose certificate has an unknown issuer, and the client sees the alert."""
    tally(peer, CLIENT, "client certificate: unknown issuer")
    theirs = Settings(trust=authority.file, server_name=SERVER_NAME, identity=stranger.identity(SCHEME))
    ours = their_server(authority, ClientAuthentication.REQUIRE)
    refuse(side, peer, theirs, ours, tmp_path, CertificateRejected)
