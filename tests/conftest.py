"""Rules for every test: a docstring each, peers accounted for, hypothesis in two sizes."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

from tests.peers_required import peer_in

# `quick` is what everybody runs; `nightly` looks two hundred times as hard. Deadlines are off in both,
# because a busy machine is no bug; pytest-timeout catches what hangs.
settings.register_profile(
    "quick",
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", max_examples=10_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test that does not state, in its docstring, the fact it checks."""
    if isinstance(item, pytest.Function) and not (item.function.__doc__ or "").strip():
        pytest.fail("every test states a fact in its docstring, and this one has none", pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each peer that was missing and how many tests went untested for want of it."""
    missing: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        peer = peer_in(reason)
        if peer is not None:
            missing[peer] += 1
    if not missing:
        return
    terminalreporter.section("peers that were not there", sep="-", yellow=True)
    for peer, count in sorted(missing.items()):
        terminalreporter.line(f"{count:5} skipped for want of {peer}")
    terminalreporter.line("LUCIDTLS_REQUIRE_PEERS=1 makes a missing peer a failure.")
