"""The alerts of TLS: what one side says when it ends, or must end, a connection (RFC 9846 §6).

Each alert is a row. The code travels on the wire; the name is the one in the RFC and in the IANA
registry; `meaning` is one plain sentence for people who read logs.
"""

from __future__ import annotations

from dataclasses import dataclass

WARNING = 1
FATAL = 2


@dataclass(frozen=True, slots=True)
class Alert:
    """One row of the alert table: an eight-bit code, its IANA name and a plain sentence."""

    code: int
    name: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.name}({self.code})"


CLOSE_NOTIFY = Alert(0, "close_notify", "the sender will send no more data on this connection")
UNEXPECTED_MESSAGE = Alert(10, "unexpected_message", "a message came that has no place at this point")
BAD_RECORD_MAC = Alert(20, "bad_record_mac", "a record could not be authenticated")
RECORD_OVERFLOW = Alert(22, "record_overflow", "a record was longer than TLS allows")
DECRYPTION_FAILED = Alert(21, "decryption_failed", "a record could not be decrypted (TLS 1.0)")
DECOMPRESSION_FAILURE = Alert(30, "decompression_failure", "a record could not be decompressed (TLS 1.2)")
HANDSHAKE_FAILURE = Alert(40, "handshake_failure", "no acceptable set of parameters in common")
NO_CERTIFICATE = Alert(41, "no_certificate", "a certificate was asked for and there is none (SSL 3.0)")
BAD_CERTIFICATE = Alert(42, "bad_certificate", "a certificate was corrupt or its signature is wrong")
UNSUPPORTED_CERTIFICATE = Alert(43, "unsupported_certificate", "the certificate is of an unsupported type")
CERTIFICATE_REVOKED = Alert(44, "certificate_revoked", "the certificate was revoked by its issuer")
CERTIFICATE_EXPIRED = Alert(45, "certificate_expired", "the certificate is outside its validity period")
CERTIFICATE_UNKNOWN = Alert(46, "certificate_unknown", "the certificate is not acceptable")
ILLEGAL_PARAMETER = Alert(47, "illegal_parameter", "a field is out of range or contradicts another")
UNKNOWN_CA = Alert(48, "unknown_ca", "the chain leads to no certificate authority that is trusted here")
ACCESS_DENIED = Alert(49, "access_denied", "the certificate or PSK is valid, but access was denied")
DECODE_ERROR = Alert(50, "decode_error", "a message could not be decoded")
DECRYPT_ERROR = Alert(51, "decrypt_error", "a signature, a Finished or a PSK binder did not verify")
EXPORT_RESTRICTION = Alert(60, "export_restriction", "a key is longer than export rules allowed (TLS 1.0)")
PROTOCOL_VERSION = Alert(70, "protocol_version", "the protocol version offered is not supported")
INSUFFICIENT_SECURITY = Alert(71, "insufficient_security", "the server requires stronger parameters")
INTERNAL_ERROR = Alert(80, "internal_error", "something failed that has nothing to do with the peer")
INAPPROPRIATE_FALLBACK = Alert(86, "inappropriate_fallback", "a retry with a lower version was refused")
USER_CANCELED = Alert(90, "user_canceled", "the sender cancels the handshake for no protocol reason")
NO_RENEGOTIATION = Alert(100, "no_renegotiation", "the sender will not renegotiate (TLS 1.2 and before)")
MISSING_EXTENSION = Alert(109, "missing_extension", "an extension that is mandatory here is missing")
UNSUPPORTED_EXTENSION = Alert(110, "unsupported_extension", "an extension came that was not asked for")
CERTIFICATE_UNOBTAINABLE = Alert(
    111, "certificate_unobtainable", "the client's certificate URL led nowhere (TLS 1.2)"
)
UNRECOGNIZED_NAME = Alert(112, "unrecognized_name", "no server of that name answers here")
BAD_CERTIFICATE_STATUS_RESPONSE = Alert(
    113, "bad_certificate_status_response", "the OCSP response is invalid or unacceptable"
)
BAD_CERTIFICATE_HASH_VALUE = Alert(
    114, "bad_certificate_hash_value", "a certificate is not the one that its hash named (TLS 1.2)"
)
UNKNOWN_PSK_IDENTITY = Alert(115, "unknown_psk_identity", "no acceptable pre-shared key was offered")
CERTIFICATE_REQUIRED = Alert(116, "certificate_required", "a client certificate is required and none came")
GENERAL_ERROR = Alert(117, "general_error", "an error that no other alert describes")
NO_APPLICATION_PROTOCOL = Alert(120, "no_application_protocol", "no application protocol in common")
ECH_REQUIRED = Alert(121, "ech_required", "the server needs Encrypted Client Hello with newer keys")

ALERTS: dict[int, Alert] = {row.code: row for row in list(globals().values()) if isinstance(row, Alert)}


def alert_of(code: int) -> Alert:
    """Return the row for a code that came from the wire; unknown codes get a row that says so."""
    return ALERTS.get(code) or Alert(code, f"unknown_alert_{code}", "an alert this library does not know")
