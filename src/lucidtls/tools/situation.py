"""What was going on when something failed, and the two forms that most failures are told in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lucidtls.alerts import Alert
from lucidtls.errors import PeerError
from lucidtls.policies import DEFAULT_2026
from lucidtls.tools import exits
from lucidtls.tools.findings import Confidence, Diagnosis, Fix
from lucidtls.tools.refusals import evidence, sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What was going on when the error came; `role` is ours.

    `versions` are those we take, highest first; `legacy` says that weak things are allowed. `key_exchange` is
    what the hellos settled before TLS 1.3, if they got that far. `psk_offered` is whether we offered a key
    that was given beforehand.
    """

    role: Literal["client", "server"] = "client"
    host: str = "the peer"
    port: int = 0
    address: str = ""
    connected: bool = False
    handshake_done: bool = False
    bytes_received: int = 0
    hello_length: int = 0
    server_name: str | None = None
    alpn: Sequence[str] = ()
    certificate_requested: bool = False
    certificate_sent: bool = False
    psk_offered: bool = False
    first_line: str = ""
    versions: Sequence[str] = DEFAULT_2026.versions
    legacy: bool = False
    key_exchange: str | None = None
    now: datetime | None = None

    @property
    def peer(self) -> Literal["client", "server"]:
        """What the peer is to us."""
        return "server" if self.role == "client" else "client"

    @property
    def phase_exit(self) -> int:
        """The exit code of a failure of TLS: of the handshake, or of the data after it."""
        return exits.DATA if self.handshake_done else exits.HANDSHAKE


def peer_error(
    error: PeerError, at: Situation, code: str | None, slug: str, title: str, detail: str = ""
) -> Diagnosis:
    """Tell of an error of the peer's, with its alert, clause and values."""
    return Diagnosis(
        code=code,
        slug=slug,
        title=title,
        detail=detail or sentence(error.message),
        exit_code=at.phase_exit,
        evidence=evidence(error.fields),
        alert_sent=error.alert,
        see=(error.clause,),
    )


def told(
    alert: Alert, at: Situation, code: str | None, slug: str, title: str, confidence: Confidence = "certain"
) -> Diagnosis:
    """Tell of an alert that was received."""
    about_us = code in ("LT-A01", "LT-A02")
    fixes = (
        Fix("client", "show a certificate", "lucidtls connect … --cert client.pem --key client-key.pem"),
    )
    return Diagnosis(
        code=code,
        slug=slug,
        title=title,
        confidence=confidence,
        exit_code=exits.CLIENT_AUTHENTICATION if about_us else at.phase_exit,
        fixes=fixes if code == "LT-A01" else (),
        alert_received=alert,
        see=("RFC 9846 §6.2",),
    )
