"""Public and private keys for signatures: which kinds there are, and reading a public key from its SPKI.

Keys are pyca's own objects with one exception. pyca reads an RSA key marked id-RSASSA-PSS as a plain RSA key
and forgets the mark, while TLS keeps the two apart (`rsa_pss_rsae_*` and `rsa_pss_pss_*`,
RFC 9846 §4.3.3). `RSAPSSPublicKey` carries the mark and the parameters the key is bound to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from lucidtls import alerts
from lucidtls.crypto import der
from lucidtls.crypto.der import DERReader, MalformedDER
from lucidtls.errors import CertificateRejected


@dataclass(frozen=True, slots=True)
class RSAPSSPublicKey:
    """An RSA key whose SPKI says id-RSASSA-PSS.

    `hash_name` is the one hash the key's parameters allow (RFC 4055 §3.1), None without parameters;
    `minimum_salt` is the shortest salt they allow in bytes.
    """

    key: rsa.RSAPublicKey
    hash_name: str | None = None
    minimum_salt: int = 0

    @property
    def key_size(self) -> int:
        """The length of the modulus in bits."""
        return self.key.key_size


PublicKey = (
    rsa.RSAPublicKey
    | RSAPSSPublicKey
    | ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)
PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)

_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (rsa.RSAPublicKey, "rsa"),
    (RSAPSSPublicKey, "rsa_pss"),
    (ec.EllipticCurvePublicKey, "ec"),
    (ed25519.Ed25519PublicKey, "ed25519"),
    (ed448.Ed448PublicKey, "ed448"),
    (mldsa.MLDSA44PublicKey, "ml-dsa-44"),
    (mldsa.MLDSA65PublicKey, "ml-dsa-65"),
    (mldsa.MLDSA87PublicKey, "ml-dsa-87"),
    (rsa.RSAPrivateKey, "rsa"),
    (ec.EllipticCurvePrivateKey, "ec"),
    (ed25519.Ed25519PrivateKey, "ed25519"),
    (ed448.Ed448PrivateKey, "ed448"),
    (mldsa.MLDSA44PrivateKey, "ml-dsa-44"),
    (mldsa.MLDSA65PrivateKey, "ml-dsa-65"),
    (mldsa.MLDSA87PrivateKey, "ml-dsa-87"),
)


# Filled as key classes are met. pyca's are abstract, and isinstance on those takes longer than a dict.
_KIND_OF_TYPE: Final[dict[type, str]] = {}


def key_kind_of(key: object) -> str:
    """Name a key's kind as `SignatureScheme.key_kind` does; "other" for what no scheme uses (DSA, X25519)."""
    key_type = type(key)
    kind = _KIND_OF_TYPE.get(key_type)
    if kind is None:
        kind = next((kind for known, kind in _KINDS if issubclass(key_type, known)), "other")
        _KIND_OF_TYPE[key_type] = kind
    return kind


def describe_key(key: object) -> str:
    """Name a key for people: "rsa 2048 bits", "ec secp256r1", "ed25519"."""
    kind = key_kind_of(key)
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey | RSAPSSPublicKey):
        return f"{kind} {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        return f"{kind} {key.curve.name}"
    return kind


RSASSA_PSS_OID: Final = bytes.fromhex("2a864886f70d01010a")
"""The contents of id-RSASSA-PSS, 1.2.840.113549.1.1.10 (RFC 4055 §3.1)."""

_MGF1_OID: Final = bytes.fromhex("2a864886f70d010108")
_HASH_OIDS: Final = {
    bytes.fromhex("2b0e03021a"): "sha1",
    bytes.fromhex("608648016503040204"): "sha224",
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}


