"""Settings of both sides for one trial in a version before TLS 1.3.

Their side has everything it can do, all versions before TLS 1.3 included; ours has the trial and no more, so
that what is negotiated is what was asked for.
"""

from base64 import b64decode
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from tests.interop.attempts import check_facts
from tests.interop.peers.base import Peer
from tests.interop.pki import SERVER_NAME, Authority
from tests.interop.plan_older import OWN_PARAMETERS, Trial, exchanges, groups, signers, suites_of
from tests.interop.settings import SHARED_KEY, Facts, Older, Settings
from tests.interop.side import Side
from tests.interop.suites import ANONYMOUS_EXCHANGES, CERTIFICATE_EXCHANGES, PSK_EXCHANGES, SUITES, Suite

PARAMETERS = Path(__file__).parent / "parameters.pem"  # a safe prime of no standard group, and generator 2
CLIENT_DH: dict[str, Any] = {"minimum_dh_bits": 1024}  # what some servers choose for 128-bit ciphers


@cache
def own_parameters() -> tuple[int, int]:
    """Return the prime and the generator of our own parameters."""
    der = b64decode("".join(PARAMETERS.read_text().splitlines()[1:-1]))
    # SEQUENCE of two INTEGERs; the first header and that of the prime take four octets each.
    length = int.from_bytes(der[6:8], "big")
    return int.from_bytes(der[8 : 8 + length], "big"), der[-1]


def older_of(peer: Peer, role: str) -> Older:
    """Return what a peer can do before TLS 1.3 in a role."""
    found = peer.role(role).older
    assert found is not None, f"{peer.name} has no older versions as {role}"
    return found


def with_older(peers: list[Peer], role: str) -> list[Peer]:
    """Return the peers that have older versions in a role."""
    return [peer for peer in peers if peer.role(role).older is not None]


def each_exchange(peers: list[Peer], role: str) -> list[ParameterSet]:
    """Return test parameters: every peer with each of its older versions and key exchanges."""
    return [
        pytest.param(peer.name, version, exchange, id=f"{peer.name}-{version}-{exchange}")
        for peer in with_older(peers, role)
        for version, exchange in exchanges(older_of(peer, role))
    ]


def each_version(peers: list[Peer], role: str) -> list[ParameterSet]:
    """Return test parameters: every peer with each of its older versions."""
    return [
        pytest.param(peer.name, version, id=f"{peer.name}-{version}")
        for peer in with_older(peers, role)
        for version in older_of(peer, role).versions
    ]


def check_trial(side: Side, facts: Facts, older: Older, trial: Trial) -> None:
    """AssertionError unless our side tells that the trial was negotiated, with the extensions it can have.

    Encrypt-then-MAC is for CBC suites alone (RFC 7366 §3).
    """
    check_facts(side, facts, version=trial.version, suite=trial.suite)
    if not side.tells_all:
        return
    if trial.groups:
        own = trial.group == OWN_PARAMETERS and facts.group is not None
        assert own or facts.group in trial.groups, f"group is {facts.group}"
    protected = SUITES[trial.suite].cbc and older.encrypt_then_mac
    check_facts(side, facts, extended_master_secret=True, encrypt_then_mac=protected)


def one_of_each(
    older: Older, version: str, kind: Callable[[Suite], Hashable], condition: Callable[[Suite], bool]
) -> tuple[Trial, ...]:
    """Return one trial for each kind of suite, with a key exchange that most peers have."""
    chosen: dict[Hashable, Trial] = {}
    for exchange in ("ECDHE_RSA", "ECDHE_ECDSA", "RSA", "DHE_RSA", "PSK"):
        for suite in suites_of(older, version, exchange):
            row = SUITES[suite]
            if condition(row) and kind(row) not in chosen:
                chosen[kind(row)] = some_trial(older, version, suite)
    return tuple(chosen.values())


def some_trial(older: Older, version: str, suite: str, turn: int = 0) -> Trial:
    """Return a trial of a suite with the peer's first curve and one of its signatures."""
    row = SUITES[suite]
    choice = signers(older, version, row.exchange)
    scheme, key = choice[turn % len(choice)]
    return Trial(version, suite, scheme, key, groups(older, suite)[0])


@dataclass(frozen=True, slots=True)
class Cast:
    """The settings that a trial needs, for whoever plays a part in it."""

    authority: Authority

    def their_server(self, older: Older, trial: Trial) -> Settings:
        """Return settings for their server: the key of the trial, and otherwise all it can do."""
        return Settings(
            trust=self.authority.file,
            identity=self.authority.identity_of_kind(trial.key or "rsa2048"),
            versions=older.versions,
            suites=older.suites,
            groups=(*older.curves, *older.finite_fields),
            psk=SHARED_KEY if any("PSK" in exchange for exchange in older.exchanges()) else None,
            dh_parameters=PARAMETERS if older.wants_dh_parameters else None,
        )

    def their_client(self, older: Older, trial: Trial) -> Settings:
        """Return settings for their client: all it can do.

        But the fields of RFC 7919 only when the server is to choose one: a client that names some gets one
        of these or none (RFC 7919 §4).
        """
        named = older.finite_fields if trial.group in older.finite_fields else ()
        return replace(
            self.their_server(older, trial),
            identity=None,
            dh_parameters=None,
            groups=(*older.curves, *named),
            server_name=SERVER_NAME,
            anonymous=trial.exchange in ANONYMOUS_EXCHANGES,
        )

    def our_client(self, trial: Trial) -> Settings:
        """Return settings with which our client can negotiate nothing but the trial."""
        return Settings(
            trust=self.authority.file,
            server_name=SERVER_NAME,
            versions=(trial.version,),
            suites=(trial.suite,),
            groups=trial.groups,
            schemes=(trial.scheme,) if trial.scheme else None,
            psk=SHARED_KEY if trial.exchange in PSK_EXCHANGES else None,
            anonymous=trial.exchange in ANONYMOUS_EXCHANGES,
            extra=CLIENT_DH if trial.exchange.startswith("DH") else {},
        )

    def our_server(self, trial: Trial) -> Settings:
        """Return settings with which our server can negotiate nothing but the trial."""
        certified = trial.exchange in CERTIFICATE_EXCHANGES
        return Settings(
            trust=self.authority.file,
            identity=self.authority.identity_of_kind(trial.key or "rsa2048") if certified else None,
            versions=(trial.version,),
            suites=(trial.suite,),
            groups=trial.groups[:1] if trial.groups else None,
            signs_with=(trial.scheme,) if trial.scheme else None,
            psk=SHARED_KEY if trial.exchange in PSK_EXCHANGES else None,
            extra={"dh_parameters": own_parameters()} if trial.group == OWN_PARAMETERS else {},
        )
