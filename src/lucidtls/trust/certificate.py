"""One certificate, read once: its DER slices, its key, its names; its extensions are in `facts.py`.

pyca parses; what it refuses is `Unreadable` here. Everything is worked out when first asked for, because a
trust store has hundreds of certificates and a verification looks at two or three.
"""

from __future__ import annotations

import warnings
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.utils import CryptographyDeprecationWarning

from lucidtls.crypto.keys import PublicKey, RSAPSSPublicKey, read_public_key
from lucidtls.errors import CertificateRejected
from lucidtls.trust import der
from lucidtls.trust.distinguished import EMPTY_NAME, CanonicalName, canonical_name
from lucidtls.trust.facts import PARSE_ERRORS, Facts, GeneralNames, read_facts
from lucidtls.trust.reasons import Problem, Reason

__all__ = ["GeneralNames", "ParsedCertificate", "Unreadable", "leaf_public_key", "parse_certificate"]

# Real certificates with hundreds of names stay under 16 KiB, SLH-DSA ones near 50 KiB.
MAX_CERTIFICATE_SIZE = 128 * 1024
# Parsed certificates are kept; large ones are not, so that what a peer can make us keep stays small.
MAX_REMEMBERED_SIZE = 4 * 1024
REMEMBERED_CERTIFICATES = 256
# A signature check takes time with the square of the size: 0.3 ms at 8192 bits, and keys may be hostile.
MAX_RSA_BITS = 8192
# Real keys have 65537 or 3; a check takes time with the size of the exponent.
MAX_RSA_EXPONENT_BITS = 64
_KEY_REASONS = {"malformed": Reason.MALFORMED, "unsupported_key": Reason.UNSUPPORTED_KEY}


# Some trusted roots, and peers' certificates, have such a serial number; nobody who connects can mend it.
warnings.filterwarnings(
    "ignore", message="Parsed a serial number which wasn't positive", category=CryptographyDeprecationWarning
)


class Unreadable(Exception):
    """A certificate, or a part of one, cannot be read; `reason` is the kind of fault it is."""

    def __init__(self, message: str, reason: Reason = Reason.MALFORMED) -> None:
        super().__init__(message)
        self.reason = reason

    def again(self) -> Unreadable:
        """The same fault, without the traceback of the first time."""
        return Unreadable(str(self), self.reason)

    def problem(self, **fields: object) -> Problem:
        """Make this a reason for refusal."""
        return Problem(self.reason, str(self), fields)