def read_public_key(spki: bytes) -> PublicKey:
    """Read a DER SubjectPublicKeyInfo (RFC 5280 §4.1).

    Raises CertificateRejected: reason `malformed` (bad_certificate) or `unsupported_key`
    (unsupported_certificate).
    """
    try:
        parameters = _pss_parameters(spki)
        key = load_der_public_key(spki)
    except UnsupportedAlgorithm as error:
        raise _unsupported(str(error)) from error
    except (ValueError, MalformedDER) as error:
        raise CertificateRejected(
            "a public key cannot be read",
            reason="malformed",
            alert=alerts.BAD_CERTIFICATE,
            clause="RFC 5280 §4.1.2.7",
        ) from error
    if parameters is not None and isinstance(key, rsa.RSAPublicKey):
        return RSAPSSPublicKey(key, *parameters)
    if key_kind_of(key) == "other":
        raise _unsupported(type(key).__name__)
    return key  # type: ignore[return-value]  # key_kind_of has just told that it is one of PublicKey


def _unsupported(what: str) -> CertificateRejected:
    return CertificateRejected(
        "a public key is of a kind that cannot sign in TLS",
        reason="unsupported_key",
        alert=alerts.UNSUPPORTED_CERTIFICATE,
        clause="RFC 9846 §4.3.3",
        key=what,
    )


def certificate_spki(certificate: bytes) -> bytes:
    """Cut the SubjectPublicKeyInfo out of a DER certificate without reading the rest (RFC 5280 §4.1).

    Raises CertificateRejected (`malformed`).
    """
    try:
        tbs = DERReader(certificate).enter(der.SEQUENCE).enter(der.SEQUENCE)
        tbs.optional(der.context(0))
        tbs.take(der.INTEGER)
        for _ in ("signature", "issuer", "validity", "subject"):
            tbs.take(der.SEQUENCE)
        return tbs.element(der.SEQUENCE)
    except MalformedDER as error:
        raise CertificateRejected(
            "a certificate cannot be read",
            reason="malformed",
            alert=alerts.BAD_CERTIFICATE,
            clause="RFC 5280 §4.1",
        ) from error


def _pss_parameters(spki: bytes) -> tuple[str | None, int] | None:
    """Return (hash name or None, minimum salt) for an id-RSASSA-PSS key, None for any other."""
    algorithm = DERReader(spki).enter(der.SEQUENCE).enter(der.SEQUENCE)
    if algorithm.take(der.OBJECT_IDENTIFIER) != RSASSA_PSS_OID:
        return None
    if not algorithm.remaining:
        return None, 0
    return _read_pss_parameters(algorithm.enter(der.SEQUENCE))


def _read_pss_parameters(parameters: DERReader) -> tuple[str, int]:
    """Read RSASSA-PSS-params (RFC 4055 §3.1); every field has a default, SHA-1 and a salt of 20 bytes."""
    hash_name, mgf_hash, salt = "sha1", "sha1", 20
    if (field := parameters.optional(der.context(0))) is not None:
        hash_name = _hash_of(field.enter(der.SEQUENCE))
    if (field := parameters.optional(der.context(1))) is not None:
        generator = field.enter(der.SEQUENCE)
        if generator.take(der.OBJECT_IDENTIFIER) != _MGF1_OID:
            raise UnsupportedAlgorithm("a mask generation function other than MGF1")
        mgf_hash = _hash_of(generator.enter(der.SEQUENCE))
    if (field := parameters.optional(der.context(2))) is not None:
        salt = int.from_bytes(field.take(der.INTEGER), "big", signed=True)
    if hash_name != mgf_hash:
        # Every RSASSA-PSS scheme of TLS has one hash for both (RFC 9846 §4.3.3).
        raise UnsupportedAlgorithm("RSASSA-PSS with two different hashes")
    if salt < 0:
        raise MalformedDER("a negative salt length")
    return hash_name, salt


def _hash_of(identifier: DERReader) -> str:
    name = _HASH_OIDS.get(identifier.take(der.OBJECT_IDENTIFIER))
    if name is None:
        raise UnsupportedAlgorithm("RSASSA-PSS with an unknown hash")
    return name
