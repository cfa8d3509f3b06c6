"""What the tests share that go beyond one handshake: who takes part, and how a client comes again."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lucidtls.errors import TLSError
from tests.interop.attempts import told_by
from tests.interop.peers.base import Client, Peer, Stream
from tests.interop.pki import SERVER_NAME, Authority
from tests.interop.settings import ID_12, PSK_13, Facts, Lasting, Outcome, Settings
from tests.interop.side import Listener, Side

SCHEME = "ecdsa_secp256r1_sha256"
SUITE_12 = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
TLS_12, TLS_13 = "TLS 1.2", "TLS 1.3"


def able(peers: Sequence[Peer], role: str, can: Callable[[Lasting], bool]) -> list[str]:
    """Return the names of the peers that can do something in a role."""
    return [peer.name for peer in peers if can(peer.role(role).lasting)]


def each_way(peers: Sequence[Peer], role: str, ways: Sequence[str]) -> list[Any]:
    """Return a parameter for each peer and each of these ways in which it resumes."""
    return [
        pytest.param(peer.name, way, id=f"{peer.name}-{way}".replace(" ", ""))
        for peer in peers
        for way in peer.role(role).lasting.resumes
        if way in ways
    ]


def each_export(peers: Sequence[Peer], role: str) -> list[Any]:
    """Return a parameter for each peer and each version in which it tells exported keying material."""
    return [
        pytest.param(peer.name, version, id=f"{peer.name}-{version}".replace(" ", ""))
        for peer in peers
        for version in peer.role(role).lasting.exports
    ]


def version_of(way: str) -> str:
    """Return the version of a way to resume."""
    return TLS_13 if way == PSK_13 else TLS_12


class Cast:
    """The settings of both sides for one version."""

    def __init__(self, authority: Authority, version: str, **common: Any) -> None:
        self._authority = authority
        suites = None if version == TLS_13 else (SUITE_12,)
        self._common: dict[str, Any] = {"trust": authority.file, "versions": (version,), "suites": suites}
        self._common |= common

    def server(self, **more: Any) -> Settings:
        """Return a server's settings."""
        return Settings(**{**self._common, "identity": self._authority.identity(SCHEME), **more})

    def client(self, **more: Any) -> Settings:
        """Return a client's settings."""
        return Settings(**{**self._common, "server_name": SERVER_NAME, **more})


def cast_for(authority: Authority, way: str, **common: Any) -> Cast:
    """Return the settings for a way to resume."""
    return Cast(authority, version_of(way), tickets=way != ID_12, **common)


def visits(
    side: Side,
    peer: Peer,
    theirs: Settings,
    ours: Sequence[Settings],
    directory: Path,
    meanwhile: Callable[[Client, Stream], None] | None = None,
) -> list[tuple[Facts, Outcome, Stream]]:
    """Have their client come once for each settings of ours; return what is told of each connection."""
    told: list[tuple[Facts, Outcome, Stream]] = []
    with (
        Listener() as listener,
        closing(peer.returning_client(listener.port, theirs, directory, len(ours))) as clients,
    ):
        for client, settings in zip(clients, ours, strict=True):
            told.append(_welcome(side, listener, settings, client, meanwhile))
    return told


def _welcome(
    side: Side,
    listener: Listener,
    settings: Settings,
    client: Client,
    meanwhile: Callable[[Client, Stream], None] | None,
) -> tuple[Facts, Outcome, Stream]:
    try:
        with listener.accepted(side, settings, client) as stream:
            client.converse(stream)
            if meanwhile is not None:
                meanwhile(client, stream)
            client.finish(stream)
        return stream.facts, client.outcome(), stream
    except (TLSError, OSError, EOFError, AssertionError) as error:
        error.add_note(told_by(client))
        raise
