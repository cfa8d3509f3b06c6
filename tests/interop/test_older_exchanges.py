"""TLS 1.2, 1.1 and 1.0: every key exchange with every suite and signature that a peer has, in both roles."""

from pathlib import Path

import pytest

from tests.interop.attempts import Failures, Tally, check_facts, check_outcome, greet, visit, welcome
from tests.interop.older import Cast, check_trial, each_exchange, older_of
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.pki import Authority
from tests.interop.plan_older import each_once, full, possible
from tests.interop.pool import Pool
from tests.interop.settings import CLIENT, SERVER
from tests.interop.side import Side

pytestmark = pytest.mark.interop

TURNS = "every suite with every signature, the groups taking turns"
ONCE = "each connection costs a process: every suite, every signature and every group at least once"


@pytest.mark.parametrize(("peer", "version", "exchange"), each_exchange(SERVERS, SERVER), indirect=["peer"])
def test_their_server(
    side: Side, authority: Authority, pool: Pool, peer: Peer, version: str, exchange: str, tally: Tally
) -> None:
    """A server agrees to each suite, signature and group it has when its client offers no other."""
    older = older_of(peer, SERVER)
    trials = [trial for trial in full(older, version, exchange) if side.has(trial.suite)]
    tally(peer, SERVER, f"{version}: {exchange}", len(trials), possible(older, version, exchange), TURNS)
    cast = Cast(authority)
    for key in sorted({trial.key for trial in trials}, key=str):
        chosen = [trial for trial in trials if trial.key == key]
        with pool.server(peer, cast.their_server(older, chosen[0])) as server:
            failures = Failures(server)
            for trial in chosen:
                with failures.attempt(trial):
                    facts = visit(side, server, cast.our_client(trial))
                    check_trial(side, facts, older, trial)
                    check_facts(side, facts, scheme=trial.scheme or facts.scheme)
                    check_outcome(server.outcome(), version=version, suite=trial.suite)
            failures.check()


@pytest.mark.parametrize(("peer", "version", "exchange"), each_exchange(CLIENTS, CLIENT), indirect=["peer"])
def test_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, version: str, exchange: str, tally: Tally
) -> None:
    """A client with many versions, suites, signatures and groups agrees to the only ones its server has."""
    older = older_of(peer, CLIENT)
    often = peer.one_process_connects_often
    planned = (full if often else each_once)(older, version, exchange)
    trials = [trial for trial in planned if side.has(trial.suite)]
    note = TURNS if often else ONCE
    if exchange in older.breaks_after:
        note += "; handshakes alone"
    tally(peer, CLIENT, f"{version}: {exchange}", len(trials), possible(older, version, exchange), note)
    cast = Cast(authority)
    failures = Failures()
    for number, trial in enumerate(trials):
        with failures.attempt(trial):
            theirs, ours = cast.their_client(older, trial), cast.our_server(trial)
            if exchange in older.breaks_after:
                check_trial(side, greet(side, peer, theirs, ours, tmp_path / str(number)), older, trial)
                continue
            facts, outcome = welcome(side, peer, theirs, ours, tmp_path / str(number))
            check_trial(side, facts, older, trial)
            check_outcome(outcome, version=version, suite=trial.suite)
    failures.check()
