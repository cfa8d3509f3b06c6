"""One connection, with everything checked that both sides tell; and many, with all failures told."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from lucidtls.alerts import BAD_RECORD_MAC
from lucidtls.errors import AlertReceived, BadRecordMac, TLSError, TruncatedStream
from tests.interop.peers.base import Client, Peer, Server
from tests.interop.settings import CLIENT, Capabilities, Facts, Outcome, Settings
from tests.interop.side import Listener, Side, connected

SHOWN_FAILURES = 6
Told = TypeVar("Told")


def check_facts(side: Side, facts: Facts, **expected: object) -> None:
    """AssertionError where our side tells something else than expected."""
    for name, value in expected.items():
        told = getattr(facts, name)
        assert told == value or (told is None and not side.tells_all), f"{name} is {told}, not {value}"


def check_outcome(outcome: Outcome | None, **expected: object) -> None:
    """AssertionError when the peer tells of an error, of a stream cut short, or of other facts."""
    if outcome is None:
        return
    assert outcome.error is None, f"the peer says: {outcome.error}\n{outcome.output}"
    assert outcome.closed in (None, "close_notify"), f"the peer saw our end as {outcome.closed}"
    for name, value in expected.items():
        told = getattr(outcome.facts, name)
        assert told in (None, value), f"the peer says that {name} is {told}, not {value}"


def visit(
    side: Side,
    server: Server,
    settings: Settings,
    *,
    upload: int = 100,
    download: int = 100,
    first: str = CLIENT,
) -> Facts:
    """Connect to their server, converse, close; return what we say was negotiated."""
    try:
        with connected(side, server.port, settings) as stream:
            server.converse(stream, upload, download, first)
            server.finish(stream, first)
            return stream.facts
    except (TLSError, OSError, EOFError, AssertionError) as error:
        if outcome := server.outcome():
            error.add_note(f"the peer says: {outcome.error}")
        raise


def closing_of(peer: Peer) -> str:
    """Return who closes first with this peer as the client, when it does not matter."""
    assert peer.client is not None
    return peer.client.closings[0]


def welcome(
    side: Side,
    peer: Peer,
    theirs: Settings,
    ours: Settings,
    directory: Path,
    *,
    upload: int = 100,
    download: int = 100,
    first: str | None = None,
) -> tuple[Facts, Outcome]:
    """Have their client come to us, converse and close; return what both say."""
    with Listener() as listener:
        client = peer.connect(
            listener.port,
            theirs,
            directory,
            upload=upload,
            download=download,
            first=first or closing_of(peer),
        )
        try:
            with listener.accepted(side, ours, client) as stream:
                client.converse(stream)
                client.finish(stream)
            return stream.facts, client.outcome()
        except (TLSError, OSError, EOFError, AssertionError) as error:
            error.add_note(told_by(client))
            raise
        finally:
            client.stop()


def greet(side: Side, peer: Peer, theirs: Settings, ours: Settings, directory: Path) -> Facts:
    """Have their client come to us for a handshake, and nothing after it."""
    with Listener() as listener:
        client = peer.connect(listener.port, theirs, directory)
        try:
            with listener.accepted(side, ours, client) as stream:
                return stream.facts
        finally:
            client.stop()


def refusals(peer: Peer, role: str, fault: str) -> tuple[type[Exception], ...]:
    """Return what we may see when the peer refuses our certificate."""
    if fault in peer.role(role).alerts_about:
        return (AlertReceived,)
    return (EOFError, TruncatedStream, ConnectionError)


def refuse(
    side: Side,
    peer: Peer,
    theirs: Settings,
    ours: Settings,
    directory: Path,
    error: type[Exception] | tuple[type[Exception], ...],
) -> None:
    """Have their client come and the handshake fail with an error on our side, and on theirs with any."""
    with Listener() as listener:
        client = peer.connect(listener.port, theirs, directory, first=peer.role(CLIENT).closings[0])
        try:
            with pytest.raises(error), listener.accepted(side, ours, client) as stream:
                stream.read(1)
            assert client.outcome().error is not None, f"their client did not mind:\n{client.shown()}"
        finally:
            client.stop()


def told_by(client: Client) -> str:
    """Return a client's own last words."""
    return f"the peer's output:\n{client.shown()[-2000:]}"


def insist(capabilities: Capabilities, group: str, connect: Callable[[], Told]) -> Told:
    """Connect, and once more after a failure that this peer's known fault explains."""
    if not (capabilities.trims_secrets and group.startswith("ffdhe")):
        return connect()
    try:
        return connect()
    except (BadRecordMac, AlertReceived) as error:
        if error.alert is not BAD_RECORD_MAC:
            raise
        return connect()


class Tally(Protocol):
    """Says for the report what a test tries."""

    def __call__(
        self, peer: Peer, role: str, feature: str, ran: int = 1, possible: int = 0, note: str = ""
    ) -> None:
        """Note `ran` connections with the peer in a role, of so many `possible` if not all are made."""


class Failures:
    """Collects what goes wrong in a series, so that one failure does not hide the others."""

    def __init__(self, server: Server | None = None) -> None:
        self._server = server
        self._told: list[str] = []
        self._what: object = None
        self.ran = 0

    def attempt(self, what: object) -> "Failures":
        """Name the next attempt."""
        self._what = what
        self.ran += 1
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        notes = "\n".join(getattr(error, "__notes__", ()))
        self._told.append(f"{self._what}: {type(error).__name__}: {error}\n{notes}")
        return True

    def check(self) -> None:
        """Fail with the first few failures, if there are any."""
        __tracebackhide__ = True
        if not self._told:
            return
        shown = "\n".join(self._told[:SHOWN_FAILURES])
        server = f"\n{self._server.shown()}" if self._server else ""
        pytest.fail(f"{len(self._told)} of {self.ran} failed:\n{shown}{server}", pytrace=False)
