"""Sessions resumed with every peer that keeps them: TLS 1.3 by PSK, TLS 1.2 by ticket and by session id."""

from pathlib import Path

import pytest

from tests.interop.attempts import Tally, check_facts, check_outcome, visit
from tests.interop.lasting import SCHEME, TLS_13, Cast, able, cast_for, each_way, version_of, visits
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.pki import Authority
from tests.interop.settings import (
    AES_128_GCM,
    CLIENT,
    COMMON_SUITES,
    ID_12,
    PSK_13,
    SERVER,
    SHARED_KEY,
    TICKET_12,
    ClientAuthentication,
    Lasting,
)
from tests.interop.side import Side

pytestmark = pytest.mark.interop

TIMES = 3
WAYS = (PSK_13, TICKET_12, ID_12)
FIRST_GROUP, OTHER_GROUP = "x25519", "secp384r1"


def resumes_13(lasting: Lasting) -> bool:
    """Whether a peer resumes in TLS 1.3."""
    return PSK_13 in lasting.resumes


@pytest.mark.parametrize(("peer", "way"), each_way(SERVERS, SERVER, WAYS), indirect=["peer"])
def test_their_server(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, way: str, tally: Tally
) -> None:
    """A client that comes again resumes, and a session that was resumed gives another."""
    tally(peer, SERVER, f"resumption ({way})", TIMES - 1)
    cast, first = cast_for(authority, way), peer.role(SERVER).closings[0]
    with peer.lasting_server(cast.server(), tmp_path) as server:
        for number in range(TIMES):
            facts = visit(side, server, cast.client(session=str(tmp_path)), first=first)
            check_facts(side, facts, version=version_of(way), resumed=number > 0)
            check_outcome(server.outcome(), resumed=number > 0)


@pytest.mark.parametrize(("peer", "way"), each_way(SERVERS, SERVER, WAYS), indirect=["peer"])
def test_their_server_forgot(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, way: str, tally: Tally
) -> None:
    """A server that does not know the session makes a full handshake."""
    tally(peer, SERVER, f"refused resumption ({way})")
    cast, first = cast_for(authority, way), peer.role(SERVER).closings[0]
    for name in ("one", "another"):
        with peer.lasting_server(cast.server(), tmp_path / name) as server:
            facts = visit(side, server, cast.client(session=str(tmp_path)), first=first)
            check_facts(side, facts, version=version_of(way), resumed=False)
            check_outcome(server.outcome(), resumed=False)


@pytest.mark.parametrize(("peer", "way"), each_way(CLIENTS, CLIENT, WAYS), indirect=["peer"])
def test_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, way: str, tally: Tally
) -> None:
    """A client that comes again is known."""
    tally(peer, CLIENT, f"resumption ({way})")
    cast = cast_for(authority, way)
    told = visits(side, peer, cast.client(), [cast.server(session=str(tmp_path))] * 2, tmp_path)
    for number, (facts, outcome, _) in enumerate(told):
        check_facts(side, facts, version=version_of(way), resumed=number > 0)
        check_outcome(outcome, resumed=number > 0)


@pytest.mark.parametrize(("peer", "way"), each_way(CLIENTS, CLIENT, WAYS), indirect=["peer"])
def test_their_client_is_forgotten(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, way: str, tally: Tally
) -> None:
    """A client whose session we cannot find gets a full handshake."""
    tally(peer, CLIENT, f"refused resumption ({way})")
    cast = cast_for(authority, way)
    ours = [cast.server(session=str(tmp_path / name)) for name in ("one", "another")]
    for facts, outcome, _ in visits(side, peer, cast.client(), ours, tmp_path):
        check_facts(side, facts, version=version_of(way), resumed=False)
        check_outcome(outcome, resumed=False)


