"""Data in bulk, key updates, padding and records of unusual sizes, with digests compared at both ends."""

from pathlib import Path
from typing import Any

import pytest

from lucidtls.trace import Recorder
from tests.interop.attempts import Failures, Tally, check_facts, check_outcome, closing_of, visit, welcome
from tests.interop.ours import EngineStream
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.peers.nss import BLOCK, NSS
from tests.interop.pki import SERVER_NAME, Authority
from tests.interop.settings import CLIENT, SERVER, Settings, digest_of
from tests.interop.side import Listener, Side, connected

pytestmark = pytest.mark.interop

SCHEME = "ecdsa_secp256r1_sha256"
MEGABYTE = 1_000_000
BULK = 10 * MEGABYTE
TRICKLE = 9_000  # enough for hundreds of small records, and selfserv takes it

OUR_RECORDS: dict[str, dict[str, Any]] = {
    "padded": {"padding": lambda _content_type, length: 255 - length % 256},
    "small": {"max_record_size": 61},  # cuts handshake messages too
}


def amount(number: int) -> int:
    """Return how much to send with the suite of this number: most with a peer's first."""
    return MEGABYTE if number else BULK


def bulk_servers() -> list[str]:
    """Return the peers whose servers take and give any amount."""
    return [peer.name for peer in SERVERS if peer.role(SERVER).bulk]


@pytest.mark.parametrize("peer", bulk_servers(), indirect=True)
def test_bulk_with_their_server(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Ten megabytes go each way unchanged, and one more under each other cipher suite."""
    suites = peer.role(SERVER).suites
    tally(peer, SERVER, "10 MB each way", len(suites))
    theirs = Settings(trust=authority.file, identity=authority.identity(SCHEME), suites=suites)
    with peer.serve(theirs, tmp_path) as server:
        failures = Failures(server)
        for number, suite in enumerate(suites):
            with failures.attempt(suite):
                ours = Settings(trust=authority.file, server_name=SERVER_NAME, suites=(suite,))
                size = amount(number)
                check_facts(side, visit(side, server, ours, upload=size, download=size), suite=suite)
                check_outcome(server.outcome(), suite=suite)
        failures.check()


@pytest.mark.parametrize("peer", ["nss"], indirect=True)
def test_bulk_from_a_server_that_takes_little(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Ten megabytes come unchanged from a server whose requests have to be small."""
    assert isinstance(peer, NSS)
    tally(peer, SERVER, "10 MB each way", len(peer.role(SERVER).suites), note="to us only")
    theirs = Settings(trust=authority.file, identity=authority.identity(SCHEME))
    request, blocks = b"GET / HTTP/1.0\r\n\r\n", BULK // len(BLOCK) + 1
    for suite in peer.role(SERVER).suites:
        ours = Settings(trust=authority.file, server_name=SERVER_NAME, suites=(suite,))
        with (
            peer.serve_blocks(theirs, tmp_path / suite, blocks) as server,  # it counts blocks all its life
            connected(side, server.port, ours) as stream,
        ):
            stream.send(request)
            _, _, body = stream.read_to_end().partition(b"\r\n\r\n")
            assert digest_of(body) == digest_of(request + BLOCK * (blocks + 1))
            stream.close_write()


@pytest.mark.parametrize("peer", [peer.name for peer in CLIENTS], indirect=True)
def test_bulk_with_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """Ten megabytes go each way unchanged, and one more under each other cipher suite."""
    suites = peer.role(CLIENT).suites
    tally(peer, CLIENT, "10 MB each way", len(suites))
    theirs = Settings(trust=authority.file, server_name=SERVER_NAME, suites=suites)
    failures = Failures()
    for number, suite in enumerate(suites):
        with failures.attempt(suite):
            ours = Settings(trust=authority.file, identity=authority.identity(SCHEME), suites=(suite,))
            size = amount(number)
            facts, outcome = welcome(side, peer, theirs, ours, tmp_path / suite, upload=size, download=size)
            check_facts(side, facts, suite=suite)
            check_outcome(outcome, suite=suite)
            assert outcome.received == size
    failures.check()


@pytest.mark.parametrize("peer", [peer.name for peer in SERVERS], indirect=True)
@pytest.mark.parametrize("records", OUR_RECORDS)
def test_our_records_to_their_server(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, records: str, tally: Tally
) -> None:
    """Records may be padded, and cut as small as the sender likes, in the handshake too."""
    tally(peer, SERVER, f"our records {records}")
    theirs = Settings(trust=authority.file, identity=authority.identity(SCHEME))
    ours = Settings(trust=authority.file, server_name=SERVER_NAME, extra=OUR_RECORDS[records])
    with peer.serve(theirs, tmp_path) as server:
        visit(side, server, ours, upload=TRICKLE, download=TRICKLE)
        check_outcome(server.outcome())


@pytest.mark.parametrize("peer", [peer.name for peer in CLIENTS], indirect=True)
@pytest.mark.parametrize("records", OUR_RECORDS)
def test_our_records_to_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, records: str, tally: Tally
) -> None:
    """Records may be padded, and cut as small as the sender likes, in the handshake too."""
    tally(peer, CLIENT, f"our records {records}")
    theirs = Settings(trust=authority.file, server_name=SERVER_NAME)
    ours = Settings(trust=authority.file, identity=authority.identity(SCHEME), extra=OUR_RECORDS[records])
    _, outcome = welcome(side, peer, theirs, ours, tmp_path, upload=TRICKLE, download=TRICKLE)
    check_outcome(outcome)


