"""Placeholder until the sockets land."""

from benchmarks.measure import Comparison


def measure(rounds: int) -> list[tuple[Comparison, str]]:
    return []
