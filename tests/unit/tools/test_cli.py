"""The command line as a whole: how it starts, how it ends, and what a bug looks like."""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import lucidtls
from lucidtls.tools import connect
from tests.flows.parties import SERVER_NAME
from tests.unit.io.ends import PATIENCE, listening
from tests.unit.tools.conftest import Run

SOURCE = Path(lucidtls.__file__).parent.parent
COMMAND = [sys.executable, "-m", "lucidtls"]


def spawn(*arguments: str, **choices: Any) -> subprocess.Popen[str]:
    """Run the command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **choices,
    )


def test_version_and_help(run: Run) -> None:
    """--version tells what it runs on, --help lists the commands; neither needs a network."""
    version = run("--version")
    assert version.code == 0
    assert re.fullmatch(
        r"lucidtls \S+( installed\))? \(Python 3\.\d+\.\d+, cryptography \d+.*\)\n", version.out
    )
    overview = run("--help")
    assert overview.code == 0
    assert all(word in overview.out for word in ("connect", "serve", "cert", "Exit codes"))
    for command in (("connect",), ("serve",), ("cert", "dev")):
        shown = run(*command, "--help")
        assert shown.code == 0
        assert "--" in shown.out
    assert run().code == 2
    assert run("nonsense").code == 2


def test_a_bug_is_reported_in_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours ends with exit code 70 and a report that names places and no values, not with a
    traceback.
    """

    secret = " ".join(("the", "secret", "value"))

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError(secret)

    monkeypatch.setattr(connect, "prepare", fail)
    shown = run("connect", "localhost", "--json")
    assert shown.code == 70
    assert "ZeroDivisionError" in shown.diagnosis["title"]
    report = Path(re.findall(r"\S+lucidtls-report-\S+\.txt", shown.diagnosis["detail"])[0])
    text = report.read_text()
    report.unlink()
    assert "ZeroDivisionError in" in text and "connect.py" in text
    assert secret not in text
    spoken = run("connect", "localhost")
    assert spoken.code == 70
    assert "please send it to" in spoken.err
    for path in re.findall(r"\S+lucidtls-report-\S+\.txt", "".join(spoken.err.split("\n"))):
        Path(path).unlink(missing_ok=True)


def test_ctrl_c_ends_with_130_and_shows_what_is_known() -> None:
    """An interrupted command still tells what it has learnt."""

    def hang(sock: Any) -> None:
        while sock.recv(65536):
            continue

    with listening(hang) as port:
        process = spawn("connect", f"127.0.0.1:{port}", "--sni", SERVER_NAME, "--insecure", "-v")
        assert process.stderr is not None
        assert "ClientHello" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "interrupted" in out
    assert "Traceback" not in err


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """A pipe that is closed early (`| head`) brings no complaint."""
    process = spawn("connect", "--help")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.wait(PATIENCE)
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_serve_stops_when_asked_to(tmp_path: Path) -> None:
    """A polite signal stops the server with exit code 0."""
    for sent in (signal.SIGTERM, signal.SIGINT):
        environment = {**os.environ, "PYTHONPATH": str(SOURCE), "LUCIDTLS_CAROOT": str(tmp_path)}
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert process.stdout is not None
        while not process.stdout.readline().startswith("Stop"):
            continue
        process.send_signal(sent)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert "Traceback" not in err


def test_parsing_needs_nothing_of_tls() -> None:
    """The command line is read before anything of TLS is loaded."""
    program = (
        "import sys; sys.argv = ['lucidtls', '--help']\n"
        "from lucidtls import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "unwanted = ('cryptography', 'rich', 'asyncio', 'ssl', 'lucidtls.connection')\n"
        "print([name for name in unwanted if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert ended.stdout.splitlines()[-1] == "[]"


def seconds(*command: str) -> float:
    """How long a process takes from start to end."""
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONPATH": str(SOURCE)})
    return time.perf_counter() - started


@pytest.mark.budget
def test_it_starts_quickly() -> None:
    """`lucidtls --version` takes at most 150 ms, and `connect --help` at most 250 ms.

    On a machine that is slow or busy, no more than 2.5 and 4 times what importing `asyncio` takes there.
    """
    for arguments, limit, share in ((("--version",), 0.150, 2.5), (("connect", "--help"), 0.250, 4)):
        times: list[float] = []
        yardstick: list[float] = []
        for _ in range(7):
            times.append(seconds(*COMMAND, *arguments))
            yardstick.append(seconds(sys.executable, "-c", "import asyncio"))
        limit = max(limit, share * min(yardstick))
        assert min(times) <= limit, (arguments, statistics.median(times))