@pytest.mark.parametrize("peer", [peer.name for peer in SERVERS], indirect=True)
def test_middlebox_compatibility_is_optional(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A client may leave out the middlebox compatibility of RFC 9846 §E.4."""
    tally(peer, SERVER, "without compatibility mode")
    theirs = Settings(trust=authority.file, identity=authority.identity(SCHEME))
    ours = Settings(trust=authority.file, server_name=SERVER_NAME, extra={"compatibility_mode": False})
    with peer.serve(theirs, tmp_path) as server:
        visit(side, server, ours)
        check_outcome(server.outcome())


REKEY_EVERY = 16  # records; GnuTLS takes no more than eight KeyUpdates in a second


def updates_sent(recorder: Recorder) -> int:
    """Return how many KeyUpdate messages our side has sent."""
    return recorder.messages("sent").count("KeyUpdate")


@pytest.mark.parametrize("peer", [peer.name for peer in SERVERS], indirect=True)
def test_our_key_updates_to_their_server(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A server follows its client's key updates, and updates its own keys when asked to."""
    if not side.updates_keys:
        pytest.skip("the stand-in sends no KeyUpdate")
    tally(peer, SERVER, "KeyUpdate from us")
    size = MEGABYTE if peer.role(SERVER).bulk else TRICKLE
    theirs = Settings(trust=authority.file, identity=authority.identity(SCHEME))
    recorder = Recorder()
    ours = Settings(
        trust=authority.file,
        server_name=SERVER_NAME,
        extra={"rekey_after_records": REKEY_EVERY, "tracer": recorder},
    )
    with peer.serve(theirs, tmp_path) as server:
        with connected(side, server.port, ours) as stream:
            assert isinstance(stream, EngineStream)
            stream.update_keys(request_peer=False)
            stream.update_keys(request_peer=True)
            server.converse(stream, size, size)
            server.finish(stream, peer.role(SERVER).closings[0])
        check_outcome(server.outcome())
    assert stream.keys_updated, "their server did not update its keys"
    assert updates_sent(recorder) >= (2 if size == TRICKLE else size // 2**14 // REKEY_EVERY)


@pytest.mark.parametrize("peer", [peer.name for peer in CLIENTS], indirect=True)
def test_our_key_updates_to_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A client follows its server's key updates, and updates its own keys when asked to."""
    if not side.updates_keys:
        pytest.skip("the stand-in sends no KeyUpdate")
    ask = peer.role(CLIENT).update_before_closing
    tally(peer, CLIENT, "KeyUpdate from us", note="" if ask else "none asked for")
    theirs = Settings(trust=authority.file, server_name=SERVER_NAME)
    recorder = Recorder()
    ours = Settings(
        trust=authority.file,
        identity=authority.identity(SCHEME),
        extra={"rekey_after_records": REKEY_EVERY, "tracer": recorder},
    )
    with Listener() as listener:
        client = peer.connect(
            listener.port, theirs, tmp_path, upload=MEGABYTE, download=MEGABYTE, first=closing_of(peer)
        )
        try:
            with listener.accepted(side, ours, client) as stream:
                assert isinstance(stream, EngineStream)
                stream.update_keys(request_peer=False)
                stream.update_keys(request_peer=ask)
                client.converse(stream)
                client.finish(stream)
            check_outcome(client.outcome())
        finally:
            client.stop()
    assert updates_sent(recorder) >= MEGABYTE // 2**14 // REKEY_EVERY
    assert stream.keys_updated or not ask, "their client did not update its keys"
