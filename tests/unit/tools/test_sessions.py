"""`lucidtls connect` and `serve` with sessions, early data and pre-shared keys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lucidtls.errors import BadBinder
from lucidtls.events import PreSharedKey
from lucidtls.io.session_file import SQLiteSessionStore
from lucidtls.io.sockets import TLSSocket
from lucidtls.sessions.replay import MemoryReplayGuard
from lucidtls.sessions.session import Session
from lucidtls.sessions.stores import MemorySessionStore
from lucidtls.sessions.ticket_keys import TicketKeys
from lucidtls.tools.failures import diagnose
from lucidtls.tools.findings import CommandFailed
from lucidtls.tools.material import pre_shared_key, pre_shared_keys
from lucidtls.tools.situation import Situation
from tests.certificates import NOW
from tests.flows.parties import SERVER_NAME
from tests.unit.tools.conftest import AT, Outcome, Run
from tests.unit.tools.test_serve import SOURCE, Start, started

__all__ = ["started"]

Serving = Callable[..., int]
KEY = "8f4e0b6a2d1c93577e21b04dd6a5f3c8"


@pytest.fixture
def visit(run: Run, root_file: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """A function that connects to a port here, with a session file."""

    def connect(port: int, *arguments: object) -> Outcome:
        return run("connect", f"127.0.0.1:{port}", "--sni", SERVER_NAME, "--at", AT, "--ca", root_file,
                   "--session", tmp_path / "sessions", *arguments)  # fmt: skip

    return connect


def generous(**choices: Any) -> dict[str, Any]:
    """A server that resumes, and takes early data."""
    kept = {"ticket_keys": TicketKeys(), "replay_guard": MemoryReplayGuard()}
    return {"tickets": 2, "max_early_data": 1000, "clock": lambda: NOW} | kept | choices


def repeat(tls: TLSSocket) -> None:
    """Return what comes."""
    while data := tls.recv(4096):
        tls.sendall(data)


# Sessions


def test_the_second_connection_resumes(
    visit: Callable[..., Outcome], serving: Serving, tmp_path: Path
) -> None:
    """A session in a file is used by the next run, which says so, in text and in JSON."""
    port = serving(**generous())
    first = visit(port)
    assert first.code == 0
    assert "Session" in first.out and "there was none for this server" in first.out
    assert "2 sessions kept" in first.out
    second = visit(port)
    assert second.code == 0
    assert "TLS 1.3, trusted, resumed" in second.out
    assert "resumed, from 0 seconds ago" in second.out
    found = visit(port, "--json").json["result"]
    assert (found["resumed"], found["early_data"], found["psk_identity"]) == (True, None, None)
    assert found["tickets"] >= 1
    assert found["trust"]["verified"] is True
    assert found["chain"][0]["san"] == [SERVER_NAME]


def test_the_session_file_is_for_its_owner_alone(
    visit: Callable[..., Outcome], serving: Serving, tmp_path: Path
) -> None:
    """Whoever reads a session's secret can take its place."""
    visit(serving(**generous()))
    assert os.stat(tmp_path / "sessions").st_mode & 0o077 == 0


@pytest.mark.parametrize("version", ["1.3"])
def test_a_session_that_is_refused_is_told(
    visit: Callable[..., Outcome], serving: Serving, version: str
) -> None:
    """A full handshake where a session was offered is no failure, and has a code (LT-E04)."""
    visit(serving(**generous()), "--tls", version)
    told = visit(serving(**generous()), "--tls", version, "--json")
    assert told.code == 0
    assert (told.diagnosis["code"], told.diagnosis["severity"]) == ("LT-E04", "info")
    assert told.json["result"]["resumed"] is False


def test_a_file_that_holds_something_else_is_no_session_file(
    visit: Callable[..., Outcome], serving: Serving, tmp_path: Path
) -> None:
    """A file of another kind is refused, and left as it is."""
    (tmp_path / "sessions").write_bytes(b"a letter to my aunt\n" * 100)
    assert visit(serving(**generous())).code == 3
    assert (tmp_path / "sessions").read_bytes() == b"a letter to my aunt\n" * 100


