"""The extensions that repaired TLS 1.2 and before, each on and off: RFC 7627 (EMS) and RFC 7366 (EtM)."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from tests.interop.attempts import Failures, Tally, check_facts, check_outcome, visit, welcome
from tests.interop.older import Cast, each_version, older_of, one_of_each
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.pki import Authority
from tests.interop.plan_older import Trial
from tests.interop.pool import Pool
from tests.interop.settings import CLIENT, EMS, ETM, SERVER, Facts, Older, Settings
from tests.interop.side import Side

pytestmark = pytest.mark.interop

BOTH = (True, False)
Switches = dict[str, bool]


def switched(settings: Settings, switches: Switches) -> Settings:
    """Return settings with the two extensions on or off."""
    return replace(settings, extended_master_secret=switches[EMS], encrypt_then_mac=switches[ETM])


def positions(older: Older) -> list[Switches]:
    """Return how a peer can be set: each switch that it has, on and off."""
    each = [BOTH if name in older.switches else (True,) for name in (EMS, ETM)]
    return [{EMS: master_secret, ETM: mac} for master_secret, mac in product(*each)]


OURS = [{EMS: master_secret, ETM: mac} for master_secret, mac in product(BOTH, BOTH)]


def cbc_trials(older: Older, version: str) -> tuple[Trial, ...]:
    """Return a trial for each CBC cipher with each hash, all with one key: encrypt-then-MAC is for these."""
    found = one_of_each(older, version, lambda suite: (suite.cipher, suite.hash), lambda suite: suite.cbc)
    return tuple(trial for trial in found if trial.key == found[0].key)


def check(side: Side, facts: Facts, older: Older, ours: Switches, theirs: Switches) -> None:
    """AssertionError unless each extension is in use exactly when both sides want it."""
    if side.tells_all:
        wanted = {name: ours[name] and theirs[name] for name in (EMS, ETM)}
        wanted[ETM] = wanted[ETM] and older.encrypt_then_mac
        check_facts(side, facts, **wanted)


@pytest.mark.parametrize(("peer", "version"), each_version(SERVERS, SERVER), indirect=["peer"])
def test_their_server(
    side: Side, authority: Authority, pool: Pool, peer: Peer, version: str, tally: Tally
) -> None:
    """Each extension is in use when both sides want it, and what it protects is readable either way."""
    older = older_of(peer, SERVER)
    trials, cast = [trial for trial in cbc_trials(older, version) if side.has(trial.suite)], Cast(authority)
    connections = len(positions(older)) * len(OURS) * len(trials)
    tally(peer, SERVER, f"{version}, EMS and EtM on and off", connections)
    for theirs in positions(older):
        settings = switched(cast.their_server(older, trials[0]), theirs)
        with pool.server(peer, settings) as server:
            failures = Failures(server)
            for ours, trial in product(OURS, trials):
                with failures.attempt(f"{trial} ours {ours} theirs {theirs}"):
                    facts = visit(side, server, switched(cast.our_client(trial), ours), upload=3000)
                    check(side, facts, older, ours, theirs)
                    check_outcome(server.outcome())
            failures.check()


@pytest.mark.parametrize(("peer", "version"), each_version(CLIENTS, CLIENT), indirect=["peer"])
def test_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, version: str, tally: Tally
) -> None:
    """Each extension is in use when both sides want it, and what it protects is readable either way."""
    older = older_of(peer, CLIENT)
    trials, cast = [trial for trial in cbc_trials(older, version) if side.has(trial.suite)], Cast(authority)
    settings = list(product(positions(older), OURS))
    number = len(settings) * len(trials) if peer.one_process_connects_often else len(settings)
    tally(peer, CLIENT, f"{version}, EMS and EtM on and off", number, len(settings) * len(trials))
    failures = Failures()
    for turn in range(number):
        (theirs, ours), trial = settings[turn % len(settings)], trials[turn % len(trials)]
        with failures.attempt(f"{trial} ours {ours} theirs {theirs}"):
            facts, outcome = welcome(
                side,
                peer,
                switched(cast.their_client(older, trial), theirs),
                switched(cast.our_server(trial), ours),
                tmp_path / str(turn),
                upload=3000,
            )
            check(side, facts, older, ours, theirs)
            check_outcome(outcome)
    failures.check()
