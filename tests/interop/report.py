"""Run the interop tests and write what was tried with whom.

    python -m tests.interop.report [--json FILE] [--markdown FILE] [PYTEST ARGUMENTS]

(docs/reference/interoperability.md comes from here; `-n 2` among the arguments halves the time.)

A cell of the table counts the connections that a feature took with a peer, and of how many possible ones
where not all were made. A dash says that the peer does not have the feature, or cannot be told to use it.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.interop.peers.all import PEERS
from tests.interop.settings import CLIENT, SERVER
from tests.interop.suites import KEY_EXCHANGES, OLDER_VERSIONS

HERE = Path(__file__).parent
ROLES = {SERVER: "Our client, their server", CLIENT: "Our server, their client"}
NONE = "–"
INTRODUCTION = (
    "Written by `python -m tests.interop.report --markdown FILE`. Numbers count connections that succeeded,",
    "with everything checked that both sides tell; `12 of 60` are some of sixty combinations that there are.",
    "A dash is for what the peer does not have; the table at the end says why. All peers have switches that",
    "let them use what they hold back for its weakness: `@SECLEVEL=0` for OpenSSL, Node, Python and curl, a",
    "priority string for GnuTLS, `-V` and `-c` for NSS, `MinVersion`, `CipherSuites` and `GODEBUG=tlssha1=1`",
    "for Go, an empty `jdk.tls.disabledAlgorithms` for Java.",
)


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


def peers_with(cells: dict[Key, Cell], role: str, features: list[str]) -> list[str]:
    """Return the peers that have a cell for one of some features in a role."""
    return [name for name in PEERS if any((role, feature, name) in cells for feature in features)]


def table(cells: dict[Key, Cell], role: str, features: Mapping[str, str]) -> list[str]:
    """Return one role's table in Markdown: features down, by key and title, and peers across."""
    peers = peers_with(cells, role, list(features))
    lines = ["| |" + "".join(f" {peer} |" for peer in peers), "| --- |" + " --- |" * len(peers)]
    for feature, title in features.items():
        row = [str(cells[role, feature, peer]) if (role, feature, peer) in cells else NONE for peer in peers]
        lines.append(f"| {title} | " + " | ".join(row) + " |")
    return lines


def key_exchanges(cells: dict[Key, Cell], role: str, version: str) -> dict[str, str]:
    """Return the features that are a key exchange of a version, with the exchange's name as title."""
    found = {feature for key_role, feature, _ in cells if key_role == role}
    named = {f"{version}: {exchange}": exchange for exchange in KEY_EXCHANGES}
    return {feature: title for feature, title in named.items() if feature in found}


def other_features(cells: dict[Key, Cell], role: str, versions: tuple[str, ...]) -> dict[str, str]:
    """Return the other features of TLS 1.3 alone, or of the versions before it."""
    found = sorted({feature for key_role, feature, _ in cells if key_role == role and ": TLS" not in feature})
    older = [feature for feature in found if feature.startswith(OLDER_VERSIONS)]
    chosen = older if versions == OLDER_VERSIONS else [feature for feature in found if feature not in older]
    exchanges = {feature for version in OLDER_VERSIONS for feature in key_exchanges(cells, role, version)}
    return {feature: feature for feature in chosen if feature not in exchanges}


def sections(cells: dict[Key, Cell]) -> list[str]:
    """Return the tables, each under its heading."""
    lines: list[str] = []
    for role, title in ROLES.items():
        parts = [("TLS 1.3", other_features(cells, role, ("TLS 1.3",)))]
        parts += [
            (f"{version}, key exchanges", key_exchanges(cells, role, version))
            for version in reversed(OLDER_VERSIONS)
        ]
        parts.append(("TLS 1.2, 1.1 and 1.0, what else", other_features(cells, role, OLDER_VERSIONS)))
        lines += ["", f"## {title}"]
        for heading, features in parts:
            if features:
                lines += ["", f"### {heading}", "", *table(cells, role, features)]
    return lines


def missing() -> list[str]:
    """Return what each peer cannot do before TLS 1.3, and why, as a table in Markdown."""
    lines = [
        "",
        "## What the peers cannot do before TLS 1.3",
        "",
        "| peer | what | why |",
        "| --- | --- | --- |",
    ]
    for name, peer in PEERS.items():
        rows: dict[tuple[str, str], None] = {}
        for capabilities in (peer.server, peer.client):
            if capabilities and capabilities.older:
                rows |= dict.fromkeys(capabilities.older.lacks)
        lines += [f"| {name} | {what} | {why} |" for what, why in rows]
        if peer.server is None:
            lines.append(f"| {name} | being a server | it is a client |")
    return lines


def remarks(cells: dict[Key, Cell]) -> list[str]:
    """Return the notes to cells, each said once for all cells that have it."""
    about: dict[str, dict[str, None]] = defaultdict(dict)
    for (_, feature, peer), cell in cells.items():
        for note in cell.notes:
            about[note][peer if feature.startswith(OLDER_VERSIONS) else f"{peer}, {feature}"] = None
    return ["", *(f"- {note} ({'; '.join(places)})" for note, places in about.items())] if about else []


def markdown(cells: dict[Key, Cell], found: dict[str, str]) -> str:
    """Return the whole report in Markdown."""
    lines = ["# Interoperability", "", *INTRODUCTION, "", "| peer | version |", "| --- | --- |"]
    lines += [f"| {name} | {version} |" for name, version in found.items()]
    lines += [*sections(cells), *missing(), *remarks(cells)]
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
