"""Signatures and keys in certificates: which there are, and which a policy accepts.

A signature algorithm in a certificate is recognised by the exact bytes of its AlgorithmIdentifier, so that
parameters (the hash and salt of RSASSA-PSS above all) can never differ from the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from lucidtls.crypto.keys import PublicKey, RSAPSSPublicKey, key_kind_of
from lucidtls.trust import der
from lucidtls.trust.certificate import MAX_REMEMBERED_SIZE, ParsedCertificate
from lucidtls.trust.reasons import Problem, Reason

_RSA_PSS_OID = "1.2.840.113549.1.1.10"
_MGF1_OID = "1.2.840.113549.1.1.8"


@dataclass(frozen=True, slots=True, eq=False)
class SignatureAlgorithm:
    """One way of signing a certificate.

    `keys` are the key kinds that can have made it, `arguments` what pyca's verify() wants after the data.
    """

    name: str
    keys: tuple[str, ...]
    arguments: tuple[Any, ...]
    hash_name: str
    source: str

    def verify(self, key: PublicKey, signature: bytes, content: bytes) -> bool:
        """Tell whether `key`, which is of one of the kinds in `keys`, made `signature` over `content`."""
        verifier: Any = key
        if isinstance(key, RSAPSSPublicKey):
            # "If the corresponding public key's parameters are present, then the parameters in the signature
            # MUST be identical to those in the public key" (RFC 9846 §4.3.3).
            if key.hash_name is not None and key.hash_name != self.hash_name:
                return False
            if key.minimum_salt > self.arguments[1].digest_size:
                return False
            verifier = key.key
        try:
            verifier.verify(signature, content, *self.arguments)
        except (InvalidSignature, ValueError, UnsupportedAlgorithm):
            return False
        return True


@dataclass(frozen=True, slots=True)
class CertificatePolicy:
    """What certificates must be like. The defaults are what the WebPKI keeps to in 2026.

    `anchors_expire`: whether an anchor's validity period limits its use. The last four are inputs of RFC 5280
    §6.1.1; `acceptable_policies` None stands for any-policy.
    """

    name: str
    signature_algorithms: frozenset[str]
    key_kinds: frozenset[str]
    minimum_rsa_bits: int = 2048
    maximum_path_length: int = 10
    anchors_expire: bool = True
    acceptable_policies: frozenset[str] | None = None
    require_explicit_policy: bool = False
    inhibit_policy_mapping: bool = False
    inhibit_any_policy: bool = False


_MODERN_SIGNATURES = frozenset(
    {
        "sha256WithRSAEncryption",
        "sha384WithRSAEncryption",
        "sha512WithRSAEncryption",
        "rsassaPss-sha256",
        "rsassaPss-sha384",
        "rsassaPss-sha512",
        "ecdsa-with-SHA256",
        "ecdsa-with-SHA384",
        "ecdsa-with-SHA512",
        "ed25519",
        "ed448",
        "ml-dsa-44",
        "ml-dsa-65",
        "ml-dsa-87",
    }
)
_MODERN_KEYS = frozenset(
    {
        "rsa",
        "rsa_pss",
        "secp256r1",
        "secp384r1",
        "secp521r1",
        "ed25519",
        "ed448",
        "ml-dsa-44",
        "ml-dsa-65",
        "ml-dsa-87",
    }
)

DEFAULT_CERTIFICATE_POLICY = CertificatePolicy("certificates-2026", _MODERN_SIGNATURES, _MODERN_KEYS)

LEGACY_CERTIFICATE_POLICY = CertificatePolicy(
    "certificates-legacy-2026",
    _MODERN_SIGNATURES | {"sha1WithRSAEncryption", "ecdsa-with-SHA1"},
    _MODERN_KEYS,
    minimum_rsa_bits=1024,
)
"""Takes SHA-1 signatures and 1024-bit RSA, which can be forged with means that exist. For old machines on a
network of one's own."""

_HASHES: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "256": ("2.16.840.1.101.3.4.2.1", hashes.SHA256()),
    "384": ("2.16.840.1.101.3.4.2.2", hashes.SHA384()),
    "512": ("2.16.840.1.101.3.4.2.3", hashes.SHA512()),
}
_NULL = b"\x05\x00"


def _pss_parameters(hash_oid: str, salt: int, null: bytes) -> bytes:
    """Encode RSASSA-PSS-params; `null` is NULL or nothing, as RFC 4055 §2.1 allows both for a hash."""
    digest = der.encode(der.SEQUENCE, der.object_identifier(hash_oid), null)
    mask = der.encode(der.SEQUENCE, der.object_identifier(_MGF1_OID), digest)
    length = der.encode(der.INTEGER, bytes((salt,)))
    return der.encode(
        der.SEQUENCE, der.encode(0xA0, digest), der.encode(0xA1, mask), der.encode(0xA2, length)
    )


