"""What the commands do about sessions: the file they are kept in, early data, and what became of both."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lucidtls.errors import ConfigurationError
from lucidtls.events import Negotiated
from lucidtls.io.sockets import TLSSocket
from lucidtls.sessions.session import Session
from lucidtls.tools import exits
from lucidtls.tools.failures import local_failure
from lucidtls.tools.findings import CommandFailed, Diagnosis, Fix
from lucidtls.tools.material import pre_shared_key, usage_error
from lucidtls.tools.text import count, printable

if TYPE_CHECKING:
    from lucidtls.io.session_file import SQLiteSessionStore

EarlyFate = Literal["accepted", "rejected", "not offered"]


@dataclass(slots=True)
class NotedStore:
    """A file of sessions, with what this run took from it and put into it."""

    store: SQLiteSessionStore
    taken: Session | None = None
    kept: int = 0

    def put(self, key: str, session: Session) -> None:
        """Keep a session, and count it unless the file could not be written."""
        self.store.put(key, session)
        self.kept += self.store.last_error is None

    def take(self, key: str, now: float) -> Session | None:
        """Take a session, and remember it."""
        self.taken = self.store.take(key, now)
        return self.taken

    def discard(self, key: str, session: Session) -> None:
        """Forget a session."""
        self.store.discard(key, session)


@dataclass(slots=True)
class Resumption:
    """What was asked for that ties a connection to earlier ones, and the session it was offered with."""

    file: str | None = None
    store: NotedStore | None = None
    early_data: bytes | None = field(default=None, repr=False)
    psk_identity: bytes | None = None

    @property
    def offered(self) -> Session | None:
        """The session that was offered to the server."""
        return self.store.taken if self.store is not None else None

    def early_fate(self, negotiated: Negotiated) -> EarlyFate | None:
        """What became of the early data; None when none was given."""
        if self.early_data is None:
            return None
        return negotiated.early_data or "not offered"


def read_resumption(options: argparse.Namespace) -> tuple[Resumption, dict[str, Any]]:
    """Read --session, --early-data and --psk: what to remember, and arguments for the config."""
    if options.early_data is not None and options.session is None:
        raise usage_error(
            "--early-data needs --session: early data goes with a session of an earlier connection"
        )
    told = Resumption(file=options.session)
    choices: dict[str, Any] = {}
    if options.psk is not None:
        choices["psk"] = psk = pre_shared_key(options.psk)
        told.psk_identity = psk.identity
    if options.early_data is not None:
        told.early_data = _read_early_data(options.early_data)
        choices |= {"early_data": True, "resend_early_data": True}
    if options.session is not None:
        choices["sessions"] = told.store = NotedStore(_open_store(options.session))
    return told, choices


def _read_early_data(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CommandFailed(local_failure(error, "early-data")) from error


def _open_store(path: str) -> SQLiteSessionStore:
    # Imported for those who name a file: the others need not wait for SQLite.
    import sqlite3

    from lucidtls.io.session_file import SQLiteSessionStore

    try:
        return SQLiteSessionStore(path)
    except (ConfigurationError, OSError, sqlite3.Error) as error:
        raise CommandFailed(local_failure(error, "session-file")) from error


# Afterwards


def findings(told: Resumption, negotiated: Negotiated, tls: TLSSocket, now: datetime) -> Iterable[Diagnosis]:
    """Yield what is worth telling and no error: the server resumed nothing, or took no early data."""
    if told.offered is not None and not negotiated.resumed:
        yield Diagnosis(
            code="LT-E04",
            slug="resume-refused",
            title=f"The session from {_age(told.offered, now)} was refused: a full handshake replaced it.",
            detail="It is too old for the server, or the server's keys have changed, or it resumes nothing.",
            severity="info",
            exit_code=exits.OK,
            see=("RFC 9846 §2.2",),
        )
    if told.early_fate(negotiated) == "rejected":
        yield _early_rejected(negotiated, resent=not tls.rejected_early_data)


def _early_rejected(negotiated: Negotiated, *, resent: bool) -> Diagnosis:
    if negotiated.hello_retried:
        why = "It asked for a second ClientHello, and that ends early data."
    elif not negotiated.resumed:
        why = "It did not resume the session that the early data came with."
    else:
        why = "It may have seen the same early data before, find it too late, or take none any more."
    after = "it was sent again after the handshake" if resent else "it was NOT sent again"
    if not resent:
        why += f" It was written for another application protocol than {negotiated.alpn or 'none'}."
    return Diagnosis(
        code="LT-E03",
        slug="early-rejected",
        title=f"The server did not take the early data: {after}.",
        detail=why,
        severity="info" if resent else "warning",
        exit_code=exits.OK,
        fixes=() if resent else (Fix("client", "offer the same --alpn as before"),),
        see=("RFC 9846 §4.3.10",),
    )


def session_lines(told: Resumption, negotiated: Negotiated, now: datetime) -> list[str]:
    """Tell what became of the session and of the file; nothing when no file was named."""
    if told.store is None:
        return []
    if told.offered is None:
        first = "new: there was none for this server"
    elif negotiated.resumed:
        first = f"resumed, from {_age(told.offered, now)}"
    else:
        first = "new"
    lines = [first, f"{count(told.store.kept, 'session')} kept in {printable(str(told.file), 60)}"]
    failure = told.store.store.last_error
    return lines if failure is None else [*lines, f"the file failed: {printable(str(failure), 60)}"]


def early_text(told: Resumption, negotiated: Negotiated) -> str | None:
    """One line about the early data; None when there was none."""
    fate = told.early_fate(negotiated)
    if fate is None:
        return None
    size = count(len(told.early_data or b""), "byte")
    if fate == "not offered":
        why = "no session" if told.offered is None else "the session allows none"
        return f"{size} not offered ({why}): sent after the handshake"
    return f"{size} {fate}"


def _age(session: Session, now: datetime) -> str:
    seconds = max(0, int(now.timestamp() - session.received_at))
    for length, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            return f"{count(seconds // length, name)} ago"
    return f"{count(seconds, 'second')} ago"


def as_json(told: Resumption, negotiated: Negotiated | None, tls: TLSSocket | None) -> dict[str, Any]:
    """The keys `resumed`, `early_data`, `psk_identity` and `tickets` of the report."""
    if negotiated is None:
        return {"resumed": None, "early_data": None, "psk_identity": None, "tickets": 0}
    identity = negotiated.psk_identity
    return {
        "resumed": negotiated.resumed,
        "early_data": told.early_fate(negotiated),
        "psk_identity": identity.decode("utf-8", "backslashreplace") if identity is not None else None,
        "tickets": len(tls.tickets) if tls is not None else 0,
    }