class ParsedCertificate:
    """One certificate. Compared and hashed by its DER bytes.

    Properties that read more of the certificate raise `Unreadable`.
    """

    __slots__ = (
        "_canonical_issuer",
        "_canonical_subject",
        "_facts",
        "_public_key",
        "_self_issued",
        "der",
        "issuer",
        "not_after",
        "not_before",
        "signature",
        "signature_algorithm",
        "spki",
        "subject",
        "tbs",
        "version",
        "x509",
    )

    def __init__(self, data: bytes, certificate: x509.Certificate | None = None) -> None:
        try:
            self._read(data, certificate)
        except PARSE_ERRORS as error:
            raise Unreadable(f"the certificate cannot be parsed: {first_line(error)}") from error

    def _read(self, data: bytes, certificate: x509.Certificate | None) -> None:
        self.der = data
        self.x509 = certificate or x509.load_der_x509_certificate(data)
        self.not_before: datetime = self.x509.not_valid_before_utc
        self.not_after: datetime = self.x509.not_valid_after_utc
        self.signature: bytes = self.x509.signature
        self._slice(data)
        self._facts: Facts | Unreadable | None = None
        self._public_key: PublicKey | Unreadable | None = None
        self._self_issued: bool | None = None
        self._canonical_subject: CanonicalName | None = None
        self._canonical_issuer: CanonicalName | None = None

    def _slice(self, data: bytes) -> None:
        """Cut out the fields of TBSCertificate that are compared as bytes (RFC 5280 §4.1)."""
        _, start, _ = der.element(data, 0, len(data))
        _, tbs_start, tbs_end = der.element(data, start, len(data))
        self.tbs = data[start:tbs_end]
        fields = [data[at:after] for _, at, _, after in der.elements(data, tbs_start, tbs_end)]
        self.version = 1
        if fields[0][0] == 0xA0:
            self.version = fields[0][-1] + 1
            del fields[0]
        _serial, algorithm, self.issuer, _validity, self.subject, self.spki, *rest = fields
        _, _, algorithm_end = der.element(data, tbs_end, len(data))
        self.signature_algorithm = data[tbs_end:algorithm_end]
        if self.signature_algorithm != algorithm:
            raise ValueError("signatureAlgorithm differs from the signature field (RFC 5280 §4.1.1.2)")
        if self.version != 3 and any(part[0] == 0xA3 for part in rest):
            raise ValueError("extensions need version 3 (RFC 5280 §4.1.2.9)")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParsedCertificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<ParsedCertificate {self.subject_text}>"

    @property
    def facts(self) -> Facts:
        """What the extensions say."""
        if self._facts is None:
            try:
                self._facts = read_facts(self.x509, self.tbs)
            except PARSE_ERRORS as error:
                # Kept, because a hostile chain has its certificates looked at over and over.
                self._facts = Unreadable(f"an extension cannot be parsed: {first_line(error)}")
        if isinstance(self._facts, Unreadable):
            raise self._facts.again()
        return self._facts

    @property
    def public_key(self) -> PublicKey:
        """The subject's key."""
        if self._public_key is None:
            try:
                self._public_key = _bounded(read_public_key(self.spki))
            except CertificateRejected as error:
                self._public_key = Unreadable(error.message, _KEY_REASONS[error.reason])
            except PARSE_ERRORS as error:
                self._public_key = Unreadable(f"the public key cannot be parsed: {first_line(error)}")
            except Unreadable as error:
                self._public_key = error.again()
        if isinstance(self._public_key, Unreadable):
            raise self._public_key.again()
        return self._public_key

    @property
    def self_issued(self) -> bool:
        """Whether subject and issuer are the same name (RFC 5280 §6.1)."""
        if self._self_issued is None:
            self._self_issued = self.names_as_issuer(self)
        return self._self_issued

    @property
    def canonical_subject(self) -> CanonicalName:
        """The subject in comparable form."""
        if self._canonical_subject is None:
            self._canonical_subject = canonical_name(self.subject)
        return self._canonical_subject

    @property
    def canonical_issuer(self) -> CanonicalName:
        """The issuer in comparable form."""
        if self._canonical_issuer is None:
            self._canonical_issuer = canonical_name(self.issuer)
        return self._canonical_issuer

    def names_as_issuer(self, other: ParsedCertificate) -> bool:
        """Tell whether `other` has the issuer's name; identical bytes, the usual case, need no decoding."""
        return self.issuer == other.subject or self.canonical_issuer == other.canonical_subject

    @property
    def subject_text(self) -> str:
        """The subject for people, shortened; never raises."""
        return name_text(self.subject)

    @property
    def issuer_text(self) -> str:
        """The issuer for people, shortened; never raises."""
        return name_text(self.issuer)


def parse_certificate(data: bytes) -> ParsedCertificate:
    """Parse DER, or return what an earlier call made of the same bytes; raises `Unreadable`."""
    if len(data) > MAX_CERTIFICATE_SIZE:
        raise Unreadable(f"the certificate has {len(data)} bytes, more than {MAX_CERTIFICATE_SIZE}")
    return _parse_remembered(data) if len(data) <= MAX_REMEMBERED_SIZE else ParsedCertificate(data)


_parse_remembered = lru_cache(maxsize=REMEMBERED_CERTIFICATES)(ParsedCertificate)


def leaf_public_key(data: bytes) -> PublicKey:
    """Return the key in a DER certificate; raises CertificateRejected (`malformed`, `unsupported_key`)."""
    try:
        return parse_certificate(bytes(data)).public_key
    except Unreadable as error:
        raise error.problem(index=0).rejection() from error


def first_line(error: BaseException) -> str:
    """Shorten a parser's message to one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def name_text(name: bytes, limit: int = 160) -> str:
    """Write a DER Name as RFC 4514 does, cut at `limit` characters; never raises."""
    if name == EMPTY_NAME:
        return ""
    try:
        text = x509.Name.from_bytes(name).rfc4514_string()
    except PARSE_ERRORS:
        text = ""
    text = text or name.hex()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _bounded(key: PublicKey) -> PublicKey:
    if isinstance(key, (rsa.RSAPublicKey, RSAPSSPublicKey)):
        if key.key_size > MAX_RSA_BITS:
            message = f"an RSA key of {key.key_size} bits is larger than the {MAX_RSA_BITS} accepted"
            raise Unreadable(message, Reason.UNSUPPORTED_KEY)
        exponent = (key.key if isinstance(key, RSAPSSPublicKey) else key).public_numbers().e
        if not 3 <= exponent < 2**MAX_RSA_EXPONENT_BITS:
            message = "an RSA key has an exponent that no honest key has"
            raise Unreadable(message, Reason.UNSUPPORTED_KEY)
    return key
