"""Before TLS 1.3: versions and downgrades, hints and wrong keys, weak parameters, renegotiation."""

from dataclasses import replace
from pathlib import Path

import pytest

from lucidtls.errors import AlertReceived, InsufficientSecurity, TLSError
from lucidtls.events import PreSharedKey
from tests.interop.attempts import Failures, Tally, check_facts, check_outcome, refuse, visit, welcome
from tests.interop.older import Cast, older_of, some_trial, with_older
from tests.interop.ours import EngineStream
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.peers.openssl import OpenSSL
from tests.interop.pki import SERVER_NAME, Authority
from tests.interop.plan_older import Trial, suites_of
from tests.interop.pool import Pool
from tests.interop.settings import CLIENT, SERVER, SHARED_KEY, Settings, SharedKey
from tests.interop.side import Listener, Side, connected
from tests.interop.suites import OLDER_VERSIONS, PSK_EXCHANGES, TLS_11, TLS_12
from tests.peers_required import require_peer

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("errors_of_ours")]

ALL_VERSIONS = (*OLDER_VERSIONS, "TLS 1.3")
WEAK_PARAMETERS = Path(__file__).parent / "parameters1024.pem"
WRONG_KEY = SharedKey(SHARED_KEY.identity, bytes(32))
HINT = "which key?"
# JSSE knows nothing of RFC 7507.
ANSWERS_FALLBACK = [peer.name for peer in SERVERS if peer.name != "java"]


