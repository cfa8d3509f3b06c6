"""`make bench`: handshakes and bulk throughput beside the standard library's `ssl`, as ratios.

Both rivals take turns in one process, because these numbers mean nothing apart: machines differ, and the
same machine differs from minute to minute. Options: a number of rounds (default 200).
"""

from __future__ import annotations

import os
import platform
import ssl
import sys
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import budgets, sockets
from benchmarks.measure import Comparison


def main() -> None:
    """Run everything and print one line each."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(
        f"Python {platform.python_version()} · cryptography {version('cryptography')} · "
        f"{ssl.OPENSSL_VERSION} · {os.cpu_count()} processors · {rounds} rounds"
    )
    print(f"\n{'':44}{'ours':>12}{'ssl':>12}{'budget':>10}{'measured':>10}")
    started = time.perf_counter()
    for row in budgets.ROWS:
        measured = row.measure(rounds)
        print(line(measured, row.budget, row.unit))
    for comparison, budget in sockets.measure(max(3, rounds // 40)):
        print(line(comparison, budget, "MB/s"))
    print(f"\n{time.perf_counter() - started:.0f} s. A speed of 2.5x means 2.5 times as fast as ssl.")


def line(measured: Comparison, budget: str, unit: str) -> str:
    """One row: for times the ratio ours/ssl, for throughput how many times faster."""
    if unit == "MB/s":
        ours, theirs = f"{1 / measured.ours:,.0f} MB/s", f"{1 / measured.theirs:,.0f} MB/s"
        return f"{measured.name:44}{ours:>12}{theirs:>12}{budget:>10}{1 / measured.ratio:>9.2f}x"
    ours, theirs = f"{measured.ours * 1e6:,.0f} us", f"{measured.theirs * 1e6:,.0f} us"
    return f"{measured.name:44}{ours:>12}{theirs:>12}{budget:>10}{measured.ratio:>9.2f}x"


if __name__ == "__main__":
    main()
