"""Data in bulk under every cipher and MAC of TLS 1.2, 1.1 and 1.0, with digests compared at both ends."""

from pathlib import Path

import pytest

from tests.interop.attempts import Failures, Tally, check_outcome, visit, welcome
from tests.interop.older import Cast, check_trial, each_version, older_of, one_of_each
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.peers.nss import BLOCK, NSS
from tests.interop.pki import Authority
from tests.interop.plan_older import Trial
from tests.interop.pool import Pool
from tests.interop.settings import CLIENT, SERVER, Older, digest_of
from tests.interop.side import Side, connected

pytestmark = pytest.mark.interop

MEGABYTE = 1_000_000
BULK = 10 * MEGABYTE
NOTE = "10 MB under the first, 1 MB under each other cipher and MAC"


def protections(older: Older, version: str) -> tuple[Trial, ...]:
    """Return a trial for each cipher with each MAC, that of most use first."""
    found = one_of_each(older, version, lambda row: (row.cipher, row.aead or row.hash), lambda _row: True)
    first = ("AES_128_GCM", "AES_128_CBC_SHA")
    return tuple(sorted(found, key=lambda trial: not trial.suite.endswith((f"{first[0]}_SHA256", first[1]))))


def amount(number: int) -> int:
    """Return how much to send with the protection of this number."""
    return MEGABYTE if number else BULK


def bulk_servers() -> list[Peer]:
    """Return the peers whose servers take and give any amount."""
    return [peer for peer in SERVERS if peer.role(SERVER).bulk]


@pytest.mark.parametrize(("peer", "version"), each_version(bulk_servers(), SERVER), indirect=["peer"])
def test_bulk_with_their_server(
    side: Side, authority: Authority, pool: Pool, peer: Peer, version: str, tally: Tally
) -> None:
    """Ten megabytes go each way unchanged, and one under each other cipher and MAC."""
    older, cast = older_of(peer, SERVER), Cast(authority)
    trials = [trial for trial in protections(older, version) if side.has(trial.suite)]
    tally(peer, SERVER, f"{version}, 10 MB each way", len(trials), note=NOTE)
    failures = Failures()
    for number, trial in enumerate(trials):
        with failures.attempt(trial), pool.server(peer, cast.their_server(older, trial)) as server:
            size = amount(number)
            facts = visit(side, server, cast.our_client(trial), upload=size, download=size)
            check_trial(side, facts, older, trial)
            check_outcome(server.outcome())
    failures.check()


@pytest.mark.parametrize(("peer", "version"), each_version([NSS()], SERVER), indirect=["peer"])
def test_bulk_from_a_server_that_takes_little(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, version: str, tally: Tally
) -> None:
    """Ten megabytes come unchanged from a server whose requests have to be small."""
    assert isinstance(peer, NSS)
    older, cast = older_of(peer, SERVER), Cast(authority)
    trials = [trial for trial in protections(older, version) if side.has(trial.suite)]
    tally(peer, SERVER, f"{version}, 10 MB each way", len(trials), note="to us only")
    request = b"GET / HTTP/1.0\r\n\r\n"
    for number, trial in enumerate(trials):
        blocks = amount(number) // len(BLOCK) + 1
        theirs = cast.their_server(older, trial)
        with (
            peer.serve_blocks(theirs, tmp_path / str(number), blocks) as server,
            connected(side, server.port, cast.our_client(trial)) as stream,
        ):
            check_trial(side, stream.facts, older, trial)
            stream.send(request)
            _, _, body = stream.read_to_end().partition(b"\r\n\r\n")
            assert digest_of(body) == digest_of(request + BLOCK * (blocks + 1))
            stream.close_write()


@pytest.mark.parametrize(("peer", "version"), each_version(CLIENTS, CLIENT), indirect=["peer"])
def test_bulk_with_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, version: str, tally: Tally
) -> None:
    """Ten megabytes go each way unchanged, and one under each other cipher and MAC."""
    older, cast = older_of(peer, CLIENT), Cast(authority)
    trials = [trial for trial in protections(older, version) if side.has(trial.suite)]
    tally(peer, CLIENT, f"{version}, 10 MB each way", len(trials), note=NOTE)
    failures = Failures()
    for number, trial in enumerate(trials):
        with failures.attempt(trial):
            size = amount(number)
            theirs, ours = cast.their_client(older, trial), cast.our_server(trial)
            facts, outcome = welcome(
                side, peer, theirs, ours, tmp_path / str(number), upload=size, download=size
            )
            check_trial(side, facts, older, trial)
            check_outcome(outcome)
            assert outcome.received == size
    failures.check()
