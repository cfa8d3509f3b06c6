"""Run the interop tests and write what was tried with whom.

    python -m tests.interop.report [--json FILE] [--markdown FILE] [PYTEST ARGUMENTS]

A cell of the table counts the connections that a feature took with a peer, and of how many possible ones
where not all were made. A dash says that the peer does not have the feature, or cannot be told to use it.
"""

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.interop.peers.all import PEERS
from tests.interop.settings import CLIENT, SERVER

HERE = Path(__file__).parent
ROLES = {SERVER: "Our client, their server", CLIENT: "Our server, their client"}
NONE = "–"


@dataclass(slots=True)
class Cell:
    """What came of one feature with one peer in one role."""

    ran: int = 0
    possible: int = 0
    tests: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        if self.failed:
            return f"**{self.failed} of {self.tests} tests fail**"
        if not self.ran:
            return f"skipped {self.skipped}"
        return str(self.ran) if self.ran == self.possible else f"{self.ran} of {self.possible}"


Key = tuple[str, str, str]  # role, feature, peer


class Collector:
    """A pytest plugin that adds up what the tests say they try."""

    def __init__(self) -> None:
        self.cells: dict[Key, Cell] = defaultdict(Cell)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a test's rows, with its outcome."""
        if report.when != "call":
            return
        for name, row in report.user_properties:
            if name == "interop" and isinstance(row, dict):
                self._add(row, report)

    def _add(self, row: dict[str, object], report: pytest.TestReport) -> None:
        cell = self.cells[str(row["role"]), str(row["feature"]), str(row["peer"])]
        cell.tests += 1
        cell.failed += report.failed
        cell.skipped += report.skipped
        if report.passed:
            cell.ran += int(str(row["ran"]))
            cell.possible += int(str(row["possible"]))
        if row["note"] and str(row["note"]) not in cell.notes:
            cell.notes.append(str(row["note"]))


def versions() -> dict[str, str]:
    """Return what each peer that is there calls itself."""
    found = {name: peer.version() for name, peer in PEERS.items() if peer.found()}
    for peer in PEERS.values():
        peer.close()
    return found


def table(cells: dict[Key, Cell], role: str) -> list[str]:
    """Return one role's table in Markdown: features down, peers across."""
    peers = [name for name in PEERS if any(key[0] == role and key[2] == name for key in cells)]
    features = list(dict.fromkeys(key[1] for key in cells if key[0] == role))
    lines = ["| |" + "".join(f" {peer} |" for peer in peers), "| --- |" + " --- |" * len(peers)]
    for feature in sorted(features):
        row = [str(cells[role, feature, peer]) if (role, feature, peer) in cells else NONE for peer in peers]
        lines.append(f"| {feature} | " + " | ".join(row) + " |")
    return lines


def markdown(cells: dict[Key, Cell], found: dict[str, str]) -> str:
    """Return the whole report in Markdown."""
    lines = [
        "# Interoperability",
        "",
        "Written by `python -m tests.interop.report`; numbers count connections.",
        "",
    ]
    lines += ["| peer | version |", "| --- | --- |"]
    lines += [f"| {name} | {version} |" for name, version in found.items()]
    for role, title in ROLES.items():
        lines += ["", f"## {title}", "", *table(cells, role)]
    notes = [(peer, feature, note) for (_, feature, peer), cell in cells.items() for note in cell.notes]
    if notes:
        lines += ["", *(f"- {peer}, {feature}: {note}" for peer, feature, note in dict.fromkeys(notes))]
    return "\n".join(lines) + "\n"


def as_json(cells: dict[Key, Cell], found: dict[str, str]) -> str:
    """Return the same for programs."""
    rows = [
        {"role": role, "feature": feature, "peer": peer, **asdict(cell)}
        for (role, feature, peer), cell in sorted(cells.items())
    ]
    whole = {"date": datetime.now(UTC).date().isoformat(), "versions": found, "results": rows}
    return json.dumps(whole, indent=1) + "\n"


def main() -> int:
    """Run the tests, write the report, return pytest's exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.report", description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the results for programs")
    parser.add_argument(
        "--markdown", type=Path, help="where to write the table; otherwise to the standard output"
    )
    options, arguments = parser.parse_known_args()
    collector = Collector()
    status = pytest.main(["-q", str(HERE), *arguments], plugins=[collector])
    found = versions()
    if options.json:
        options.json.write_text(as_json(collector.cells, found))
    text = markdown(collector.cells, found)
    if options.markdown:
        options.markdown.write_text(text)
    else:
        print(text)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
