"""Finding a path from the leaf to an anchor, or the most telling reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lucidtls.trust.algorithms import CertificatePolicy, is_signed_by, signature_problem
from lucidtls.trust.certificate import ParsedCertificate, Unreadable
from lucidtls.trust.checks import issuer_problems, leaf_problems
from lucidtls.trust.deadends import mismatch_problem, missing_issuer_problem, self_signed_problem
from lucidtls.trust.limits import Budget, TooComplex
from lucidtls.trust.policy import policy_problem
from lucidtls.trust.reasons import TELLING, Problem, Reason
from lucidtls.trust.stores import TrustStore

Path = list[ParsedCertificate]


@dataclass(frozen=True, slots=True)
class Presented:
    """What the peer sent, read: the leaf, the other certificates that parse, and the first that does not."""

    leaf: ParsedCertificate
    others: tuple[ParsedCertificate, ...]
    places: dict[bytes, int]
    malformed: Problem | None


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be decided about a path."""

    role: str
    key_usage: str | None
    at: datetime


def find_path(presented: Presented, question: Question, trust: TrustStore, policy: CertificatePolicy) -> Path:
    """Return a valid path, leaf first and anchor last; raises CertificateRejected.

    The first search leaves a path at its first problem. Only when it finds nothing, a second one follows
    the paths that have problems too, to say what stands in the way.
    """
    search = _Search(presented, question, trust, policy)
    try:
        path = search.strict()
        if path is not None:
            return path
        problem = search.most_telling()
    except TooComplex as error:
        problem = Problem(Reason.TOO_COMPLEX, str(error))
    raise problem.rejection()