def _rsa_rows() -> dict[bytes, SignatureAlgorithm]:
    rows = {}
    arcs: list[tuple[str, int, hashes.HashAlgorithm]]
    arcs = [("md5", 4, hashes.MD5()), ("sha1", 5, hashes.SHA1()), ("sha224", 14, hashes.SHA224())]
    arcs += [(f"sha{size}", 11 + at, hash_) for at, (size, (_, hash_)) in enumerate(_HASHES.items())]
    for word, arc, hash_ in arcs:
        name, arguments = f"{word}WithRSAEncryption", (padding.PKCS1v15(), hash_)
        row = SignatureAlgorithm(name, ("rsa",), arguments, word, "RFC 4055 §5")
        for parameters in (_NULL, b""):
            rows[_identifier(f"1.2.840.113549.1.1.{arc}", parameters)] = row
    for size, (oid, hash_) in _HASHES.items():
        salt = hash_.digest_size
        pss = padding.PSS(padding.MGF1(hash_), salt)
        row = SignatureAlgorithm(
            f"rsassaPss-sha{size}", ("rsa", "rsa_pss"), (pss, hash_), f"sha{size}", "RFC 9846 §4.3.3"
        )
        for null in (_NULL, b""):
            rows[_identifier(_RSA_PSS_OID, _pss_parameters(oid, salt, null))] = row
    return rows


def _ecdsa_rows() -> dict[bytes, SignatureAlgorithm]:
    arcs: list[tuple[str, str, hashes.HashAlgorithm]]
    arcs = [("SHA1", "1", hashes.SHA1()), ("SHA224", "3.1", hashes.SHA224())]
    arcs += [(f"SHA{size}", f"3.{2 + at}", hash_) for at, (size, (_, hash_)) in enumerate(_HASHES.items())]
    return {
        _identifier(f"1.2.840.10045.4.{arc}"): SignatureAlgorithm(
            f"ecdsa-with-{word}", ("ec",), (ec.ECDSA(hash_),), word.lower(), "RFC 5758 §3.2"
        )
        for word, arc, hash_ in arcs
    }


def _plain_rows() -> dict[bytes, SignatureAlgorithm]:
    """The algorithms whose key alone says everything."""
    rows = [("ed25519", "1.3.101.112", "RFC 8410 §3"), ("ed448", "1.3.101.113", "RFC 8410 §3")]
    for arc, size in ((17, "44"), (18, "65"), (19, "87")):
        rows.append((f"ml-dsa-{size}", f"2.16.840.1.101.3.4.3.{arc}", "RFC 9881 §2"))
    return {_identifier(oid): SignatureAlgorithm(name, (name,), (), "", source) for name, oid, source in rows}


def _identifier(oid: str, parameters: bytes = b"") -> bytes:
    return der.encode(der.SEQUENCE, der.object_identifier(oid), parameters)


SIGNATURE_ALGORITHMS: dict[bytes, SignatureAlgorithm] = {**_rsa_rows(), **_ecdsa_rows(), **_plain_rows()}


def certificate_key_kind(certificate: ParsedCertificate) -> str:
    """Name the kind of a certificate's key: rsa, rsa_pss, a curve, ed25519, ml-dsa-65, ..."""
    key: Any = certificate.public_key
    kind = key_kind_of(key)
    return key.curve.name if kind == "ec" else kind


def key_problem(certificate: ParsedCertificate, policy: CertificatePolicy) -> Problem | None:
    """Say what is wrong with a certificate's key under `policy`; None is nothing."""
    kind = certificate_key_kind(certificate)
    if kind not in policy.key_kinds:
        return Problem(Reason.UNSUPPORTED_KEY, f"keys of the kind {kind} are not accepted", {"key": kind})
    if not kind.startswith("rsa"):
        return None
    key: Any = certificate.public_key
    bits: int = key.key_size
    if bits < policy.minimum_rsa_bits:
        message = f"an RSA key of {bits} bits is too weak; at least {policy.minimum_rsa_bits} are needed"
        return Problem(Reason.WEAK_KEY, message, {"bits": bits, "minimum": policy.minimum_rsa_bits})
    return None


def signature_problem(certificate: ParsedCertificate, policy: CertificatePolicy) -> Problem | None:
    """Say why the algorithm that signed a certificate is not accepted under `policy`; None is nothing."""
    row = SIGNATURE_ALGORITHMS.get(certificate.signature_algorithm)
    if row is None:
        oid = certificate.x509.signature_algorithm_oid.dotted_string
        message = f"the signature algorithm {oid}, or its parameters, is not supported"
        return Problem(Reason.UNSUPPORTED_SIGNATURE, message, {"algorithm": oid})
    if row.name not in policy.signature_algorithms:
        message = f"a signature with {row.name} is too weak"
        return Problem(Reason.WEAK_SIGNATURE, message, {"algorithm": row.name})
    return None


REMEMBERED_SIGNATURES = 256
"""Pairs of certificates, each no larger than MAX_REMEMBERED_SIZE."""


def is_signed_by(certificate: ParsedCertificate, issuer: ParsedCertificate) -> bool:
    """Check the signature on `certificate` with the key of `issuer`.

    The answer follows from the bytes of the two alone, whatever the time, the policy or the purpose; so it is
    remembered, and a client that meets the same server again is spared the arithmetic.
    """
    if max(len(certificate.der), len(issuer.der)) > MAX_REMEMBERED_SIZE:
        return _check_signature(certificate, issuer)
    return _signed_remembered(certificate, issuer)


def _check_signature(certificate: ParsedCertificate, issuer: ParsedCertificate) -> bool:
    row = SIGNATURE_ALGORITHMS.get(certificate.signature_algorithm)
    key = issuer.public_key
    if row is None or key_kind_of(key) not in row.keys:
        return False
    return row.verify(key, certificate.signature, certificate.tbs)


_signed_remembered = lru_cache(maxsize=REMEMBERED_SIGNATURES)(_check_signature)
