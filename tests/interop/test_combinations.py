"""Every cipher suite with every group and every signature scheme that a peer has, in both roles."""

from functools import partial
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.interop.attempts import (
    Failures,
    Tally,
    check_facts,
    check_outcome,
    insist,
    visit,
    welcome,
)
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.pki import SERVER_NAME, Authority
from tests.interop.plan import Combination, full_product, pairwise, with_scheme
from tests.interop.settings import CLIENT, SERVER, Capabilities, Settings
from tests.interop.side import Side

pytestmark = pytest.mark.interop

FULL = "suites x groups x signatures"
PAIRS = "each connection costs a process, so every pair of suite, group and signature instead of all three"


def possible(capabilities: Capabilities) -> int:
    """Return how many combinations there are for one signature scheme."""
    return len(capabilities.suites) * len(capabilities.groups)


def our_client(combination: Combination, authority: Authority) -> Settings:
    """Return settings with which our client can negotiate nothing but the combination."""
    return Settings(
        trust=authority.file,
        server_name=SERVER_NAME,
        suites=(combination.suite,),
        groups=(combination.group,),
        schemes=(combination.scheme,),
    )


def our_server(combination: Combination, authority: Authority) -> Settings:
    """Return settings with which our server can negotiate nothing but the combination."""
    return Settings(
        trust=authority.file,
        identity=authority.identity(combination.scheme),
        suites=(combination.suite,),
        groups=(combination.group,),
        signs_with=(combination.scheme,),
    )


def each_scheme(peers: list[Peer], role: str) -> list[ParameterSet]:
    """Return test parameters: every peer with each of its signature schemes."""
    return [
        pytest.param(peer.name, scheme, id=f"{peer.name}-{scheme}")
        for peer in peers
        for scheme in peer.role(role).schemes
    ]


@pytest.mark.parametrize(("peer", "scheme"), each_scheme(SERVERS, SERVER), indirect=["peer"])
def test_their_server(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, scheme: str, tally: Tally
) -> None:
    """A server speaks every suite and group it has to a client that offers no other, and signs as asked."""
    capabilities = peer.role(SERVER)
    combinations = with_scheme(full_product(capabilities), scheme)
    tally(peer, SERVER, FULL, len(combinations), possible(capabilities))
    theirs = Settings(
        trust=authority.file,
        identity=authority.identity(scheme),
        suites=capabilities.suites,
        groups=capabilities.groups if capabilities.chooses_groups else None,
    )
    with peer.serve(theirs, tmp_path) as server:
        failures = Failures(server)
        for one in combinations:
            with failures.attempt(one):
                ours = our_client(one, authority)
                facts = insist(capabilities, one.group, partial(visit, side, server, ours))
                check_facts(
                    side, facts, version="TLS 1.3", suite=one.suite, group=one.group, scheme=one.scheme
                )
                check_outcome(server.outcome(), suite=one.suite)
        failures.check()


@pytest.mark.parametrize(("peer", "scheme"), each_scheme(CLIENTS, CLIENT), indirect=["peer"])
def test_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, scheme: str, tally: Tally
) -> None:
    """A client that has many suites, groups and schemes agrees to the only ones its server has."""
    capabilities = peer.role(CLIENT)
    often = peer.one_process_connects_often
    combinations = with_scheme(full_product(capabilities) if often else pairwise(capabilities), scheme)
    tally(peer, CLIENT, FULL, len(combinations), possible(capabilities), "" if often else PAIRS)
    theirs = Settings(
        trust=authority.file,
        server_name=SERVER_NAME,
        suites=capabilities.suites,
        groups=capabilities.groups if capabilities.chooses_groups else None,
    )
    failures = Failures()
    for number, one in enumerate(combinations):
        with failures.attempt(one):
            ours = our_server(one, authority)
            facts, outcome = insist(
                capabilities,
                one.group,
                partial(welcome, side, peer, theirs, ours, tmp_path / str(number)),
            )
            check_facts(side, facts, version="TLS 1.3", suite=one.suite, group=one.group)
            check_outcome(outcome, suite=one.suite)
    failures.check()
