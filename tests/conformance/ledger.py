"""The ledger: clause -> place that refuses -> attacks that are refused there.

Places are read out of the source: every `raise` in the engine that blames a peer. Attacks are the rows of
`tests.conformance.refusal`. Which attack reaches which place is found by running it and looking at where its
error was raised. To read the ledger: `python -m tests.conformance.ledger`.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType

import lucidtls
from tests.conformance.refusal import all_refusals

SOURCE = Path(lucidtls.__file__).parent
ENGINE = ("wire", "record", "handshake")
CRYPTO = tuple(f"crypto/{name}.py" for name in ("agreements", "cbc", "dh12", "groups", "signatures"))

OURS = frozenset(
    {
        "ConfigurationError",
        "InternalError",
        "NotImplementedError",
        "UsageError",
        "ValueError",
        "TypeError",
        "_too_big",
    }
)
"""What blames the program and not the peer."""

ENDINGS = frozenset({"AlertReceived", "TruncatedStream"})
"""What ends a connection without breaking a rule; tested with closure."""

NOT_BLAMING = OURS | ENDINGS


@dataclass(frozen=True, order=True)
class Site:
    """One `raise` statement."""

    path: str
    first: int
    last: int
    function: str

    def __str__(self) -> str:
        return f"{self.path}:{self.first} {self.function}"


def raised_name(node: ast.Raise) -> str:
    """What a raise statement raises: the name of a class, or of the function that makes the error."""
    called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def sites_in(path: Path) -> Iterator[Site]:
    """The places in one file that blame the peer."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if not isinstance(node, ast.Raise) or node.exc is None or raised_name(node) in NOT_BLAMING:
                continue
            where = path.relative_to(SOURCE).as_posix()
            yield Site(where, node.lineno, node.end_lineno or node.lineno, function.name)


@cache
def sites() -> frozenset[Site]:
    """Every place in the engine that blames the peer."""
    files = [file for part in ENGINE for file in (SOURCE / part).rglob("*.py")]
    files += [SOURCE / name for name in CRYPTO]
    return frozenset(site for file in files for site in sites_in(file))


def site_of(error: BaseException) -> Site | None:
    """The place that raised an error: the innermost frame that lies at one."""
    found: Site | None = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.is_relative_to(SOURCE):
            found = _site_at(path.relative_to(SOURCE).as_posix(), trace.tb_lineno) or found
        trace = trace.tb_next
    return found


def _site_at(where: str, line: int) -> Site | None:
    return next((site for site in sites() if site.path == where and site.first <= line <= site.last), None)


def sites_of(error: BaseException) -> Iterator[Site]:
    """The places an error went through: of an InvalidTag another place makes an error that says no more."""
    seen: BaseException | None = error
    while seen is not None:
        site = site_of(seen)
        if site is not None:
            yield site
        seen = seen.__context__


def reached() -> dict[Site, list[tuple[str, str]]]:
    """For each place, the attacks that end there, with the clause they break."""
    found: defaultdict[Site, list[tuple[str, str]]] = defaultdict(list)
    for row in all_refusals():
        for site in sites_of(row.attack().failure):
            found[site].append((row.clause, row.name))
    return dict(found)


def main() -> None:
    """Print the ledger."""
    entries = sorted((clause, site, name) for site, rows in reached().items() for clause, name in rows)
    last: tuple[str, Site] | None = None
    for clause, site, name in entries:
        if (clause, site) != last:
            print(f"{clause}  {site}")
            last = clause, site
        print(f"    {name}")


if __name__ == "__main__":
    main()
