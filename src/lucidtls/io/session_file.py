"""A client's sessions in an SQLite file: for programs that are started again and again.

The file holds secrets: whoever reads it can take the client's place in its sessions, and whoever writes it
can pass for the servers in it. It is made with mode 0600. Several processes and threads may share it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

from lucidtls.errors import ConfigurationError
from lucidtls.sessions.session import Session
from lucidtls.sessions.stores import MAX_NAMES, SESSIONS_PER_NAME

APPLICATION_ID: Final = 0x4C544C53
"""Of SQLite's header: "LTLS". A database with another one belongs to somebody else, and is left alone."""

SCHEMA_VERSION: Final = 1

BUSY_TIMEOUT: Final = 0.5
"""Seconds to wait for another process that writes. A session is not worth more."""

_HEADER: Final = b"SQLite format 3\0"


class SQLiteSessionStore:
    """Sessions in a file (`lucidtls.sessions.protocols.SessionStore`).

    A file that is no database, or is another program's, is refused when the store is made, with a
    ConfigurationError, and never touched. Sessions of another version of this format are dropped. What goes
    wrong later costs the session and nothing else; `last_error` says what it was.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, names: int = MAX_NAMES, per_name: int = SESSIONS_PER_NAME
    ) -> None:
        self.path = Path(path)
        self.last_error: Exception | None = None
        self._limit = names * per_name
        self._per_name = per_name
        self._lock = threading.Lock()
        self._prepare()

    def put(self, key: str, session: Session) -> None:
        """Keep a session."""
        try:
            with self._lock, closing(self._connect()) as database, database:
                database.execute(
                    "INSERT INTO session (key, expires_at, data) VALUES (?, ?, ?)",
                    (key, session.expires_at, session.serialise()),
                )
                database.execute(
                    "DELETE FROM session WHERE key = ? AND id NOT IN"
                    " (SELECT id FROM session WHERE key = ? ORDER BY id DESC LIMIT ?)",
                    (key, key, self._per_name),
                )
                database.execute(
                    "DELETE FROM session WHERE id <= (SELECT max(id) FROM session) - ?", (self._limit,)
                )
        except (sqlite3.Error, OSError) as error:
            self.last_error = error

    def take(self, key: str, now: float) -> Session | None:
        """The newest session that has not expired; it leaves the file if it serves once (TLS 1.3)."""
        try:
            with self._lock, closing(self._connect()) as database:
                return self._take(database, key, now)
        except (sqlite3.Error, OSError) as error:
            self.last_error = error
            return None

    def _take(self, database: sqlite3.Connection, key: str, now: float) -> Session | None:
        # Nobody else reads between finding the session and deleting it.
        database.execute("BEGIN IMMEDIATE")
        with database:
            database.execute("DELETE FROM session WHERE expires_at <= ?", (now,))
            rows = database.execute(
                "SELECT id, data FROM session WHERE key = ? ORDER BY id DESC", (key,)
            ).fetchall()
            for number, data in rows:
                try:
                    session = Session.deserialise(data if isinstance(data, bytes) else b"")
                except ConfigurationError as error:
                    self.last_error = error
                    session = None
                if session is None or session.single_use:
                    database.execute("DELETE FROM session WHERE id = ?", (number,))
                if session is not None and session.usable_at(now):
                    return session
        return None

    def discard(self, key: str, session: Session) -> None:
        """Forget a session, if it is here."""
        try:
            with self._lock, closing(self._connect()) as database, database:
                database.execute("DELETE FROM session WHERE key = ? AND data = ?", (key, session.serialise()))
        except (sqlite3.Error, OSError) as error:
            self.last_error = error

    def sessions(self) -> list[tuple[str, Session]]:
        """All sessions with their keys, the oldest first: for people who want to look."""
        with self._lock, closing(self._connect()) as database:
            rows = database.execute("SELECT key, data FROM session ORDER BY id").fetchall()
        return [(key, Session.deserialise(bytes(data))) for key, data in rows]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {str(self.path)!r}>"

    # The file

    def _prepare(self) -> None:
        """Make the file if it is not there, and look whether it is ours."""
        try:
            # Made here and not by SQLite, so that it never is readable for others.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            if not self.path.stat().st_size:
                self.path.chmod(0o600)
            with self.path.open("rb") as file:
                start = file.read(len(_HEADER))
            if start not in (b"", _HEADER):
                raise ConfigurationError(f"{self.path} is no session file: it is left as it is")
            with closing(self._connect()) as database:
                self._prepare_schema(database, new=not start)
        except sqlite3.Error as error:
            raise ConfigurationError(f"{self.path} cannot be used as a session file: {error}") from None

    def _prepare_schema(self, database: sqlite3.Connection, *, new: bool) -> None:
        owner = database.execute("PRAGMA application_id").fetchone()[0]
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if owner != APPLICATION_ID and (tables or not new):
            raise ConfigurationError(f"{self.path} is another program's database: it is left as it is")
        if owner != APPLICATION_ID or self._version(database) != SCHEMA_VERSION:
            with database:
                database.executescript(
                    "BEGIN IMMEDIATE;"
                    "DROP TABLE IF EXISTS session;"
                    "CREATE TABLE session (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL,"
                    " expires_at REAL NOT NULL, data BLOB NOT NULL);"
                    "CREATE INDEX session_by_key ON session (key);"
                    f"PRAGMA application_id = {APPLICATION_ID};"
                    f"PRAGMA user_version = {SCHEMA_VERSION};"
                    "COMMIT;"
                )

    @staticmethod
    def _version(database: sqlite3.Connection) -> int:
        return int(database.execute("PRAGMA user_version").fetchone()[0])

    def _connect(self) -> sqlite3.Connection:
        # A file that was taken away is not made again here: it would be readable for others.
        place = f"{self.path.absolute().as_uri()}?mode=rw"
        database = sqlite3.connect(place, timeout=BUSY_TIMEOUT, uri=True)
        try:
            # Deleted sessions are secrets: they are overwritten, not only unlinked.
            database.execute("PRAGMA secure_delete = ON")
        except sqlite3.Error:
            database.close()
            raise
        return database
