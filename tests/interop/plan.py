"""Which combinations of cipher suite, group and signature scheme a test runs.

Where one process takes many connections, all of them, except that groups with slow arithmetic take each suite
and each scheme once instead of every pair. Where every connection costs a process, all pairs. Both are
counted, and the report says which it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from tests.interop.settings import SLOW_GROUPS, Capabilities


@dataclass(frozen=True, slots=True)
class Combination:
    """What one connection must negotiate."""

    suite: str
    group: str
    scheme: str

    def __str__(self) -> str:
        return f"{self.suite} {self.group} {self.scheme}"


def _each_once(capabilities: Capabilities, group: str) -> Iterator[Combination]:
    """Yield a group with every suite and every scheme, each at least once."""
    suites, schemes = capabilities.suites, capabilities.schemes
    longest = max(len(suites), len(schemes))
    for index in range(longest):
        yield Combination(suites[index % len(suites)], group, schemes[index % len(schemes)])


@cache
def full_product(capabilities: Capabilities) -> tuple[Combination, ...]:
    """Return every combination, with the slow groups thinned."""
    chosen: list[Combination] = []
    for group in capabilities.groups:
        if group in SLOW_GROUPS:
            chosen += _each_once(capabilities, group)
        else:
            chosen += [
                Combination(suite, group, scheme)
                for suite, scheme in product(capabilities.suites, capabilities.schemes)
            ]
    return tuple(chosen)


@cache
def pairwise(capabilities: Capabilities) -> tuple[Combination, ...]:
    """Return combinations in which every suite meets every group, every scheme every group, and so on.

    Greedy: take the combination that covers the most pairs not covered yet, until all are.
    """
    everything = [
        Combination(suite, group, scheme)
        for suite, group, scheme in product(capabilities.suites, capabilities.groups, capabilities.schemes)
    ]
    missing = {pair for combination in everything for pair in pairs_of(combination)}
    chosen: list[Combination] = []
    while missing:
        best = max(everything, key=lambda combination: len(missing & pairs_of(combination)))
        chosen.append(best)
        missing -= pairs_of(best)
    return tuple(chosen)


def pairs_of(combination: Combination) -> set[tuple[str, str]]:
    """Return the pairs that a combination covers."""
    suite, group, scheme = combination.suite, combination.group, combination.scheme
    return {(suite, group), (group, scheme), (suite, scheme)}


def with_scheme(combinations: Sequence[Combination], scheme: str) -> list[Combination]:
    """Return the combinations with a signature scheme."""
    return [combination for combination in combinations if combination.scheme == scheme]