def rsa_trial(version: str) -> Trial:
    """Return a trial that every peer has in every version."""
    return Trial(version, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", key="rsa2048", group="x25519")


def psk_peers(peers: list[Peer], role: str) -> list[str]:
    """Return the peers with pre-shared keys."""
    return [peer.name for peer in with_older(peers, role) if "PSK" in older_of(peer, role).exchanges()]


@pytest.fixture
def cast(authority: Authority) -> Cast:
    """Settings for all parts."""
    return Cast(authority)


@pytest.mark.parametrize("peer", [peer.name for peer in with_older(SERVERS, SERVER)], indirect=True)
def test_versions_of_their_server(side: Side, cast: Cast, tmp_path: Path, peer: Peer, tally: Tally) -> None:
    """A client that has all versions gets the highest that its server has."""
    older = older_of(peer, SERVER)
    tally(peer, SERVER, "TLS 1.0 to 1.2, the highest in common", len(older.versions))
    failures = Failures()
    for version in older.versions:
        trial = rsa_trial(version)
        known = OLDER_VERSIONS[: OLDER_VERSIONS.index(version) + 1]
        theirs = replace(cast.their_server(older, trial), versions=known)
        ours = Settings(trust=theirs.trust, server_name=SERVER_NAME, versions=ALL_VERSIONS)
        with failures.attempt(version), peer.serve(theirs, tmp_path / version) as server:
            check_facts(side, visit(side, server, ours), version=version)
            check_outcome(server.outcome(), version=version)
    failures.check()


@pytest.mark.parametrize("peer", [peer.name for peer in with_older(CLIENTS, CLIENT)], indirect=True)
def test_versions_of_their_client(side: Side, cast: Cast, tmp_path: Path, peer: Peer, tally: Tally) -> None:
    """A server that has all versions gives its client the highest that the client has."""
    older = older_of(peer, CLIENT)
    tally(peer, CLIENT, "TLS 1.0 to 1.2, the highest in common", len(older.versions))
    failures = Failures()
    for version in older.versions:
        trial = rsa_trial(version)
        known = OLDER_VERSIONS[: OLDER_VERSIONS.index(version) + 1]
        theirs = replace(cast.their_client(older, trial), versions=known)
        ours = Settings(trust=theirs.trust, identity=cast.our_server(trial).identity, versions=ALL_VERSIONS)
        with failures.attempt(version):
            facts, outcome = welcome(side, peer, theirs, ours, tmp_path / version)
            check_facts(side, facts, version=version)
            check_outcome(outcome, version=version)
    failures.check()


@pytest.mark.parametrize("peer", ANSWERS_FALLBACK, indirect=True)
def test_their_server_sees_a_downgrade(side: Side, cast: Cast, pool: Pool, peer: Peer, tally: Tally) -> None:
    """A server that has a higher version refuses a client that says it has fallen back (RFC 7507 §3)."""
    tally(peer, SERVER, "TLS 1.1 after a fallback from TLS 1.2: refused")
    trial = rsa_trial(TLS_11)
    ours = replace(cast.our_client(trial), extra={"fallback_scsv": True})
    with pool.server(peer, cast.their_server(older_of(peer, SERVER), trial)) as server:
        with pytest.raises(AlertReceived) as refusal, connected(side, server.port, ours) as stream:
            stream.read(1)
        outcome = server.outcome()  # which the next connection of this server must not find
    assert refusal.value.alert.name == "inappropriate_fallback"
    assert outcome is None or outcome.error is not None


@pytest.mark.parametrize("peer", psk_peers(SERVERS, SERVER), indirect=True)
def test_hints_of_their_server(side: Side, cast: Cast, tmp_path: Path, peer: Peer, tally: Tally) -> None:
    """A server's hint reaches the client that has to choose a key, in each key exchange with one."""
    older = older_of(peer, SERVER)
    tally(peer, SERVER, "TLS 1.2, hint to a pre-shared key", len(PSK_EXCHANGES))
    hints: list[bytes | None] = []

    def choose(hint: bytes | None) -> PreSharedKey:
        hints.append(hint)
        return PreSharedKey(SHARED_KEY.identity.encode(), SHARED_KEY.key)

    theirs = cast.their_server(older, rsa_trial(TLS_12))
    with peer.serve(replace(theirs, psk=replace(SHARED_KEY, hint=HINT)), tmp_path) as server:
        for exchange in PSK_EXCHANGES:
            trial = some_trial(older, TLS_12, suites_of(older, TLS_12, exchange)[0])
            ours = cast.our_client(trial)
            visit(side, server, replace(ours, psk=None, extra={**ours.extra, "psk": choose}))
            check_outcome(server.outcome())
    assert hints == [HINT.encode()] * len(PSK_EXCHANGES)


@pytest.mark.parametrize("peer", psk_peers(CLIENTS, CLIENT), indirect=True)
def test_hints_of_our_server(side: Side, cast: Cast, tmp_path: Path, peer: Peer, tally: Tally) -> None:
    """A client takes a hint of ours, or does without."""
    older = older_of(peer, CLIENT)
    tally(peer, CLIENT, "TLS 1.2, hint to a pre-shared key")
    trial = some_trial(older, TLS_12, suites_of(older, TLS_12, "PSK")[0])
    ours = replace(cast.our_server(trial), psk=replace(SHARED_KEY, hint=HINT))
    _, outcome = welcome(side, peer, cast.their_client(older, trial), ours, tmp_path)
    check_outcome(outcome)


@pytest.mark.parametrize("peer", psk_peers(SERVERS, SERVER), indirect=True)
def test_their_server_knows_another_key(
    side: Side, cast: Cast, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A server ends the connection with an alert when the client's key is not the one it knows."""
    older = older_of(peer, SERVER)
    tally(peer, SERVER, "TLS 1.2, pre-shared keys that differ")
    trial = some_trial(older, TLS_12, suites_of(older, TLS_12, "PSK")[0])
    ours = replace(cast.our_client(trial), psk=WRONG_KEY)
    with (
        peer.serve(cast.their_server(older, trial), tmp_path) as server,
        pytest.raises(AlertReceived),
        connected(side, server.port, ours) as stream,
    ):
        stream.read(1)


@pytest.mark.parametrize("peer", psk_peers(CLIENTS, CLIENT), indirect=True)
def test_our_server_knows_another_key(
    side: Side, cast: Cast, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Our server ends the connection with an alert when the client's key is not the one it knows."""
    older = older_of(peer, CLIENT)
    tally(peer, CLIENT, "TLS 1.2, pre-shared keys that differ")
    trial = some_trial(older, TLS_12, suites_of(older, TLS_12, "PSK")[0])
    ours = replace(cast.our_server(trial), psk=WRONG_KEY)
    refuse(side, peer, cast.their_client(older, trial), ours, tmp_path, TLSError)


@pytest.fixture
def openssl() -> OpenSSL:
    """The openssl command, which has commands of its own for what these tests need."""
    peer = OpenSSL()
    require_peer(peer.name, peer.found(), peer.hint)
    return peer


def test_weak_parameters(side: Side, cast: Cast, tmp_path: Path, openssl: OpenSSL, tally: Tally) -> None:
    """A prime of 1024 bits is too small, unless a client says that it is not (Logjam)."""
    older = older_of(openssl, SERVER)
    tally(openssl, SERVER, "TLS 1.2, Diffie-Hellman with 1024 bits: refused and allowed", 2)
    trial = some_trial(older, TLS_12, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256")
    theirs = replace(cast.their_server(older, trial), dh_parameters=WEAK_PARAMETERS)
    with openssl.serve(theirs, tmp_path) as server:
        visit(side, server, cast.our_client(trial))
        with (
            pytest.raises(InsufficientSecurity),
            connected(side, server.port, replace(cast.our_client(trial), extra={})) as stream,
        ):
            stream.read(1)


@pytest.mark.parametrize("version", OLDER_VERSIONS)
@pytest.mark.parametrize("command", (b"r\n", b"R\n"), ids=("plain", "for a certificate"))
def test_renegotiation_accepted(
    side: Side,
    cast: Cast,
    authority: Authority,
    tmp_path: Path,
    openssl: OpenSSL,
    version: str,
    command: bytes,
    tally: Tally,
) -> None:
    """A client that allows it follows its server into another handshake on the same connection (RFC 5746)."""
    older, trial = older_of(openssl, SERVER), rsa_trial(version)
    tally(openssl, SERVER, f"{version}, renegotiation accepted")
    identity = authority.identity_of_kind("p256")
    ours = replace(
        cast.our_client(trial),
        identity=identity,
        groups=("x25519", "secp256r1"),  # the second for the identity
        extra={"renegotiation": "accept"},
    )
    with (
        openssl.talking_server(cast.their_server(older, trial), tmp_path) as talk,
        connected(side, talk.port, ours) as stream,
    ):
        stream.send(b"before\n")
        talk.hear(b"before\n")
        talk.say(command)
        assert isinstance(stream, EngineStream)
        stream.wait_for_renegotiation()
        talk.say(b"after\n")
        assert stream.read(6) == b"after\n"
        stream.send(b"and back\n")
        talk.hear(b"and back\n")


def test_renegotiation_refused(
    side: Side, cast: Cast, tmp_path: Path, openssl: OpenSSL, tally: Tally
) -> None:
    """A client that does not allow it says no_renegotiation, and OpenSSL gives up."""
    older, trial = older_of(openssl, SERVER), rsa_trial(TLS_12)
    tally(openssl, SERVER, "TLS 1.2, renegotiation refused")
    with (
        openssl.talking_server(cast.their_server(older, trial), tmp_path) as talk,
        connected(side, talk.port, cast.our_client(trial)) as stream,
    ):
        talk.say(b"r\n")
        with pytest.raises((TLSError, EOFError, ConnectionError)):
            stream.read(1)
        talk.process.wait_for("no renegotiation")


def test_renegotiation_by_their_client(
    side: Side, cast: Cast, tmp_path: Path, openssl: OpenSSL, tally: Tally
) -> None:
    """Our server answers a client that wants another handshake with no_renegotiation."""
    older, trial = older_of(openssl, CLIENT), rsa_trial(TLS_12)
    tally(openssl, CLIENT, "TLS 1.2, renegotiation refused")
    with (
        Listener() as listener,
        openssl.talking_client(listener.port, cast.their_client(older, trial), tmp_path) as talk,
        listener.accepted(side, cast.our_server(trial), talk) as stream,
    ):
        talk.say(b"R\n")
        with pytest.raises((TLSError, EOFError, ConnectionError)):
            stream.read(1)
        talk.process.wait_for("no renegotiation")
