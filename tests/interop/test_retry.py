"""HelloRetryRequest: asked for by their servers and by ours, with and without a cookie."""

from pathlib import Path

import pytest

from tests.interop.attempts import Failures, Tally, check_facts, check_outcome, visit, welcome
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.pki import SERVER_NAME, Authority
from tests.interop.settings import CLIENT, SERVER, SLOW_GROUPS, Settings
from tests.interop.side import Side

pytestmark = pytest.mark.interop

SCHEME = "ecdsa_secp256r1_sha256"
SHARED_FIRST = ("x25519", "secp256r1")  # clients send shares for these when they stand first, GnuTLS for both
COOKIE_KEY = bytes(range(32))


def groups_to_ask_for(groups: tuple[str, ...]) -> list[str]:
    """Return the groups that no client sends a share for unasked."""
    return [group for group in groups if group not in SLOW_GROUPS and group not in SHARED_FIRST]


@pytest.mark.parametrize("peer", [peer.name for peer in SERVERS], indirect=True)
def test_their_server_asks_a_client_without_shares(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A client may send no key share at all, and is asked for one of the group that the server chooses."""
    if not side.tells_all:
        pytest.skip("the stand-in always sends a share")
    capabilities = peer.role(SERVER)
    groups = [group for group in capabilities.groups if group not in SLOW_GROUPS]
    tally(peer, SERVER, "HelloRetryRequest", len(groups))
    theirs = Settings(
        trust=authority.file,
        identity=authority.identity(SCHEME),
        groups=capabilities.groups if capabilities.chooses_groups else None,
    )
    with peer.serve(theirs, tmp_path) as server:
        failures = Failures(server)
        for group in groups:
            with failures.attempt(group):
                ours = Settings(trust=authority.file, server_name=SERVER_NAME, groups=(group,), shares=())
                facts = visit(side, server, ours)
                check_facts(side, facts, group=group, hello_retried=True)
                check_outcome(server.outcome(), group=group, hello_retried=True)
        failures.check()


@pytest.mark.parametrize(
    "peer", [peer.name for peer in SERVERS if peer.role(SERVER).chooses_groups], indirect=True
)
def test_their_server_asks_for_another_share(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A server that lacks the group of the client's share asks for one that both have."""
    tally(peer, SERVER, "HelloRetryRequest", 1)
    theirs = Settings(trust=authority.file, identity=authority.identity(SCHEME), groups=("secp384r1",))
    ours = Settings(
        trust=authority.file,
        server_name=SERVER_NAME,
        groups=("x25519", "secp384r1"),
        shares=("x25519",),
    )
    with peer.serve(theirs, tmp_path) as server:
        facts = visit(side, server, ours)
        check_facts(side, facts, group="secp384r1", hello_retried=True)
        check_outcome(server.outcome(), group="secp384r1", hello_retried=True)


@pytest.mark.parametrize("peer", [peer.name for peer in CLIENTS], indirect=True)
def test_our_server_asks_for_another_share(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Their client answers a HelloRetryRequest with a share of the group that our server asked for."""
    capabilities = peer.role(CLIENT)
    groups = groups_to_ask_for(capabilities.groups)
    if capabilities.hybrids_first:
        groups = [group for group in groups if "MLKEM" not in group]
    tally(peer, CLIENT, "HelloRetryRequest", len(groups))
    failures = Failures()
    for group in groups:
        with failures.attempt(group):
            theirs = Settings(
                trust=authority.file,
                server_name=SERVER_NAME,
                groups=(*SHARED_FIRST, group) if capabilities.chooses_groups else None,
            )
            ours = Settings(trust=authority.file, identity=authority.identity(SCHEME), groups=(group,))
            facts, outcome = welcome(side, peer, theirs, ours, tmp_path / group)
            check_facts(side, facts, group=group, hello_retried=True)
            check_outcome(outcome, group=group, hello_retried=True)
    failures.check()


COOKIES = [
    pytest.param(peer.name, groups, id=f"{peer.name}-{'alone' if groups is None else 'with-group'}")
    for peer in CLIENTS
    for groups in (None, ("secp384r1",))
    if groups or peer.role(CLIENT).cookie_alone
]


@pytest.mark.parametrize(("peer", "groups"), COOKIES, indirect=["peer"])
def test_our_server_sends_a_cookie(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, groups: tuple[str, ...] | None, tally: Tally
) -> None:
    """Their client brings back the cookie of a server that keeps nothing between its two ClientHellos."""
    if not side.tells_all:
        pytest.skip("the stand-in sends no cookies")
    tally(peer, CLIENT, f"HelloRetryRequest with a cookie{' and a group' if groups else ''}")
    theirs = Settings(trust=authority.file, server_name=SERVER_NAME)
    ours = Settings(
        trust=authority.file,
        identity=authority.identity(SCHEME),
        groups=groups,
        extra={"hello_retry": "always", "cookie_key": COOKIE_KEY},
    )
    facts, outcome = welcome(side, peer, theirs, ours, tmp_path)
    check_facts(side, facts, hello_retried=True)
    check_outcome(outcome, hello_retried=True)
