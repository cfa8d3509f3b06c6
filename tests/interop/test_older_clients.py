"""Client certificates in TLS 1.2, 1.1 and 1.0: each signature, asked for, required, absent and unknown."""

from dataclasses import replace
from pathlib import Path

import pytest

from lucidtls.errors import AlertReceived, CertificateRejected, TLSError
from tests.interop.attempts import Failures, Tally, check_facts, check_outcome, refuse, visit, welcome
from tests.interop.older import Cast, each_version, older_of, some_trial
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.pki import Authority, key_kind_of
from tests.interop.plan_older import CURVES_OF_KEYS, Signer, Trial, suites_of
from tests.interop.pool import Pool
from tests.interop.settings import CLIENT, SERVER, ClientAuthentication, Identity, Older, Settings
from tests.interop.side import Side, connected
from tests.interop.suites import TLS_12

pytestmark = pytest.mark.interop

EXCHANGES = ("ECDHE_RSA", "RSA", "DHE_RSA", "ECDHE_ECDSA")
REFUSALS = ("handshake_failure", "bad_certificate", "certificate_required", "decode_error")  # GnuTLS's
REQUEST, REQUIRE = ClientAuthentication.REQUEST, ClientAuthentication.REQUIRE


def signing_clients(older: Older, version: str) -> list[Signer]:
    """Return what a client can sign with: schemes in TLS 1.2, kinds of key before."""
    if version != TLS_12:
        return [(None, kind) for kind in older.legacy_keys]
    return [(scheme, key_kind_of(scheme)) for scheme in older.client_schemes]


def trials(older: Older, version: str) -> list[Trial]:
    """Return a trial for each key exchange with a certificate."""
    suites = [suites_of(older, version, exchange) for exchange in EXCHANGES]
    return [some_trial(older, version, found[0]) for found in suites if found]


def with_certificate(ours: Settings, identity: Identity, scheme: str | None) -> Settings:
    """Return our client's settings with a certificate, and what has to be offered for it to be used.

    OpenSSL wants the curve of an ECDSA key among the groups of the client. We sign with SHA-1 when we would
    also accept it (RFC 9155 §4).
    """
    curve = CURVES_OF_KEYS.get(identity.name)
    groups = (*ours.groups, curve) if ours.groups and curve else ours.groups
    schemes = (*ours.schemes, scheme) if ours.schemes and scheme else ours.schemes
    return replace(
        ours, identity=identity, groups=groups, schemes=schemes, signs_with=(scheme,) if scheme else None
    )


@pytest.mark.parametrize(("peer", "version"), each_version(SERVERS, SERVER), indirect=["peer"])
@pytest.mark.parametrize("asked", (REQUEST, REQUIRE), ids=lambda asked: asked.value)
def test_their_server_accepts_our_certificate(
    side: Side,
    authority: Authority,
    pool: Pool,
    peer: Peer,
    version: str,
    asked: ClientAuthentication,
    tally: Tally,
) -> None:
    """A client proves its key with each signature that the server takes, under each key exchange."""
    older, cast = older_of(peer, SERVER), Cast(authority)
    signing, plans = signing_clients(older, version), trials(older, version)
    tally(peer, SERVER, f"{version}, client certificate {asked.value}", len(signing))
    failures = Failures()
    for turn, (scheme, kind) in enumerate(signing):
        trial = plans[turn % len(plans)]
        identity = authority.identity_of_kind(str(kind))
        ours = with_certificate(cast.our_client(trial), identity, scheme)
        theirs = replace(cast.their_server(older, trial), client_authentication=asked)
        with failures.attempt(f"{scheme} {kind} {trial}"), pool.server(peer, theirs) as server:
            visit(side, server, ours)
            outcome = server.outcome()
            check_outcome(outcome)
            if outcome is not None and outcome.facts.version:
                assert outcome.facts.peer_leaf == identity.leaf_digest, "it was shown another certificate"
    failures.check()