def test_a_session_file_that_fails_later_is_told(
    visit: Callable[..., Outcome], serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full costs the session, not the connection, and the screen says so."""

    def fail(self: SQLiteSessionStore, key: str, session: Session) -> None:
        self.last_error = OSError("the disk is full")

    monkeypatch.setattr(SQLiteSessionStore, "put", fail)
    shown = visit(serving(**generous()))
    assert shown.code == 0
    assert "0 sessions kept" in shown.out and "the file failed: the disk is full" in shown.out


def test_a_file_in_no_folder_cannot_be_used(run: Run, tmp_path: Path) -> None:
    """A session file that cannot be made is a local failure."""
    assert run("connect", "localhost", "--session", tmp_path / "nowhere" / "sessions").code == 3


# Early data


def test_early_data_is_accepted_and_its_answer_shown(
    visit: Callable[..., Outcome], serving: Serving, tmp_path: Path
) -> None:
    """0-RTT data goes with a session that allows it; before there is one it is ordinary data."""
    (tmp_path / "early").write_bytes(b"what time is it?")
    port = serving(handler=repeat, **generous())
    options = ("--early-data", tmp_path / "early", "-r", r"and now?\n", "--timeout", "0.5")
    first = visit(port, *options)
    assert "16 bytes not offered (no session): sent after the handshake" in first.out
    second = visit(port, *options)
    assert "16 bytes accepted" in second.out
    assert second.out.count("what time is it?and now?") == 1
    assert visit(port, *options, "--json").json["result"]["early_data"] == "accepted"


def test_rejected_early_data_is_sent_again_once(
    visit: Callable[..., Outcome], serving: Serving, tmp_path: Path
) -> None:
    """Early data that a server passes over goes out again, the request after it does not (LT-E03)."""
    (tmp_path / "early").write_bytes(b"what time is it?")
    keys = TicketKeys()
    visit(serving(**generous(ticket_keys=keys)))
    port = serving(handler=repeat, **generous(ticket_keys=keys, max_early_data=0))
    told = visit(port, "--early-data", tmp_path / "early", "-r", "and now?", "--json", "--timeout", "0.5")
    assert told.diagnosis["code"] == "LT-E03"
    assert "sent again after the handshake" in told.diagnosis["title"]
    assert told.json["result"]["early_data"] == "rejected"
    assert told.json["result"]["answer"]["text"] == "what time is it?and now?"


def test_early_data_needs_a_session_file(run: Run, tmp_path: Path) -> None:
    """Early data is protected with the keys of an earlier session, so there must be one."""
    told = run("connect", "localhost", "--early-data", tmp_path / "early")
    assert told.code == 2 and "--early-data needs --session" in told.err
    told = run("connect", "localhost", "--session", tmp_path / "s", "--early-data", tmp_path / "missing")
    assert told.code == 3


# Pre-shared keys


@pytest.mark.parametrize("version", ["1.3", "1.2"])
def test_a_pre_shared_key_is_all_it_takes(run: Run, serving: Serving, version: str) -> None:
    """With a key given beforehand neither side needs a certificate, in TLS 1.3 and 1.2."""
    port = serving(credentials=(), find_psk=pre_shared_keys([f"sensor:7:{KEY}"]).get)
    arguments = ("connect", f"127.0.0.1:{port}", "--sni", SERVER_NAME, "--psk", f"sensor:7:{KEY}",
                 "--insecure", "--tls", version)  # fmt: skip
    shown = run(*arguments)
    assert shown.code == 0
    assert "the pre-shared key fits" in shown.out and "sensor:7" in shown.out
    assert KEY not in shown.out + shown.err
    assert run(*arguments, "--json").json["result"]["psk_identity"] == "sensor:7"


@pytest.mark.parametrize("version", ["1.3", "1.2"])
def test_another_key_is_told_as_that(run: Run, serving: Serving, version: str) -> None:
    """A server that has another key for our identity says so with an alert that has a code (LT-A05)."""
    port = serving(credentials=(), find_psk={b"sensor": bytes(16)}.get)
    told = run("connect", f"127.0.0.1:{port}", "--sni", SERVER_NAME, "--psk", f"sensor:{KEY}",
               "--insecure", "--tls", version, "--json")  # fmt: skip
    assert (told.code, told.diagnosis["code"]) == (7, "LT-A05")


def test_a_server_is_told_of_a_wrong_binder() -> None:
    """A binder shows that the client has the key (RFC 9846 §4.3.11.2); one that does not match has a code."""
    error = BadBinder("no", clause="RFC 9846 §4.3.11")
    told = diagnose(error, Situation(role="server", connected=True, bytes_received=1))
    assert told.code == "LT-A05"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("8f4e", "ID:HEX"),
        (":8f4e", "ID:HEX"),
        ("sensor:", "hexadecimal"),
        ("sensor:8f4", "hexadecimal"),
        ("sensor:secret", "hexadecimal"),
    ],
)
def test_what_is_no_key_is_a_usage_error(run: Run, text: str, reason: str) -> None:
    """A pre-shared key has an identity and at least one byte; a mistyped one is not repeated."""
    for command in (("connect", "localhost"), ("serve", "--port", "0")):
        told = run(*command, "--psk", text)
        assert told.code == 2 and reason in told.err
        assert "secret" not in told.err


def test_an_identity_may_hold_colons_and_has_one_key() -> None:
    """The last colon parts identity and key; two keys for one identity are a mistake."""
    assert pre_shared_key(f"a:b:{KEY}") == PreSharedKey(b"a:b", bytes.fromhex(KEY))
    with pytest.raises(CommandFailed, match="wo keys"):
        pre_shared_keys([f"a:{KEY}", "a:00"])


# Serving


def test_serve_tells_resumed_from_new(started: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """The log line of a connection says whether it goes on with an earlier one, and how much came early."""
    store = MemorySessionStore()
    with started("--echo", "--early-data", "100", "--tickets", "1") as server:
        for early in (b"", b"x" * 50):
            tls = server.connect(sessions=store, early_data=True, early=early)
            tls.shutdown_write()
            while tls.recv(100):
                pass
            tls.close()
        entries = server.entries(2)
    assert [entry["resumed"] for entry in entries] == [False, True]
    assert [entry["early_data"] for entry in entries] == [0, 50]
    lines = [line for line in capsys.readouterr().out.splitlines() if "✓" in line]
    assert " new " in lines[0] and "early data" not in lines[0]
    assert " resumed early data 50 bytes " in lines[1]


def test_serve_takes_pre_shared_keys(started: Start) -> None:
    """A server may have several keys, and tells which one a client used."""
    with started("--echo", "--psk", f"one:{KEY}", "--psk", "two:0102") as server:
        psk = PreSharedKey(b"two", b"\x01\x02")
        with server.connect(psk=psk) as tls:
            assert tls.negotiated.psk_identity == b"two"
        (entry,) = server.entries(1)
    assert entry["psk_identity"] == "two"


def test_early_data_needs_tickets(run: Run) -> None:
    """A server that gives no tickets can have no early data."""
    told = run("serve", "--port", "0", "--tickets", "0", "--early-data", "10")
    assert told.code == 2 and "--early-data needs --tickets" in told.err


def test_another_process_resumes(serving: Serving, root_file: Path, tmp_path: Path) -> None:
    """A session in a file is good for the next run of a program, whatever seed its hashes have."""
    port = serving(**generous())
    found = []
    for seed in ("1", "2"):
        run = [sys.executable, "-m", "lucidtls", "connect", f"127.0.0.1:{port}", "--sni", SERVER_NAME]
        options = ["--at", AT, "--ca", str(root_file), "--session", str(tmp_path / "sessions"), "--json"]
        environment = os.environ | {"PYTHONPATH": str(SOURCE), "PYTHONHASHSEED": seed}
        ended = subprocess.run(run + options, env=environment, capture_output=True, check=True, timeout=30)
        found.append(json.loads(ended.stdout)["result"]["resumed"])
    assert found == [False, True]
