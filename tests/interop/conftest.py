"""Fixtures of the interop tests."""

from collections.abc import Callable, Iterator

import pytest

from tests.interop.attempts import Tally
from tests.interop.peers.all import PEERS
from tests.interop.peers.base import Peer
from tests.interop.pki import Authority
from tests.interop.pool import Pool
from tests.interop.side import Side, our_side
from tests.peers_required import require_peer


@pytest.fixture(scope="session")
def side() -> Side:
    """Our side."""
    return our_side()


@pytest.fixture
def errors_of_ours(side: Side) -> None:
    """What a test needs that names the errors it expects."""
    if not side.tells_all:
        pytest.skip("the stand-in has errors of its own")


@pytest.fixture
def ours_alone(side: Side) -> None:
    """What a test needs that asks for more than the stand-in can do."""
    if not side.tells_all:
        pytest.skip("not for the stand-in")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The certificates that both sides trust."""
    return Authority(tmp_path_factory.mktemp("trusted"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Certificates that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), "Stranger Root")


@pytest.fixture(scope="session")
def running_peers() -> Iterator[dict[str, Peer]]:
    """The peers; their long-lived processes end with the session."""
    yield PEERS
    for peer in PEERS.values():
        peer.close()


@pytest.fixture(scope="session")
def pool(running_peers: dict[str, Peer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Servers that stay up for many tests."""
    servers = Pool(lambda: tmp_path_factory.mktemp("server"))
    yield servers
    servers.close()


@pytest.fixture
def peer(request: pytest.FixtureRequest, running_peers: dict[str, Peer]) -> Peer:
    """The peer that the test is parametrised with, by name."""
    found = running_peers[request.param]
    require_peer(found.name, found.found(), found.hint)
    return found


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    """How the test says for the report what it tries."""

    def note_down(
        peer: Peer, role: str, feature: str, ran: int = 1, possible: int = 0, note: str = ""
    ) -> None:
        row = {"peer": peer.name, "role": role, "feature": feature}
        record_property("interop", row | {"ran": ran, "possible": possible or ran, "note": note})

    return note_down
