"""Certificate policies along a path, processed completely (RFC 5280 §6.1 with the graph of RFC 9618).

RFC 5280's valid_policy_tree can grow exponentially with hostile mappings; RFC 9618 §5 merges its equal
nodes into a graph in which every depth has each policy at most once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lucidtls.trust.algorithms import CertificatePolicy
from lucidtls.trust.certificate import ParsedCertificate
from lucidtls.trust.facts import ANY_POLICY
from lucidtls.trust.reasons import Problem, Reason


@dataclass(slots=True, eq=False)
class Node:
    """One valid policy at one depth."""

    policy: str
    parents: list[Node]
    expected: set[str] = field(default_factory=set)


Level = dict[str, Node]


def policy_problem(path: Sequence[ParsedCertificate], policy: CertificatePolicy) -> Problem | None:
    """Say why a path (leaf last, without its anchor) has no acceptable policy; None is fine."""
    needed = policy.require_explicit_policy or any(
        certificate.facts.require_explicit_policy is not None for certificate in path
    )
    # Without the one or the other, explicit_policy starts at n+1 and ends at 1: no outcome can be a refusal.
    if not needed:
        return None
    outcome = _Processing(len(path), policy).run(path)
    if outcome is None:
        return None
    fields: dict[str, object] = {"acceptable": sorted(policy.acceptable_policies or [])}
    return Problem(Reason.POLICY, outcome, fields)


class _Processing:
    """The state variables of RFC 5280 §6.1.2 that concern policies."""

    def __init__(self, length: int, policy: CertificatePolicy) -> None:
        self.acceptable = policy.acceptable_policies
        self.explicit_policy = 0 if policy.require_explicit_policy else length + 1
        self.inhibit_any_policy = 0 if policy.inhibit_any_policy else length + 1
        self.policy_mapping = 0 if policy.inhibit_policy_mapping else length + 1
        # The graph, by depth; None is the NULL graph.
        self.levels: list[Level] | None = [{ANY_POLICY: Node(ANY_POLICY, [], {ANY_POLICY})}]

    def run(self, path: Sequence[ParsedCertificate]) -> str | None:
        """Process all certificates; returns the sentence that refuses the path, or None."""
        for place, certificate in enumerate(path, 1):
            final = place == len(path)
            self._process(certificate, final)
            if self.explicit_policy == 0 and self.levels is None:
                return "an explicit certificate policy is required and the path has none in common"
            if not final:
                self._prepare(certificate)
        return self._wrap_up(path[-1])

    def _process(self, certificate: ParsedCertificate, final: bool) -> None:
        """RFC 5280 §6.1.3 (d) and (e), as in RFC 9618 §5.4."""
        policies = certificate.facts.policies
        if policies is None or self.levels is None:
            self.levels = None
            return
        above = self.levels[-1]
        expecting: dict[str, list[Node]] = {}
        for node in above.values():
            for policy in node.expected:
                expecting.setdefault(policy, []).append(node)
        level: Level = {}
        any_above = above.get(ANY_POLICY)
        for policy in policies - {ANY_POLICY}:
            parents = expecting.get(policy) or ([any_above] if any_above else [])
            if parents:
                level[policy] = Node(policy, parents, {policy})
        any_counts = self.inhibit_any_policy > 0 or (not final and certificate.self_issued)
        if ANY_POLICY in policies and any_counts:
            for policy, parents in expecting.items():
                level.setdefault(policy, Node(policy, parents, {policy}))
        self.levels.append(level)
        self._prune()

    def _prune(self) -> None:
        """Delete the nodes that have no child at the depth below; an empty last level is the NULL graph."""
        levels = self.levels
        if levels is None or not levels[-1]:
            self.levels = None
            return
        for depth in range(len(levels) - 1, 0, -1):
            used = {id(parent) for node in levels[depth].values() for parent in node.parents}
            above = levels[depth - 1]
            levels[depth - 1] = {policy: node for policy, node in above.items() if id(node) in used}

    def _prepare(self, certificate: ParsedCertificate) -> None:
        """RFC 5280 §6.1.4 (b), (h), (i) and (j), as in RFC 9618 §5.5."""
        facts = certificate.facts
        if facts.policy_mappings and self.levels is not None:
            self._map(self.levels, facts.policy_mappings)
        if not certificate.self_issued:
            self.explicit_policy = max(self.explicit_policy - 1, 0)
            self.policy_mapping = max(self.policy_mapping - 1, 0)
            self.inhibit_any_policy = max(self.inhibit_any_policy - 1, 0)
        if facts.require_explicit_policy is not None:
            self.explicit_policy = min(self.explicit_policy, facts.require_explicit_policy)
        if facts.inhibit_policy_mapping is not None:
            self.policy_mapping = min(self.policy_mapping, facts.inhibit_policy_mapping)
        if facts.inhibit_any_policy is not None:
            self.inhibit_any_policy = min(self.inhibit_any_policy, facts.inhibit_any_policy)

    def _map(self, levels: list[Level], mappings: Sequence[tuple[str, str]]) -> None:
        by_issuer: dict[str, set[str]] = {}
        for issuer_policy, subject_policy in mappings:
            by_issuer.setdefault(issuer_policy, set()).add(subject_policy)
        level = levels[-1]
        for policy, mapped in by_issuer.items():
            if self.policy_mapping == 0:
                level.pop(policy, None)
            elif policy in level:
                level[policy].expected = mapped
            elif ANY_POLICY in level:
                # "a child node of the node of depth i-1 that has a valid_policy of anyPolicy"
                level[policy] = Node(policy, level[ANY_POLICY].parents, mapped)
        self._prune()

    def _wrap_up(self, leaf: ParsedCertificate) -> str | None:
        """RFC 5280 §6.1.5 (a), (b) and (g), as in RFC 9618 §5.6."""
        explicit_policy = max(self.explicit_policy - 1, 0)
        if leaf.facts.require_explicit_policy == 0:
            explicit_policy = 0
        if explicit_policy > 0 or self._user_constrained_policies():
            return None
        return "the path is valid under none of the acceptable certificate policies"

    def _user_constrained_policies(self) -> frozenset[str]:
        if self.levels is None:
            return frozenset()
        if ANY_POLICY in self.levels[-1]:
            return frozenset({ANY_POLICY}) if self.acceptable is None else self.acceptable
        own = frozenset(
            node.policy
            for level in self.levels
            for node in level.values()
            if any(parent.policy == ANY_POLICY for parent in node.parents) and node.policy != ANY_POLICY
        )
        return own if self.acceptable is None else own & self.acceptable
