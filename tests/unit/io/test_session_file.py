"""Sessions in an SQLite file: shared, bounded, and never somebody else's."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lucidtls.errors import ConfigurationError
from lucidtls.io.session_file import SCHEMA_VERSION, SQLiteSessionStore
from tests.unit.sessions.test_sessions import SESSION

NOW = 1001.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file will be."""
    return tmp_path / "sessions.db"


def test_sessions_outlive_the_store(path: Path) -> None:
    """What one process keeps, the next one finds; in TLS 1.3 once."""
    SQLiteSessionStore(path).put("a", SESSION)
    again = SQLiteSessionStore(path)
    assert again.sessions() == [("a", SESSION)] and again.take("b", NOW) is None
    assert again.take("a", NOW) == SESSION and again.take("a", NOW) is None and again.last_error is None


def test_only_its_owner_can_read_it(path: Path) -> None:
    """The file holds secrets: it has mode 0600 from the first moment."""
    SQLiteSessionStore(path).put("a", SESSION)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_empty_file_becomes_its_owners(path: Path) -> None:
    """An empty file that others could read is closed to them before a secret is in it."""
    path.touch()
    path.chmod(0o644)
    SQLiteSessionStore(path).put("a", SESSION)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_taken_is_overwritten(path: Path) -> None:
    """A secret that was used is not left in the file."""
    store = SQLiteSessionStore(path)
    store.put("a", replace(SESSION, ticket=b"\xfb\xef\xbe" * 12))
    assert b"++++" in path.read_bytes()
    store.take("a", NOW)
    assert b"++++" not in path.read_bytes()


def test_older_sessions_stay_until_they_are_discarded(path: Path) -> None:
    """Before TLS 1.3 a session serves again and again, until its connection fails."""
    store, older = SQLiteSessionStore(path), replace(SESSION, version="TLS 1.2")
    store.put("a", older)
    assert store.take("a", NOW) == store.take("a", NOW) == older
    store.discard("a", older)
    assert store.take("a", NOW) is None


def test_it_is_bounded(path: Path) -> None:
    """Of each server the newest sessions are kept, and of all servers a number."""
    store = SQLiteSessionStore(path, names=2, per_name=2)
    for key in ("a", "b", "c"):
        for number in range(3):
            store.put(key, replace(SESSION, ticket=bytes((number,))))
    kept = [(key, session.ticket) for key, session in store.sessions()]
    assert kept == [("b", b"\2"), ("c", b"\1"), ("c", b"\2")]
    assert store.take("c", 6000.0) is None and store.sessions() == []


@pytest.mark.parametrize(
    "content", [b"-----BEGIN CERTIFICATE-----\n", b"x", b"SQLite format 3\0" + b"?" * 200]
)
def test_what_is_no_session_file_is_left_alone(path: Path, content: bytes) -> None:
    """A file of another kind is refused by name and not changed."""
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="session"):
        SQLiteSessionStore(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(path: Path) -> None:
    """A database that is not ours is refused and not changed."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE session (bookmark TEXT)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="another program"):
        SQLiteSessionStore(path)
    assert path.read_bytes() == before


def test_a_file_of_another_version_is_begun_anew(path: Path) -> None:
    """What another version of the library wrote is worth no more than its sessions."""
    SQLiteSessionStore(path).put("a", SESSION)
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.commit()
    database.close()
    assert SQLiteSessionStore(path).take("a", NOW) is None


def test_a_spoiled_session_is_dropped(path: Path) -> None:
    """A row that is no session is passed over and removed; the next one is taken."""
    store = SQLiteSessionStore(path)
    store.put("a", SESSION)
    store.put("a", replace(SESSION, ticket=b"spoiled"))
    database = sqlite3.connect(path)
    database.execute("UPDATE session SET data = 'text' WHERE id = 2")
    database.commit()
    database.close()
    assert store.take("a", NOW) == SESSION
    assert isinstance(store.last_error, ConfigurationError) and store.sessions() == []


def test_a_file_that_breaks_costs_the_session(path: Path) -> None:
    """When the file is overwritten or taken away there is no session, and the reason can be read."""
    store = SQLiteSessionStore(path)
    store.put("a", SESSION)
    path.write_bytes(b"SQLite format 3\0" + bytes(5000))
    assert store.take("a", NOW) is None and isinstance(store.last_error, sqlite3.Error)
    store.put("a", SESSION)
    store.discard("a", SESSION)
    path.unlink()
    assert store.take("a", NOW) is None and not path.exists()


def test_a_locked_file_costs_half_a_second(path: Path) -> None:
    """Another program that keeps the file locked holds nothing up for long."""
    store = SQLiteSessionStore(path)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    assert store.take("a", NOW) is None
    assert isinstance(store.last_error, sqlite3.OperationalError) and "locked" in str(store.last_error)
    database.close()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A directory that is not there is an error when the store is made."""
    with pytest.raises(OSError, match="No such file"):
        SQLiteSessionStore(tmp_path / "nowhere" / "sessions.db")


def test_two_processes_never_get_the_same_session(path: Path) -> None:
    """Of several processes that look for a ticket each gets another one."""
    store = SQLiteSessionStore(path)
    for number in range(6):
        store.put("a", replace(SESSION, ticket=b"ticket %d" % number))
    program = (
        "import sys; from lucidtls.io.session_file import SQLiteSessionStore\n"
        "store = SQLiteSessionStore(sys.argv[1])\n"
        "print(*[(s := store.take('a', 1001.0)) and s.ticket for _ in range(4)], sep='\\n')\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    lines = [line for process in processes for line in process.communicate()[0].split("\n") if line]
    taken = [line for line in lines if line != "None"]
    assert len(taken) == 6 == len(set(taken))
