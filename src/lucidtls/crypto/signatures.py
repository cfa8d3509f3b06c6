"""Signature schemes as rows (RFC 9846 §4.3.3): what they sign with, and where TLS allows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes as pyca_hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric import utils as asym_utils

from lucidtls.crypto.hashes import MD5_SHA1, SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from lucidtls.crypto.keys import (
    PrivateKey,
    PublicKey,
    RSAPSSPublicKey,
    certificate_spki,
    describe_key,
    key_kind_of,
    read_public_key,
)
from lucidtls.errors import BadSignature, ConfigurationError, IllegalParameter

__all__ = [
    "RSA_MD5_SHA1",
    "SIGNATURE_SCHEMES",
    "SIGNATURE_SCHEMES_10",
    "PrivateKey",
    "PublicKey",
    "RSAPSSPublicKey",
    "SignatureScheme",
    "certificate_spki",
    "describe_key",
    "key_kind_of",
    "read_public_key",
    "scheme_named",
    "scheme_row",
    "schemes12_for_key",
    "schemes_for_key",
]

_CLAUSE: Final = "RFC 9846 §4.5.2"
_CLAUSE_12: Final = "RFC 5246 §7.4.3"


@dataclass(frozen=True, slots=True, eq=False)
class SignatureScheme:
    """One signature scheme.

    `key_kind` says which keys it takes, `curve` binds ECDSA to one curve. `tls13` allows it in
    CertificateVerify, `certificates` in certificates by default. RSA needs `minimum_rsa_bits` of modulus.

    `tls12` says that TLS 1.2 has it too. There `sign12` and `verify12` apply, because the names of ECDSA
    schemes mean less: "In TLS 1.2, the extension contained hash/signature pairs" (RFC 9846 §4.3.3).
    """

    code: int
    name: str
    key_kind: str
    hash: HashAlgorithm | None
    curve: str | None
    tls13: bool
    tls12: bool
    certificates: bool
    source: str
    minimum_rsa_bits: int
    parameters: tuple[Any, ...] = field(repr=False)
    """What pyca's sign and verify want after the content."""

    def available(self) -> bool:
        """Tell whether the cryptography library here can do it; asked once per process."""
        return _probe(self.key_kind)

    def fits(self, key: PublicKey | PrivateKey) -> bool:
        """Tell whether a key can be used with this scheme: its kind, curve, size and restrictions.

        A private RSA key fits the PSS schemes of both kinds; which one its certificate says is not in it.
        """
        if not self.fits12(key):
            return False
        return self.curve is None or getattr(getattr(key, "curve", None), "name", None) == self.curve

    def fits12(self, key: PublicKey | PrivateKey) -> bool:
        """Tell whether a key can be used with this scheme before TLS 1.3, where ECDSA takes any curve."""
        if key_kind_of(key) != self.key_kind and not (
            self.key_kind == "rsa_pss" and isinstance(key, rsa.RSAPrivateKey)
        ):
            return False
        return not self.minimum_rsa_bits or _fits_rsa(self, key)

    def sign(self, private_key: PrivateKey, content: bytes) -> bytes:
        """Sign `content`; ConfigurationError when the key does not fit the scheme."""
        return _sign(self, private_key, content, self.fits(private_key))

    def sign12(self, private_key: PrivateKey, content: bytes) -> bytes:
        """Sign `content` as TLS 1.2 and before do, with ECDSA on any curve."""
        return _sign(self, private_key, content, self.fits12(private_key))

    def verify(self, public_key: PublicKey, signature: bytes, content: bytes) -> None:
        """Check a signature over `content`.

        Raises BadSignature when it is wrong and IllegalParameter when the key does not fit the scheme: "the
        signature algorithm MUST be compatible with the key in the sender's end-entity certificate".
        """
        _verify(self, public_key, signature, content, self.fits(public_key), _CLAUSE)

    def verify12(
        self, public_key: PublicKey, signature: bytes, content: bytes, clause: str = _CLAUSE_12
    ) -> None:
        """Check a signature as TLS 1.2 and before do, with ECDSA on any curve.

        Raises as `verify` does; `clause` is the message's that carried the signature.
        """
        _verify(self, public_key, signature, content, self.fits12(public_key), clause)


def _sign(scheme: SignatureScheme, private_key: PrivateKey, content: bytes, fits: bool) -> bytes:
    if not fits:
        raise ConfigurationError(f"a key ({describe_key(private_key)}) cannot sign with {scheme.name}")
    if scheme.hash is MD5_SHA1:
        content = MD5_SHA1.digest(content)
    signer: Callable[..., bytes] = private_key.sign
    return signer(content, *scheme.parameters)


def _verify(
    scheme: SignatureScheme, public_key: PublicKey, signature: bytes, content: bytes, fits: bool, clause: str
) -> None:
    if not fits:
        raise IllegalParameter(
            "the signature scheme does not fit the key in the certificate",
            scheme=scheme.name,
            key=describe_key(public_key),
            clause=clause,
        )
    if scheme.hash is MD5_SHA1:
        content = MD5_SHA1.digest(content)
    key = public_key.key if isinstance(public_key, RSAPSSPublicKey) else public_key
    verifier: Callable[..., None] = key.verify
    try:
        verifier(signature, content, *scheme.parameters)
    except InvalidSignature as error:
        raise BadSignature("a signature does not verify", scheme=scheme.name, clause=clause) from error