@pytest.mark.parametrize("peer", able(CLIENTS, CLIENT, resumes_13), indirect=True)
def test_their_client_and_our_cache(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """In TLS 1.3 a ticket may be a name for what the server keeps."""
    tally(peer, CLIENT, f"resumption ({PSK_13}) from a cache")
    cast = Cast(authority, TLS_13)
    ours = cast.server(session=str(tmp_path), tickets=False)
    for number, (facts, _, _) in enumerate(visits(side, peer, cast.client(), [ours] * 2, tmp_path)):
        check_facts(side, facts, resumed=number > 0)


@pytest.mark.parametrize("peer", able(SERVERS, SERVER, lambda it: it.external_psk), indirect=True)
def test_external_key_with_their_server(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A key that both were given stands for the certificates."""
    tally(peer, SERVER, "external PSK (TLS 1.3)")
    cast = Cast(authority, TLS_13, psk=SHARED_KEY, suites=(AES_128_GCM,))
    with peer.lasting_server(cast.server(), tmp_path) as server:
        facts = visit(side, server, cast.client(), first=peer.role(SERVER).closings[0])
        check_facts(side, facts, version=TLS_13, peer_leaf=None, scheme=None)
        check_outcome(server.outcome())


@pytest.mark.parametrize("peer", able(CLIENTS, CLIENT, lambda it: it.external_psk), indirect=True)
def test_external_key_with_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A key that both were given stands for the certificates."""
    tally(peer, CLIENT, "external PSK (TLS 1.3)")
    cast = Cast(authority, TLS_13, psk=SHARED_KEY, suites=(AES_128_GCM,))
    [(facts, outcome, _)] = visits(side, peer, cast.client(), [cast.server()], tmp_path)
    check_facts(side, facts, version=TLS_13, scheme=None)
    check_outcome(outcome, peer_leaf=None)


@pytest.mark.parametrize("peer", able(SERVERS, SERVER, resumes_13), indirect=True)
@pytest.mark.parametrize("suite", COMMON_SUITES)
def test_suites_with_their_server(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, suite: str, tally: Tally
) -> None:
    """A session is for the hash of its suite, whichever that is."""
    tally(peer, SERVER, f"resumption ({PSK_13}), each suite")
    cast, first = Cast(authority, TLS_13), peer.role(SERVER).closings[0]
    with peer.lasting_server(cast.server(), tmp_path) as server:
        for number in range(2):
            facts = visit(side, server, cast.client(session=str(tmp_path), suites=(suite,)), first=first)
            check_facts(side, facts, suite=suite, resumed=number > 0)


@pytest.mark.parametrize("peer", able(CLIENTS, CLIENT, resumes_13), indirect=True)
@pytest.mark.parametrize("suite", COMMON_SUITES)
def test_suites_with_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, suite: str, tally: Tally
) -> None:
    """A session is for the hash of its suite, whichever that is."""
    tally(peer, CLIENT, f"resumption ({PSK_13}), each suite")
    cast = Cast(authority, TLS_13, suites=None)
    ours = cast.server(session=str(tmp_path), suites=(suite,))
    for number, (facts, _, _) in enumerate(visits(side, peer, cast.client(), [ours] * 2, tmp_path)):
        check_facts(side, facts, suite=suite, resumed=number > 0)


@pytest.mark.parametrize("peer", able(SERVERS, SERVER, resumes_13), indirect=True)
def test_their_server_asks_again(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """After a HelloRetryRequest the binder covers both hellos, and the session is still good."""
    tally(peer, SERVER, "resumption after HelloRetryRequest")
    cast, first = Cast(authority, TLS_13), peer.role(SERVER).closings[0]
    theirs = cast.server(groups=(OTHER_GROUP,) if peer.role(SERVER).chooses_groups else None)
    shares = (FIRST_GROUP,) if peer.role(SERVER).chooses_groups else ()
    ours = cast.client(session=str(tmp_path), groups=(FIRST_GROUP, OTHER_GROUP), shares=shares)
    with peer.lasting_server(theirs, tmp_path) as server:
        for number in range(2):
            facts = visit(side, server, ours, first=first)
            check_facts(side, facts, hello_retried=True, resumed=number > 0)


@pytest.mark.usefixtures("ours_alone")
@pytest.mark.parametrize("peer", able(CLIENTS, CLIENT, resumes_13), indirect=True)
def test_their_client_is_asked_again(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """After a HelloRetryRequest the binder covers both hellos, and the session is still good."""
    tally(peer, CLIENT, "resumption after HelloRetryRequest")
    cast = Cast(authority, TLS_13)
    ours = [cast.server(session=str(tmp_path)), cast.server(session=str(tmp_path), groups=("secp521r1",))]
    told = visits(side, peer, cast.client(), ours, tmp_path)
    check_facts(side, told[-1][0], hello_retried=True, group="secp521r1", resumed=True)


@pytest.mark.parametrize(("peer", "way"), each_way(CLIENTS, CLIENT, WAYS), indirect=["peer"])
def test_client_certificate_is_remembered(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, way: str, tally: Tally
) -> None:
    """Who the client is goes with the session: it shows its certificate once."""
    tally(peer, CLIENT, f"client certificate resumed ({way})")
    cast, identity = cast_for(authority, way), authority.identity(SCHEME)
    ours = cast.server(session=str(tmp_path), client_authentication=ClientAuthentication.REQUIRE)
    told = visits(side, peer, cast.client(identity=identity), [ours] * 2, tmp_path)
    for number, (facts, _, _) in enumerate(told):
        check_facts(side, facts, peer_leaf=identity.leaf_digest, resumed=number > 0)


@pytest.mark.usefixtures("ours_alone")
@pytest.mark.parametrize("peer", able(SERVERS, SERVER, lambda it: it.without_fresh_keys), indirect=True)
def test_their_server_makes_no_fresh_keys(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A pre-shared key can be all there is (psk_ke), and then no group is negotiated."""
    tally(peer, SERVER, "psk_ke")
    cast = Cast(authority, TLS_13, psk=SHARED_KEY, suites=(AES_128_GCM,), fresh_keys=False)
    with peer.lasting_server(cast.server(), tmp_path) as server:
        facts = visit(side, server, cast.client(), first=peer.role(SERVER).closings[0])
        check_facts(side, facts, peer_leaf=None, group=None)
        check_outcome(server.outcome())


@pytest.mark.usefixtures("ours_alone")
@pytest.mark.parametrize("peer", able(CLIENTS, CLIENT, lambda it: it.without_fresh_keys), indirect=True)
def test_their_client_makes_no_fresh_keys(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A pre-shared key can be all there is (psk_ke), and then no group is negotiated."""
    tally(peer, CLIENT, "psk_ke")
    cast = Cast(authority, TLS_13, psk=SHARED_KEY, suites=(AES_128_GCM,), fresh_keys=False)
    [(facts, outcome, _)] = visits(side, peer, cast.client(), [cast.server()], tmp_path)
    check_facts(side, facts, scheme=None, group=None)
    check_outcome(outcome)