class _Search:
    """One verification's search. Signature verdicts are kept for its duration only."""

    __slots__ = (
        "budget",
        "complete",
        "dead_end",
        "policy",
        "presented",
        "question",
        "subjects",
        "trust",
        "verdicts",
    )

    def __init__(
        self, presented: Presented, question: Question, trust: TrustStore, policy: CertificatePolicy
    ) -> None:
        self.presented = presented
        self.question = question
        self.trust = trust
        self.policy = policy
        self.budget = Budget()
        self.verdicts: dict[tuple[bytes, bytes], bool] = {}
        # Subjects as text: long ones take long to write, and a certificate may have a problem on many paths.
        self.subjects: dict[ParsedCertificate, str] = {}
        # What the second search finds: the problems of each path that reaches an anchor, and the longest path
        # that reaches none, with a certificate that has the issuer's name and another key, if there is one.
        self.complete: list[list[Problem]] = []
        self.dead_end: tuple[Path, ParsedCertificate | None] | None = None

    # The strict search

    def strict(self) -> Path | None:
        """Find a path without problems."""
        if self._leaf_problems():
            return None
        return self._extend([self.presented.leaf])

    def _extend(self, path: Path) -> Path | None:
        top = path[-1]
        if top in self.trust and self._policy_problem(path) is None:
            return path
        if signature_problem(top, self.policy) is not None or len(path) >= self.policy.maximum_path_length:
            return None
        for issuer in self._candidates(path):
            if not any(self._issuer_problems(issuer, path)) and self._signed(top, issuer):
                found = self._extend([*path, issuer])
                if found is not None:
                    return found
        return None

    # The search for the reason

    def most_telling(self) -> Problem:
        """Follow all paths, problems or not, and return the problem that says most.

        That is one of the path to an anchor that has the fewest; without such a path, where the longest ends.
        """
        leaf = self._leaf_problems()
        if leaf and leaf[0].reason in (Reason.MALFORMED, Reason.WRONG_VERSION):
            return leaf[0]
        self.budget = Budget()
        try:
            self._explore([self.presented.leaf], leaf)
        except TooComplex as error:
            if not self.complete:
                return Problem(Reason.TOO_COMPLEX, str(error))
        if self.complete:
            problems = min((sorted(found, key=_telling) for found in self.complete), key=_closeness)
            return problems[0]
        return self.presented.malformed or self._dead_end_problem()

    def _explore(self, path: Path, problems: list[Problem]) -> None:
        top = path[-1]
        if top in self.trust:
            last = self._policy_problem(path)
            self.complete.append(problems if last is None else [*problems, last])
            return
        problem = signature_problem(top, self.policy)
        if problem is not None:
            problems = [*problems, self._placed(problem, top)]
        extended, mismatched = False, None
        for issuer in self._candidates(path) if len(path) < self.policy.maximum_path_length else ():
            # An algorithm that is refused may be one that cannot be checked: then the name alone must do.
            if problem is None and not self._signed(top, issuer):
                mismatched = mismatched or issuer
                continue
            self._explore([*path, issuer], [*problems, *self._issuer_problems(issuer, path)])
            extended = True
        if not extended and (self.dead_end is None or len(path) > len(self.dead_end[0])):
            self.dead_end = path, mismatched

    def _dead_end_problem(self) -> Problem:
        path, mismatched = self.dead_end or ([self.presented.leaf], None)
        if len(path) >= self.policy.maximum_path_length:
            message = f"the path has more than {self.policy.maximum_path_length} certificates"
            return Problem(Reason.PATH_TOO_LONG, message, {"limit": self.policy.maximum_path_length})
        top = path[-1]
        if top.self_issued and self._signed(top, top):
            problem = self_signed_problem(path)
        elif mismatched is not None:
            problem = mismatch_problem(path, mismatched)
        else:
            problem = missing_issuer_problem(path, self.presented.others, self.trust)
        return self._placed(problem, top)

    # Shared steps

    def _leaf_problems(self) -> list[Problem]:
        question, leaf = self.question, self.presented.leaf
        found = leaf_problems(
            leaf, leaf in self.trust, question.role, question.key_usage, question.at, self.policy
        )
        return [self._placed(problem, leaf) for problem in found]

    def _issuer_problems(self, issuer: ParsedCertificate, below: Path) -> Iterator[Problem]:
        question = self.question
        found = issuer_problems(
            issuer, below, issuer in self.trust, question.role, question.at, self.policy, self.budget
        )
        return (self._placed(problem, issuer) for problem in found)

    def _policy_problem(self, path: Path) -> Problem | None:
        """Check what needs the whole path: the certificate policies."""
        certificates = path[-2::-1] if len(path) > 1 else path
        try:
            return policy_problem(certificates, self.policy)
        except Unreadable as error:
            return error.problem()

    def _signed(self, certificate: ParsedCertificate, issuer: ParsedCertificate) -> bool:
        edge = (certificate.der, issuer.spki)
        if edge not in self.verdicts:
            self.budget.check_signature()
            try:
                self.verdicts[edge] = is_signed_by(certificate, issuer)
            except Unreadable:
                self.verdicts[edge] = False
        return self.verdicts[edge]

    def _candidates(self, path: Path) -> Iterator[ParsedCertificate]:
        """Yield the certificates that may have issued the last of `path`, each once, best first."""
        top = path[-1]
        seen = {(certificate.subject, certificate.spki) for certificate in path}
        for issuer in self._named(top):
            # The same name with the same key twice is a loop, whatever else differs (RFC 4158 §5.2).
            identity = (issuer.subject, issuer.spki)
            if identity not in seen:
                self.budget.try_candidate()
                yield issuer

    def _named(self, top: ParsedCertificate) -> Iterator[ParsedCertificate]:
        anchors = self.trust.with_subject(top.issuer)
        yield from _by_key_id(top, anchors)
        others = [other for other in self.presented.others if top.names_as_issuer(other)]
        yield from _by_key_id(top, [other for other in others if other not in self.trust])
        yield from [anchor for anchor in self.trust.named(top.canonical_issuer) if anchor not in anchors]

    def _placed(self, problem: Problem, certificate: ParsedCertificate) -> Problem:
        """Add which certificate it is: its place in the peer's list, None for an anchor, and its subject."""
        place = self.presented.places.get(certificate.der)
        subject = self.subjects.get(certificate)
        if subject is None:
            subject = self.subjects[certificate] = certificate.subject_text
        fields = {"index": place, "subject": subject, **problem.fields}
        return replace(problem, fields=fields)


def _telling(problem: Problem) -> int:
    return TELLING[problem.reason]


def _closeness(problems: list[Problem]) -> tuple[int, int]:
    """How far a path is from being valid; `problems` begins with the most telling."""
    return len(problems), _telling(problems[0])


def _by_key_id(
    certificate: ParsedCertificate, issuers: Sequence[ParsedCertificate]
) -> Sequence[ParsedCertificate]:
    """Put issuers first whose key identifier is the one that `certificate` names (RFC 5280 §4.2.1.1)."""
    if len(issuers) < 2:
        return issuers
    try:
        wanted = certificate.facts.authority_key_id
        return sorted(issuers, key=lambda issuer: _key_id_distance(wanted, issuer))
    except Unreadable:
        return issuers


def _key_id_distance(wanted: bytes | None, issuer: ParsedCertificate) -> int:
    try:
        found = issuer.facts.subject_key_id
    except Unreadable:
        return 3
    if wanted is None or found is None:
        return 1
    return 0 if wanted == found else 2
