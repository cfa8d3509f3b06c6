"""Measuring two things in turns, so that a noisy machine disturbs both alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians of two rivals over the same rounds, in seconds, and the median of the rounds' own ratios."""

    name: str
    ours: float
    theirs: float
    ratio: float
    rounds: int


def compare(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    rounds: int,
    repeat: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Run both in turns, each round `repeat` calls of one and then of the other, after one round to warm up.

    `ratio` is ours divided by theirs: below 1 we are faster. `clock` is wall time by default; processor time
    suits work that never waits and a machine that others use too.
    """
    own, other = [], []
    for number in range(rounds + 1):
        mine = _timed(ours, repeat, clock)
        his = _timed(theirs, repeat, clock)
        if number:
            own.append(mine)
            other.append(his)
    ratio = median(a / b for a, b in zip(own, other, strict=True))
    return Comparison(name, median(own), median(other), ratio, rounds)


def _timed(call: Callable[[], object], repeat: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(repeat):
        call()
    return (clock() - start) / repeat
