"""A diagnosis: what went wrong, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from lucidtls.alerts import Alert
from lucidtls.tools.document import Heading, Line, Mark, Paragraph, Row

Severity = Literal["error", "warning", "info"]
Confidence = Literal["certain", "likely", "possible"]
Who = Literal["client", "server", "network", "here"]

_MARK_OF: dict[Severity, Mark] = {"error": "error", "warning": "warn", "info": "info"}


@dataclass(frozen=True, slots=True)
class Fix:
    """What somebody can do about it, and a command that does it."""

    who: Who
    text: str
    command: str | None = None

    def as_json(self) -> dict[str, str]:
        """The form of the JSON output."""
        return {"who": self.who, "text": self.text} | ({"command": self.command} if self.command else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One cause: a stable code and slug, one sentence, evidence, fixes.

    `code` is None where the cause is not known for certain and has no code of its own. `exit_code` is what a
    command returns when this is the worst it found.
    """

    code: str | None
    slug: str
    title: str
    exit_code: int
    severity: Severity = "error"
    confidence: Confidence = "certain"
    detail: str = ""
    evidence: tuple[dict[str, Any], ...] = ()
    ruled_out: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    alert_sent: Alert | None = None
    alert_received: Alert | None = None
    see: tuple[str, ...] = ()
    same_as: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The Diagnosis object of the JSON output."""
        sent, received = self.alert_sent, self.alert_received
        return {
            "code": self.code,
            "slug": self.slug,
            "severity": self.severity,
            "confidence": self.confidence,
            "title": self.title,
            "detail": self.detail,
            "evidence": list(self.evidence),
            "ruled_out": list(self.ruled_out),
            "fixes": [fix.as_json() for fix in self.fixes],
            "alert": {"sent": sent.code if sent else None, "received": received.code if received else None},
            "same_as": self.same_as,
            "see": list(self.see),
        }

    def lines(self, width: int) -> Iterable[Line]:
        """The diagnosis as a block of text."""
        yield from Heading(_MARK_OF[self.severity], self.title, self._aside()).lines(width)
        if self.detail:
            yield from Paragraph(self.detail).lines(width)
        for label, alert in (("Sent", self.alert_sent), ("Received", self.alert_received)):
            if alert is not None:
                yield from Row(label, [f"alert {alert}: {alert.meaning}"]).lines(width)
        for place, fix in enumerate(self.fixes):
            shown = [f"{fix.who}: {fix.text}", *([f"  {fix.command}"] if fix.command else [])]
            yield from Row("Fix" if place == 0 else "", shown).lines(width)
        if self.see:
            yield from Row("See", [", ".join(self.see)]).lines(width)

    def _aside(self) -> str:
        return f"{self.code} · {self.confidence}" if self.code else self.confidence


class CommandFailed(Exception):
    """A command cannot go on, for a reason that a diagnosis tells."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.title)
        self.diagnosis = diagnosis