@pytest.mark.parametrize(("peer", "version"), each_version(SERVERS, SERVER), indirect=["peer"])
@pytest.mark.usefixtures("errors_of_ours")
def test_their_server_without_a_certificate(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, version: str, tally: Tally
) -> None:
    """A client without a certificate is served by a server that asks, and refused by one that insists."""
    older, cast = older_of(peer, SERVER), Cast(authority)
    trial = trials(older, version)[0]
    tally(peer, SERVER, f"{version}, client certificate absent", 2)
    for asked in (REQUEST, REQUIRE):
        theirs = replace(cast.their_server(older, trial), client_authentication=asked)
        with peer.serve(theirs, tmp_path / asked.value) as server:
            if asked is REQUEST:
                visit(side, server, cast.our_client(trial))
                check_outcome(server.outcome(), peer_leaf=None)
                continue
            with (
                pytest.raises(AlertReceived) as refusal,
                connected(side, server.port, cast.our_client(trial)) as stream,
            ):
                stream.read(1)
            assert refusal.value.alert.name in REFUSALS


@pytest.mark.parametrize(("peer", "version"), each_version(CLIENTS, CLIENT), indirect=["peer"])
@pytest.mark.parametrize("asked", (REQUEST, REQUIRE), ids=lambda asked: asked.value)
def test_our_server_accepts_their_certificate(
    side: Side,
    authority: Authority,
    tmp_path: Path,
    peer: Peer,
    version: str,
    asked: ClientAuthentication,
    tally: Tally,
) -> None:
    """Our server verifies a client's certificate and signature, with each scheme, under each key exchange."""
    older, cast = older_of(peer, CLIENT), Cast(authority)
    signing, plans = signing_clients(older, version), trials(older, version)
    tally(peer, CLIENT, f"{version}, client certificate {asked.value}", len(signing))
    failures = Failures()
    for turn, (scheme, kind) in enumerate(signing):
        trial = plans[turn % len(plans)]
        with failures.attempt(f"{scheme} {kind} {trial}"):
            identity = authority.identity_of_kind(str(kind))
            theirs = replace(cast.their_client(older, trial), identity=identity)
            ours = replace(
                cast.our_server(trial), client_authentication=asked, schemes=(scheme,) if scheme else None
            )
            facts, outcome = welcome(side, peer, theirs, ours, tmp_path / str(turn))
            check_facts(side, facts, peer_leaf=identity.leaf_digest)
            if scheme:
                check_facts(side, facts, scheme=scheme)
            check_outcome(outcome)
    failures.check()


@pytest.mark.parametrize(("peer", "version"), each_version(CLIENTS, CLIENT), indirect=["peer"])
@pytest.mark.usefixtures("errors_of_ours")
def test_our_server_without_a_certificate(
    side: Side,
    authority: Authority,
    stranger: Authority,
    tmp_path: Path,
    peer: Peer,
    version: str,
    tally: Tally,
) -> None:
    """Our server that asks goes on without a certificate; one that insists wants one of a known issuer."""
    older, cast = older_of(peer, CLIENT), Cast(authority)
    trial = trials(older, version)[0]
    tally(peer, CLIENT, f"{version}, client certificate absent or unknown", 3)
    theirs, ours = cast.their_client(older, trial), cast.our_server(trial)
    asking, insisting = (replace(ours, client_authentication=asked) for asked in (REQUEST, REQUIRE))
    facts, outcome = welcome(side, peer, theirs, asking, tmp_path / "asking")
    assert facts.peer_leaf is None
    check_outcome(outcome)
    refuse(side, peer, theirs, insisting, tmp_path / "insisting", TLSError)
    unknown = replace(theirs, identity=stranger.identity_of_kind("rsa2048"))
    refuse(side, peer, unknown, insisting, tmp_path / "unknown", CertificateRejected)
