"""KeyUpdate from the peer, from those that can be told to send it and those that do so by themselves."""

from pathlib import Path

import pytest

from lucidtls.trace import Recorder
from tests.interop.attempts import Tally, check_outcome
from tests.interop.ours import EngineStream
from tests.interop.peers.all import CLIENTS, PEERS, SERVERS
from tests.interop.peers.base import Peer, Stream
from tests.interop.peers.talk import Talk
from tests.interop.pki import SERVER_NAME, Authority
from tests.interop.settings import CLIENT, SERVER, Settings
from tests.interop.side import Listener, Side, connected

pytestmark = pytest.mark.interop

SCHEME = "ecdsa_secp256r1_sha256"
JAVA = "java"
ENOUGH = 6_000_000  # octets; the Java program updates after every 2 MB
JAVA_UPDATES = 2


def talk_across_updates(talk: Talk, stream: Stream) -> None:
    """Have the peer update its keys again and again, with a line each way in between."""
    if not isinstance(stream, EngineStream):
        pytest.skip("the stand-in does not tell of KeyUpdate, and what is said too early is lost")
    for number, request in enumerate((False, True, True, False)):
        talk.update_keys(request_peer=request)
        stream.wait_for_key_update(number + 1)
        theirs, ours = b"theirs number %d\n" % number, b"ours number %d\n" % number
        talk.say(theirs)
        assert stream.read(len(theirs)) == theirs
        stream.send(ours)
        talk.hear(ours)


def check_answers(recorder: Recorder) -> None:
    """AssertionError unless the two requests for a KeyUpdate of ours were answered."""
    assert recorder.messages("sent").count("KeyUpdate") == 2, recorder.messages("sent")


@pytest.mark.parametrize("peer", ["openssl"], indirect=True)
def test_from_their_server(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A server may change its keys at any time, and ask the client to change its own."""
    tally(peer, SERVER, "KeyUpdate from them", 4)
    recorder = Recorder()
    theirs = Settings(trust=authority.file, identity=authority.identity(SCHEME))
    ours = Settings(trust=authority.file, server_name=SERVER_NAME, extra={"tracer": recorder})
    with (
        peer.talking_server(theirs, tmp_path) as talk,
        connected(side, talk.port, ours) as stream,
    ):
        talk.process.wait_for("Shared ciphers|CIPHER is")
        talk_across_updates(talk, stream)
        stream.close_write()
        assert stream.read_to_end() == b""
    check_answers(recorder)


@pytest.mark.parametrize("peer", ["openssl", "gnutls"], indirect=True)
def test_from_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A client may change its keys at any time, and ask the server to change its own."""
    tally(peer, CLIENT, "KeyUpdate from them", 4)
    recorder = Recorder()
    theirs = Settings(trust=authority.file, server_name=SERVER_NAME)
    ours = Settings(trust=authority.file, identity=authority.identity(SCHEME), extra={"tracer": recorder})
    with (
        Listener() as listener,
        peer.talking_client(listener.port, theirs, tmp_path) as talk,
        listener.accepted(side, ours, talk) as stream,
    ):
        talk.process.wait_for("Verif|Handshake was completed|read R BLOCK")
        talk_across_updates(talk, stream)
        stream.close_write()
    check_answers(recorder)


@pytest.mark.parametrize("peer", [JAVA], indirect=True)
def test_java_server_updates_by_itself(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A server updates its keys before they have protected more than its limit."""
    tally(peer, SERVER, "KeyUpdate from them")
    theirs = Settings(trust=authority.file, identity=authority.identity(SCHEME))
    ours = Settings(trust=authority.file, server_name=SERVER_NAME)
    with peer.serve(theirs, tmp_path) as server, connected(side, server.port, ours) as stream:
        server.converse(stream, ENOUGH, ENOUGH)
        server.finish(stream)
        check_outcome(server.outcome())
        if isinstance(stream, EngineStream):
            assert stream.keys_updated >= JAVA_UPDATES


@pytest.mark.parametrize("peer", [JAVA], indirect=True)
def test_java_client_updates_by_itself(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, tally: Tally
) -> None:
    """A client updates its keys before they have protected more than its limit."""
    tally(peer, CLIENT, "KeyUpdate from them")
    theirs = Settings(trust=authority.file, server_name=SERVER_NAME)
    ours = Settings(trust=authority.file, identity=authority.identity(SCHEME))
    with Listener() as listener:
        client = peer.connect(listener.port, theirs, tmp_path, upload=ENOUGH, download=ENOUGH)
        with listener.accepted(side, ours, client) as stream:
            client.converse(stream)
            client.finish(stream)
        check_outcome(client.outcome())
    if isinstance(stream, EngineStream):
        assert stream.keys_updated >= JAVA_UPDATES


def test_every_peer_that_can_is_asked() -> None:
    """These tests leave out no peer that says it can be told to send KeyUpdate."""
    able = {
        (peer.name, role)
        for peer in PEERS.values()
        for role in (SERVER, CLIENT)
        if peer in (SERVERS if role == SERVER else CLIENTS) and peer.role(role).key_update
    }
    assert able == {("openssl", SERVER), ("openssl", CLIENT), ("gnutls", CLIENT)}
