"""Exported keying material and channel bindings are the same on both sides (RFC 5705, 8446, 5929, 9266)."""

from pathlib import Path

import pytest

from tests.interop.attempts import Tally, check_outcome, visit
from tests.interop.lasting import Cast, each_export, visits
from tests.interop.ours import EngineStream
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.base import Peer
from tests.interop.pki import Authority
from tests.interop.settings import CLIENT, SERVER, Exporter
from tests.interop.side import Side, connected

pytestmark = pytest.mark.interop

MATERIAL = Exporter("EXPORTER-interop-test", 48)  # more than one block of either hash gives
BINDERS = [
    pytest.param(peer.name, *row, id=f"{peer.name}-{'-'.join(row)}".replace(" ", ""))
    for peer in SERVERS
    for row in peer.role(SERVER).lasting.bindings
]


@pytest.mark.parametrize(("peer", "version"), each_export(SERVERS, SERVER), indirect=["peer"])
def test_their_server(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, version: str, tally: Tally
) -> None:
    """Both ends of a connection export the same, and another connection something else."""
    tally(peer, SERVER, f"exporter ({version})", 2)
    cast, first = Cast(authority, version, exporter=MATERIAL), peer.role(SERVER).closings[0]
    with peer.lasting_server(cast.server(), tmp_path) as server:
        exported = set()
        for _ in range(2):
            facts = visit(side, server, cast.client(session=str(tmp_path)), first=first)
            assert facts.exported is not None and len(facts.exported) == 2 * MATERIAL.length
            outcome = server.outcome()
            assert outcome is not None
            check_outcome(outcome)
            assert outcome.facts.exported == facts.exported
            exported.add(facts.exported)
    assert len(exported) == 2


@pytest.mark.parametrize(("peer", "version"), each_export(CLIENTS, CLIENT), indirect=["peer"])
def test_their_client(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, version: str, tally: Tally
) -> None:
    """Both ends of a connection export the same, after a resumption too."""
    tally(peer, CLIENT, f"exporter ({version})")
    cast = Cast(authority, version, exporter=MATERIAL)
    told = visits(side, peer, cast.client(), [cast.server(session=str(tmp_path))] * 2, tmp_path)
    facts, outcome, _ = told[-1]
    assert facts.exported is not None and facts.exported == outcome.facts.exported
    assert told[0][0].exported != facts.exported


@pytest.mark.parametrize(("peer", "version", "kind"), BINDERS, indirect=["peer"])
def test_channel_bindings(
    side: Side, authority: Authority, tmp_path: Path, peer: Peer, version: str, kind: str, tally: Tally
) -> None:
    """Both ends name the connection alike."""
    tally(peer, SERVER, f"channel binding {kind} ({version})")
    cast = Cast(authority, version)
    with (
        peer.lasting_server(cast.server(), tmp_path) as server,
        connected(side, server.port, cast.client()) as stream,
    ):
        server.converse(stream, 100, 100)
        if not isinstance(stream, EngineStream):
            pytest.skip("the stand-in does not tell its channel bindings")
        ours = stream.connection.channel_binding(kind)
        server.finish(stream)
        outcome = server.outcome()
    assert outcome is not None and ours is not None
    assert outcome.facts.bindings[kind] == ours.hex()
