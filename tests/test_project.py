"""The house rules that a machine can check (CONTRIBUTING.md says why each is there)."""

from __future__ import annotations

import ast
import builtins
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import lucidtls
from lucidtls import errors

SOURCE = Path(__file__).parent.parent / "src" / "lucidtls"
FILES = sorted(SOURCE.rglob("*.py"))

LONGEST_FUNCTION = 60
LONGEST_FILE = 600
CORE = ("wire", "crypto", "record", "trust", "handshake", "config", "policies", "dangerous", "connection")
FORBIDDEN_NAMES = ("utils", "util", "helpers", "helper", "common", "manager", "misc")
FORBIDDEN_VERBS = ("get_", "do_", "process_", "handle_")

PUBLIC: tuple[str, ...] = tuple(getattr(lucidtls, "__all__", ()))
needs_exports = pytest.mark.skipif(not PUBLIC, reason="the package exports nothing yet")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of one source file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def places(found: Callable[[ast.AST], bool], files: list[Path]) -> list[str]:
    """List file and line of every node that `found` says yes to."""
    return [
        f"{path.relative_to(SOURCE)}:{getattr(node, 'lineno', 0)}"
        for path in files
        for node in ast.walk(parsed(path))
        if found(node)
    ]


def functions(files: list[Path]) -> Iterator[tuple[str, Function]]:
    """Yield every function with the place it stands at."""
    for path in files:
        for node in ast.walk(parsed(path)):
            if isinstance(node, Function):
                yield f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}", node


def lines_of(function: Function) -> int:
    """Count the lines of a function, its docstring included."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def in_package(path: Path, *parts: str) -> bool:
    """Whether a file is one of these modules of the library, or lies in one of these packages."""
    return path.relative_to(SOURCE).with_suffix("").parts[0] in parts


def peer_errors() -> set[str]:
    """Name every exception that blames the peer."""
    return {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.PeerError)
    }


def test_no_function_is_too_long_to_hold_in_the_head() -> None:
    """Every step of a handshake fits on one screen."""
    assert [place for place, node in functions(FILES) if lines_of(node) > LONGEST_FUNCTION] == []


def test_most_functions_are_short() -> None:
    """The steps of a handshake are small: half have ten lines or fewer, nine in ten at most thirty."""
    lengths = sorted(lines_of(node) for _, node in functions(FILES))
    assert statistics.median(lengths) <= 10
    assert lengths[len(lengths) * 9 // 10] <= 30


def test_no_file_is_too_long() -> None:
    """Each part of TLS has a file of its own, except that the IANA tables are as long as IANA makes them."""
    files = [path for path in FILES if "codepoint" not in path.name]
    lengths = {str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8").count("\n") for path in files}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_the_codec_never_asserts() -> None:
    """What a peer sends can be anything at all, so the code that reads it may not assume: it must refuse."""
    wire = [path for path in FILES if in_package(path, "wire")]
    assert places(lambda node: isinstance(node, ast.Assert), wire) == []


def test_no_exception_is_swallowed() -> None:
    """A failure in a TLS stack is always somebody's business."""

    def swallows(node: ast.AST) -> bool:
        if not isinstance(node, ast.ExceptHandler):
            return False
        broad = node.type is None or (
            isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
        )
        silent = all(
            isinstance(step, ast.Pass | ast.Continue)
            or (isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant))
            for step in node.body
        )
        return node.type is None or (broad and silent)

    assert places(swallows, FILES) == []


def test_every_refusal_cites_its_clause() -> None:
    """A peer is refused only for breaking a clause, and the error names it."""
    blaming = peer_errors()

    def names_no_clause(node: ast.AST) -> bool:
        if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
            return False
        called = node.exc.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        given = {keyword.arg for keyword in node.exc.keywords}
        return name in blaming and "clause" not in given and None not in given

    assert places(names_no_clause, FILES) == []


def test_the_core_imports_at_the_top() -> None:
    """What the core of TLS depends on stands at the head of each file."""
    core = [path for path in FILES if in_package(path, *CORE)]
    hidden = [
        place
        for place, node in functions(core)
        if any(isinstance(inner, ast.Import | ast.ImportFrom) for inner in ast.walk(node))
    ]
    assert hidden == []


def test_names_say_what_things_are() -> None:
    """Things have the RFC's names or whole words of our own, never the words that fit anything."""
    files = [str(path.relative_to(SOURCE)) for path in FILES if path.stem in FORBIDDEN_NAMES]
    verbs = [place for place, node in functions(FILES) if node.name.lstrip("_").startswith(FORBIDDEN_VERBS)]
    assert files + verbs == []


def test_every_peer_error_has_its_own_alert_or_its_parents() -> None:
    """The class of an error fixes the alert that the peer is sent (RFC 9846 §6.2)."""
    for name in peer_errors():
        error = getattr(errors, name)
        assert error.alert.code != 0, f"{name} would close the connection as if nothing had happened"


def printed_by(program: str) -> str:
    """Run a program in a fresh interpreter that finds this library, and return what it prints."""
    environment = os.environ | {"PYTHONPATH": str(SOURCE.parent)}
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environment,
    )
    return run.stdout


@needs_exports
def test_importing_the_library_is_light() -> None:
    """A program that uses all of lucidtls does not pay for its command line, nor for another TLS stack."""
    unwanted = ("argparse", "asyncio", "rich", "ssl", "lucidtls.cli", "lucidtls.diagnosis", "lucidtls.tools")
    program = f"""
import json, sys, lucidtls
everything = [getattr(lucidtls, name) for name in lucidtls.__all__]
print(json.dumps([module for module in {unwanted!r} if module in sys.modules]))
"""
    assert json.loads(printed_by(program)) == []


@needs_exports
def test_the_public_names_are_the_ones_announced() -> None:
    """Everything the library offers at the top is in `__all__`, is there, and is documented."""
    names = list(PUBLIC)
    assert len(names) == len(set(names))
    for name in names:
        assert (getattr(lucidtls, name).__doc__ or "").strip(), f"lucidtls.{name} has no docstring"
        assert name not in vars(builtins), f"lucidtls.{name} would hide a builtin"


@pytest.mark.budget
@needs_exports
def test_importing_the_library_is_quick() -> None:
    """`import lucidtls` takes at most 120 ms more than starting Python does.

    On a machine that is slow or busy, no more than twice what importing `asyncio` takes there.
    """
    program = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    ours, yardstick = (
        min(float(printed_by(program.format(name))) for _ in range(5)) for name in ("lucidtls", "asyncio")
    )
    assert ours <= max(0.120, 2 * yardstick)
