"""Why a chain is refused: one row per reason, with its alert, its clause and a plain sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from lucidtls import alerts
from lucidtls.alerts import Alert
from lucidtls.errors import CertificateRejected


class Reason(Enum):
    """A reason for refusing a chain: stable word, alert (RFC 9846 §6.2), clause, sentence.

    The rows are in order of how much they tell: when a path fails in several ways, the reason that stands
    first here is reported.
    """

    word: str
    alert: Alert
    clause: str
    sentence: str

    def __init__(self, word: str, alert: Alert, clause: str, sentence: str) -> None:
        self.word = word
        self.alert = alert
        self.clause = clause
        self.sentence = sentence

    EMPTY_CHAIN = (
        "empty_chain", alerts.DECODE_ERROR, "RFC 9846 §4.5.1.3", "the peer sent no certificate at all",
    )  # fmt: skip
    MALFORMED = (
        "malformed", alerts.BAD_CERTIFICATE, "RFC 5280 §4.1", "a certificate is not a valid X.509 structure",
    )  # fmt: skip
    WRONG_VERSION = (
        "wrong_version", alerts.UNSUPPORTED_CERTIFICATE, "RFC 9846 §4.5.1.2",
        "a certificate is not of X.509 version 3",
    )  # fmt: skip
    REVOKED = (
        "revoked", alerts.CERTIFICATE_REVOKED, "RFC 5280 §6.1.3", "a certificate was revoked by its issuer",
    )  # fmt: skip
    BAD_SIGNATURE = (
        "bad_signature", alerts.BAD_CERTIFICATE, "RFC 5280 §6.1.3",
        "a certificate's signature was not made by its issuer's key",
    )  # fmt: skip
    WEAK_SIGNATURE = (
        "weak_signature", alerts.BAD_CERTIFICATE, "RFC 9846 §4.5.1.3",
        "a certificate is signed with an algorithm that is too weak",
    )  # fmt: skip
    WEAK_KEY = (
        "weak_key", alerts.BAD_CERTIFICATE, "RFC 9846 §4.5.1.2", "a certificate's key is too weak",
    )  # fmt: skip
    UNSUPPORTED_SIGNATURE = (
        "unsupported_signature", alerts.UNSUPPORTED_CERTIFICATE, "RFC 9846 §4.5.1.2",
        "a certificate is signed with an algorithm that is not supported here",
    )  # fmt: skip
    UNSUPPORTED_KEY = (
        "unsupported_key", alerts.UNSUPPORTED_CERTIFICATE, "RFC 9846 §4.5.1.2",
        "a certificate has a key of a kind that is not supported here",
    )  # fmt: skip
    EXPIRED = (
        "expired", alerts.CERTIFICATE_EXPIRED, "RFC 5280 §6.1.3", "a certificate has expired",
    )  # fmt: skip
    NOT_YET_VALID = (
        "not_yet_valid", alerts.CERTIFICATE_EXPIRED, "RFC 5280 §6.1.3", "a certificate is not valid yet",
    )  # fmt: skip
    WRONG_USAGE = (
        "wrong_usage", alerts.UNSUPPORTED_CERTIFICATE, "RFC 5280 §4.2.1.12",
        "a certificate is not meant for this use",
    )  # fmt: skip
    NAME_CONSTRAINTS = (
        "name_constraints", alerts.BAD_CERTIFICATE, "RFC 5280 §4.2.1.10",
        "a certificate has a name that its authority may not certify",
    )  # fmt: skip
    NOT_A_CA = (
        "not_a_ca", alerts.BAD_CERTIFICATE, "RFC 5280 §6.1.4",
        "a certificate was issued by one that is not a certificate authority",
    )  # fmt: skip
    PATH_TOO_LONG = (
        "path_too_long", alerts.BAD_CERTIFICATE, "RFC 5280 §4.2.1.9",
        "the path has more certificates than its authority or the policy allows",
    )  # fmt: skip
    UNKNOWN_CRITICAL_EXTENSION = (
        "unknown_critical_extension", alerts.UNSUPPORTED_CERTIFICATE, "RFC 5280 §4.2",
        "a certificate has a critical extension that is not understood here",
    )  # fmt: skip
    POLICY = (
        "policy", alerts.BAD_CERTIFICATE, "RFC 5280 §6.1.5",
        "the path is not valid under any acceptable certificate policy",
    )  # fmt: skip
    WRONG_NAME = (
        "wrong_name", alerts.BAD_CERTIFICATE, "RFC 9525 §6",
        "the certificate is for other names than the one asked for",
    )  # fmt: skip
    NO_NAMES = (
        "no_names", alerts.BAD_CERTIFICATE, "RFC 9525 §6",
        "the certificate has no subject alternative name to compare with",
    )  # fmt: skip
    SELF_SIGNED = (
        "self_signed", alerts.UNKNOWN_CA, "RFC 5280 §6.1",
        "the certificate is signed by its own key and is not in the trust store",
    )  # fmt: skip
    MISSING_INTERMEDIATE = (
        "missing_intermediate", alerts.UNKNOWN_CA, "RFC 9846 §4.5.1",
        "the peer did not send a certificate that is needed to reach a trusted authority",
    )  # fmt: skip
    UNKNOWN_CA = (
        "unknown_ca", alerts.UNKNOWN_CA, "RFC 5280 §6.1",
        "the chain does not lead to an authority that is trusted here",
    )  # fmt: skip
    TOO_COMPLEX = (
        "too_complex", alerts.CERTIFICATE_UNKNOWN, "RFC 9846 §4.5.1.3",
        "the chain needs more work to verify than is allowed",
    )  # fmt: skip


TELLING: dict[Reason, int] = {reason: place for place, reason in enumerate(Reason)}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the reason, one sentence about this case, and the values that show it.

    `clause` overrides the reason's own where a more exact one is known.
    """

    reason: Reason
    message: str
    fields: dict[str, object] = field(default_factory=dict)
    clause: str | None = None

    def rejection(self) -> CertificateRejected:
        """Make the error to raise."""
        reason = self.reason
        clause = self.clause or reason.clause
        return CertificateRejected(
            self.message, reason=reason.word, alert=reason.alert, clause=clause, **self.fields
        )