def _fits_rsa(scheme: SignatureScheme, key: Any) -> bool:
    if key.key_size < scheme.minimum_rsa_bits:
        return False
    if isinstance(key, RSAPSSPublicKey) and key.hash_name is not None and scheme.hash is not None:
        return key.hash_name == scheme.hash.name and key.minimum_salt <= scheme.hash.digest_size
    return True


_MLDSA_KEYS: Final[dict[str, Callable[[bytes], object]]] = {
    "ml-dsa-44": mldsa.MLDSA44PrivateKey.from_seed_bytes,
    "ml-dsa-65": mldsa.MLDSA65PrivateKey.from_seed_bytes,
    "ml-dsa-87": mldsa.MLDSA87PrivateKey.from_seed_bytes,
}


@cache
def _probe(key_kind: str) -> bool:
    """Tell whether pyca can make a key of a kind that builds differ in: ML-DSA came with OpenSSL 3.5."""
    try:
        if key_kind in _MLDSA_KEYS:
            _MLDSA_KEYS[key_kind](bytes(32))
    except UnsupportedAlgorithm:
        return False
    return True


_PYCA_HASHES: Final = {
    SHA1: pyca_hashes.SHA1(),
    SHA256: pyca_hashes.SHA256(),
    SHA384: pyca_hashes.SHA384(),
    SHA512: pyca_hashes.SHA512(),
}

# The DigestInfo in front of the digest in RSASSA-PKCS1-v1_5 is 15 bytes for SHA-1 and 19 for SHA-2, and at
# least 11 bytes of padding go around it (RFC 8017 §9.2).
_DIGEST_INFO: Final = {SHA1: 15, SHA256: 19, SHA384: 19, SHA512: 19}


def _pkcs1(code: int, name: str, hash_: HashAlgorithm, certificates: bool, source: str) -> SignatureScheme:
    bits = 8 * (hash_.digest_size + _DIGEST_INFO[hash_] + 11)
    parameters = (padding.PKCS1v15(), _PYCA_HASHES[hash_])
    legacy = name.endswith("_legacy")
    return SignatureScheme(
        code, name, "rsa", hash_, None, False, not legacy, certificates, source, bits, parameters
    )


def _pss(code: int, name: str, key_kind: str, hash_: HashAlgorithm) -> SignatureScheme:
    # The encoded message holds digest, salt and two bytes in one bit less than the modulus (RFC 8017 §9.1.1).
    bits = 8 * 2 * hash_.digest_size + 9 + 1
    pyca_hash = _PYCA_HASHES[hash_]
    # "The length of the Salt MUST be equal to the length of the output of the digest algorithm."
    parameters = (padding.PSS(padding.MGF1(pyca_hash), hash_.digest_size), pyca_hash)
    return SignatureScheme(
        code, name, key_kind, hash_, None, True, True, True, "RFC 9846 §4.3.3", bits, parameters
    )


def _ecdsa(code: int, name: str, hash_: HashAlgorithm, curve: str | None) -> SignatureScheme:
    allowed = curve is not None
    parameters = (ec.ECDSA(_PYCA_HASHES[hash_]),)
    return SignatureScheme(
        code, name, "ec", hash_, curve, allowed, True, allowed, "RFC 9846 §4.3.3", 0, parameters
    )


def _whole(code: int, name: str, key_kind: str, source: str) -> SignatureScheme:
    """A scheme that hashes inside: EdDSA, and ML-DSA with an empty context, which TLS 1.2 does not have."""
    tls12 = key_kind in ("ed25519", "ed448")
    return SignatureScheme(code, name, key_kind, None, None, True, tls12, True, source, 0, ())


_EDDSA: Final = "RFC 9846 §4.3.3"
_MLDSA: Final = "draft-ietf-tls-mldsa §3"
_CERTIFICATES_ONLY: Final = "RFC 9846 §4.3.3"

