"""Tests of the tests: a wrong engine must make some of them fail."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lucidtls
from tests.conformance.mutants import MUTANTS, Mutant
from tests.conformance.mutants12 import MUTANTS_12
from tests.conformance.mutants_psk import MUTANTS_PSK

ROOT = Path(__file__).parent.parent.parent
PACKAGE = Path(lucidtls.__file__).parent
ALL = (*MUTANTS, *MUTANTS_12, *MUTANTS_PSK)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the engine to do wrong things to."""
    folder = tmp_path_factory.mktemp("mutants")
    shutil.copytree(PACKAGE, folder / "lucidtls", ignore=shutil.ignore_patterns("__pycache__"))
    yield folder
    shutil.rmtree(folder)


def verdict(folder: Path, checks: object) -> subprocess.CompletedProcess[str]:
    """Run checks against the engine in a folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = os.pathsep.join((str(folder), str(ROOT)))
    command = [sys.executable, "-m", "tests.conformance.mutants", json.dumps(checks)]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def rewrite(path: Path, text: str) -> None:
    """Write a source file, and drop what was compiled from it before."""
    path.write_text(text, encoding="utf-8")
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def test_the_right_engine_passes_all_checks(copy: Path) -> None:
    """What the mutants are caught by holds for the engine as it is."""
    checks = [check for mutant in ALL for check in mutant.checks]
    result = verdict(copy, checks)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_wrong_engine_is_caught(copy: Path, mutant: Mutant) -> None:
    """An engine that leaves out one of the checks of TLS does not pass its tests."""
    path = copy / "lucidtls" / mutant.file
    right = path.read_text(encoding="utf-8")
    assert right.count(mutant.old) == 1, "the mutant no longer fits the source"
    try:
        rewrite(path, right.replace(mutant.old, mutant.new))
        result = verdict(copy, mutant.checks)
    finally:
        rewrite(path, right)
    assert result.returncode == 1, f"the mutant lives\n{result.stdout}{result.stderr}"
    for word in ("SyntaxError", "NameError", "LookupError", "ImportError"):
        assert word not in result.stderr, result.stderr