# In our order of preference for signing, among the schemes that fit one key.
SIGNATURE_SCHEMES: Final[dict[int, SignatureScheme]] = {
    row.code: row
    for row in (
        _ecdsa(0x0403, "ecdsa_secp256r1_sha256", SHA256, "secp256r1"),
        _whole(0x0807, "ed25519", "ed25519", _EDDSA),
        _ecdsa(0x0503, "ecdsa_secp384r1_sha384", SHA384, "secp384r1"),
        _ecdsa(0x0603, "ecdsa_secp521r1_sha512", SHA512, "secp521r1"),
        _whole(0x0808, "ed448", "ed448", _EDDSA),
        _pss(0x0804, "rsa_pss_rsae_sha256", "rsa", SHA256),
        _pss(0x0805, "rsa_pss_rsae_sha384", "rsa", SHA384),
        _pss(0x0806, "rsa_pss_rsae_sha512", "rsa", SHA512),
        _pss(0x0809, "rsa_pss_pss_sha256", "rsa_pss", SHA256),
        _pss(0x080A, "rsa_pss_pss_sha384", "rsa_pss", SHA384),
        _pss(0x080B, "rsa_pss_pss_sha512", "rsa_pss", SHA512),
        _whole(0x0904, "mldsa44", "ml-dsa-44", _MLDSA),
        _whole(0x0905, "mldsa65", "ml-dsa-65", _MLDSA),
        _whole(0x0906, "mldsa87", "ml-dsa-87", _MLDSA),
        _pkcs1(0x0401, "rsa_pkcs1_sha256", SHA256, True, _CERTIFICATES_ONLY),
        _pkcs1(0x0501, "rsa_pkcs1_sha384", SHA384, True, _CERTIFICATES_ONLY),
        _pkcs1(0x0601, "rsa_pkcs1_sha512", SHA512, True, _CERTIFICATES_ONLY),
        # For a client's CertificateVerify in TLS 1.3 with keys that can do nothing newer; never used unasked.
        _pkcs1(0x0420, "rsa_pkcs1_sha256_legacy", SHA256, False, "RFC 9963 §3"),
        _pkcs1(0x0520, "rsa_pkcs1_sha384_legacy", SHA384, False, "RFC 9963 §3"),
        _pkcs1(0x0620, "rsa_pkcs1_sha512_legacy", SHA512, False, "RFC 9963 §3"),
        # SHA-1 is known by name and code so that it can be recognised, reported and, when asked for, enabled.
        _pkcs1(0x0201, "rsa_pkcs1_sha1", SHA1, False, _CERTIFICATES_ONLY),
        _ecdsa(0x0203, "ecdsa_sha1", SHA1, None),
    )
}

# TLS 1.0 and 1.1 name no schemes: the key's kind settles it. RSA signs the bare MD5 and SHA-1 digests with 11
# bytes of padding around them. The code is of the private-use range, so that signatures can be asked for in
# one way whatever the version. It is never on the wire and not in the table, so that nobody offers it.
RSA_MD5_SHA1: Final = SignatureScheme(
    0xFF01,
    "rsa_pkcs1_md5_sha1",
    "rsa",
    MD5_SHA1,
    None,
    False,
    False,
    False,
    "RFC 4346 §4.7",
    8 * (MD5_SHA1.digest_size + 11),
    (padding.PKCS1v15(), asym_utils.NoDigestInfo()),
)

SIGNATURE_SCHEMES_10: Final[dict[str, SignatureScheme]] = {
    "rsa": RSA_MD5_SHA1,
    "ec": SIGNATURE_SCHEMES[0x0203],
}
"""The one scheme of TLS 1.0 and 1.1 for each kind of key (RFC 4346 §7.4.3, RFC 8422 §5.4)."""

_BY_NAME: Final = {row.name: row for row in SIGNATURE_SCHEMES.values()}
_ROWS: Final = SIGNATURE_SCHEMES | {RSA_MD5_SHA1.code: RSA_MD5_SHA1}


def scheme_named(name: str | int) -> SignatureScheme:
    """Find a scheme by its IANA name or its code; ConfigurationError when there is none."""
    row = SIGNATURE_SCHEMES.get(name) if isinstance(name, int) else _BY_NAME.get(name)
    if row is None:
        known = ", ".join(_BY_NAME)
        raise ConfigurationError(f"no signature scheme is called {name!r}; there are {known}")
    return row


def scheme_row(code: int) -> SignatureScheme:
    """Find a scheme by a code of ours, that of RSA_MD5_SHA1 included; ConfigurationError when there is none.

    A peer's code is looked up in SIGNATURE_SCHEMES instead, where there is no private one.
    """
    row = _ROWS.get(code)
    return scheme_named(code) if row is None else row


def schemes_for_key(public_key: PublicKey) -> tuple[SignatureScheme, ...]:
    """List the available schemes that fit a key, most preferred first, those of TLS 1.3 before others."""
    return tuple(row for row in SIGNATURE_SCHEMES.values() if row.available() and row.fits(public_key))


def schemes12_for_key(public_key: PublicKey) -> tuple[SignatureScheme, ...]:
    """List the available schemes of TLS 1.2 that fit a key, most preferred first and SHA-1 last.

    ECDSA prefers the hash whose length is nearest to the curve's.
    """
    rows = [
        row for row in SIGNATURE_SCHEMES.values() if row.tls12 and row.available() and row.fits12(public_key)
    ]
    bits = public_key.key_size if isinstance(public_key, ec.EllipticCurvePublicKey) else None
    return tuple(sorted(rows, key=lambda row: _distance12(row, bits)))


def _distance12(scheme: SignatureScheme, bits: int | None) -> tuple[bool, int]:
    """Order schemes for `schemes12_for_key`: SHA-1 after all others, then by distance from a curve's size."""
    if scheme.hash is None or bits is None:
        return scheme.hash is SHA1, 0
    return scheme.hash is SHA1, abs(8 * scheme.hash.digest_size - bits)
