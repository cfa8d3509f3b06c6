"""Our own identity: a certificate chain and the key that goes with its leaf."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeGuard, runtime_checkable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key, pkcs12

from lucidtls.crypto.hashes import SHA1
from lucidtls.crypto.keys import PrivateKey, PublicKey, RSAPSSPublicKey, describe_key, key_kind_of
from lucidtls.crypto.rsa import decrypt_premaster
from lucidtls.crypto.signatures import (
    SIGNATURE_SCHEMES_10,
    SignatureScheme,
    scheme_named,
    scheme_row,
    schemes12_for_key,
    schemes_for_key,
)
from lucidtls.errors import ConfigurationError, UsageError
from lucidtls.trust.certificate import ParsedCertificate, Unreadable
from lucidtls.trust.filters import passes_filter
from lucidtls.trust.mldsa_keys import read_mldsa_key
from lucidtls.trust.names import DNSName, parse_server_name, presents_dns
from lucidtls.trust.stores import read_certificates, read_file
from lucidtls.wire.forms.values import OIDFilter


@runtime_checkable
class Signer(Protocol):
    """A key that lives elsewhere (an HSM, a key service) and signs when called."""

    def sign(self, scheme: int, content: bytes) -> bytes:
        """Sign `content` with the scheme of this code (`crypto.signatures.scheme_row`)."""
        ...


@runtime_checkable
class Decrypter(Protocol):
    """A `Signer` that decrypts as well, for RSA key exchange in TLS 1.2 and before."""

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt with RSAES-PKCS1-v1_5; ValueError where that fails.

        It must not show, by its time either, whether the padding was right: best is a key with implicit
        rejection, which gives pseudo-random bytes instead of failing.
        """
        ...


class Ask:
    """The type of `ASK`."""

    def __repr__(self) -> str:
        return "ASK"


ASK: Final = Ask()
"""In place of a key or a callback: hand the question out as an event and wait for the answer."""

Key = PrivateKey | Signer | Ask
Password = str | bytes | None


@dataclass(frozen=True, eq=False)
class Credential:
    """A chain and its key; made with `load` or `from_pkcs12`.

    `chain` is DER, leaf first. `schemes` are the codes the key can sign with in TLS 1.3, most preferred
    first, `schemes12` those in TLS 1.2, and `legacy_scheme` is the one of TLS 1.0 and 1.1
    (`crypto.signatures.SIGNATURE_SCHEMES_10`); `can_decrypt` tells whether it serves RSA key exchange.
    `names` are the leaf's DNS names; `issuers` the DER issuer names along the chain (for
    certificate_authorities).
    """

    chain: tuple[bytes, ...] = field(repr=False)
    key: Key = field(repr=False)
    schemes: tuple[int, ...]
    names: tuple[str, ...]
    issuers: tuple[bytes, ...] = field(repr=False)
    leaf: ParsedCertificate = field(repr=False)
    ocsp_response: bytes | None = field(default=None, repr=False)
    schemes12: tuple[int, ...] = ()
    legacy_scheme: int | None = None
    can_decrypt: bool = False

    @classmethod
    def load(
        cls,
        chain: object,
        key: object = None,
        *,
        password: Password = None,
        schemes: Sequence[str | int] | None = None,
        ocsp_response: bytes | None = None,
    ) -> Credential:
        """Make a credential.

        `chain`: path, PEM or DER bytes, pyca certificate, or a list of those, leaf first. `key`: path, PEM
        or DER bytes, pyca key, a `Signer`, or `ASK`; without it, the key is looked for beside the chain in
        the same PEM. `schemes` restricts what the key signs with, in every version; TLS 1.0 and 1.1 are then
        possible only if the key's scheme with SHA-1 is among them. Raises ConfigurationError.
        """
        certificates = _read_chain(chain)
        leaf_key = _leaf_key(certificates[0])
        loaded = _read_key(chain if key is None else key, password)
        _check_match(loaded, leaf_key, certificates)
        may_sign, may_decrypt = _key_usage(certificates[0])
        rows13, rows12 = _choose_schemes(leaf_key, may_sign, schemes)
        return cls(
            chain=tuple(certificate.der for certificate in certificates),
            key=loaded,
            schemes=tuple(row.code for row in rows13),
            schemes12=tuple(row.code for row in rows12),
            legacy_scheme=_legacy_scheme(leaf_key, rows12),
            can_decrypt=may_decrypt and _decrypts(loaded, leaf_key),
            names=_dns_names(certificates[0]),
            issuers=tuple(certificate.issuer for certificate in certificates),
            leaf=certificates[0],
            ocsp_response=ocsp_response,
        )

    @classmethod
    def from_pkcs12(cls, source: object, password: Password = None) -> Credential:
        """Make a credential of a PKCS#12 file (path or bytes); raises ConfigurationError."""
        data = bytes(source) if _is_bytes(source) else read_file(source)  # type: ignore[arg-type]
        try:
            bundle = pkcs12.load_pkcs12(data, _password_bytes(password))
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigurationError(f"the PKCS#12 data cannot be opened: {error}") from error
        if bundle.cert is None or bundle.key is None:
            raise ConfigurationError("the PKCS#12 data must hold a certificate and its key")
        chain = [bundle.cert.certificate, *(entry.certificate for entry in bundle.additional_certs)]
        return cls.load(chain, bundle.key)

    @property
    def public_key(self) -> PublicKey:
        """The leaf's key."""
        return self.leaf.public_key

    @property
    def key_kind(self) -> str:
        """The kind of the leaf's key, as in `SignatureScheme.key_kind`."""
        return key_kind_of(self.public_key)

    @property
    def asks(self) -> bool:
        """Whether signatures are asked of the application as events."""
        return isinstance(self.key, Ask)

    def matches_name(self, server_name: str | DNSName | None) -> bool:
        """Tell whether the leaf is for a server name as a client sends it (RFC 9525 §6.3, RFC 6066 §3)."""
        if isinstance(server_name, str):
            try:
                parsed = parse_server_name(server_name)
            except ConfigurationError:
                return False
            server_name = parsed if isinstance(parsed, DNSName) else None
        return server_name is not None and presents_dns(server_name, self.names)

    def matches_filters(self, filters: Iterable[OIDFilter]) -> bool:
        """Tell whether the leaf fits a server's oid_filters (RFC 9846 §4.3.5).

        Key usage and extended key usage are compared; "the client MUST ignore and skip any unrecognized
        certificate extension OIDs".
        """
        return all(passes_filter(self.leaf, wanted.oid, wanted.values) for wanted in filters)

    def sign(self, scheme: int, content: bytes) -> bytes:
        """Sign `content` with a scheme given by code; UsageError when the key is `ASK`."""
        if isinstance(self.key, Ask):
            raise UsageError("this credential's signatures come from the application, through an event")
        if is_private_key(self.key):
            # The row does not know the version: that TLS 1.3 binds ECDSA to a curve is in `schemes`.
            return scheme_row(scheme).sign12(self.key, content)
        signer: Any = self.key
        signature: bytes = signer.sign(scheme, content)
        return signature

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypt a premaster secret, for `crypto.rsa.choose_premaster`; only where `can_decrypt`.

        ValueError stands for failure, and must not be told from what comes out otherwise. UsageError when the
        key is `ASK` or cannot decrypt.
        """
        if isinstance(self.key, rsa.RSAPrivateKey):
            decrypted = decrypt_premaster(self.key, ciphertext)
            if decrypted is None:
                raise ValueError("the premaster secret cannot be decrypted")
            return decrypted
        if isinstance(self.key, Decrypter):
            return self.key.decrypt(ciphertext)
        raise UsageError("this credential's key does not decrypt here")


def is_private_key(key: object) -> TypeGuard[PrivateKey]:
    """Tell pyca's private keys that can sign in TLS from signers and everything else."""
    return key_kind_of(key) != "other" and hasattr(key, "private_bytes")


def _is_bytes(source: object) -> TypeGuard[bytes | bytearray | memoryview]:
    return isinstance(source, (bytes, bytearray, memoryview))


def _password_bytes(password: Password) -> bytes | None:
    return password.encode() if isinstance(password, str) else password


def _read_chain(source: object) -> list[ParsedCertificate]:
    if isinstance(source, Iterable) and not isinstance(
        source, (str, bytes, bytearray, memoryview, os.PathLike)
    ):
        certificates = [certificate for part in source for certificate in read_certificates(part)]
    else:
        certificates = read_certificates(source)
    if not certificates:
        raise ConfigurationError("a credential needs a certificate")
    return certificates


def _leaf_key(leaf: ParsedCertificate) -> PublicKey:
    try:
        return leaf.public_key
    except Unreadable as error:
        raise ConfigurationError(
            f"the certificate for {leaf.subject_text} cannot be used: {error}"
        ) from error


def _read_key(source: object, password: Password) -> Key:
    if isinstance(source, Ask) or is_private_key(source):
        return source
    if _is_bytes(source):
        return _parse_key(bytes(source), _password_bytes(password), "the key data")
    if isinstance(source, (str, os.PathLike)):
        return _parse_key(read_file(source), _password_bytes(password), str(os.fspath(source)))
    if isinstance(source, Signer) and not hasattr(source, "private_bytes"):
        return source
    raise ConfigurationError(f"a private key cannot be made of {type(source).__name__}")


def _parse_key(data: bytes, password: bytes | None, where: str) -> PrivateKey:
    load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
    try:
        key = load(data, password)
    except TypeError as error:
        # pyca's word for a password that is missing, or that was given for a key in the clear.
        raise ConfigurationError(f"the private key in {where} cannot be opened: {error}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        seeded = read_mldsa_key(data)
        if seeded is not None:
            return seeded
        message = f"there is no usable private key in {where}, or its password is wrong: {error}"
        raise ConfigurationError(message) from error
    if not is_private_key(key):
        raise ConfigurationError(f"the private key in {where} is of a kind that cannot sign in TLS")
    return key


def _check_match(key: Key, leaf_key: PublicKey, certificates: Sequence[ParsedCertificate]) -> None:
    """Refuse a key that is not the leaf's, naming both, and the certificate it does fit if there is one."""
    if not is_private_key(key):
        return
    own: Any = key.public_key()
    if own == _plain(leaf_key):
        return
    leaf = certificates[0]
    message = (
        f"the private key ({describe_key(key)}) does not belong to the certificate for "
        f"{leaf.subject_text!r} ({describe_key(leaf_key)})"
    )
    for place, certificate in enumerate(certificates[1:], 2):
        if own == _plain(_leaf_key(certificate)):
            message += f"; it belongs to certificate {place} of the chain, which must come first"
    raise ConfigurationError(message)


def _plain(key: PublicKey) -> object:
    return key.key if isinstance(key, RSAPSSPublicKey) else key


def _key_usage(leaf: ParsedCertificate) -> tuple[bool, bool]:
    """Tell whether the certificate lets its key sign, and encrypt a premaster secret (RFC 5280 §4.2.1.3)."""
    try:
        usage = leaf.facts.key_usage
    except Unreadable as error:
        raise ConfigurationError(
            f"the certificate for {leaf.subject_text} cannot be used: {error}"
        ) from error
    return (True, True) if usage is None else (usage.digital_signature, usage.key_encipherment)


def _choose_schemes(
    key: PublicKey, may_sign: bool, wanted: Sequence[str | int] | None
) -> tuple[list[SignatureScheme], list[SignatureScheme]]:
    """List what the key signs with in TLS 1.3 and in TLS 1.2: what fits and is allowed, or those wanted."""
    if wanted is None:
        if not may_sign:
            return [], []
        return [row for row in schemes_for_key(key) if row.tls13], list(schemes12_for_key(key))
    chosen = [scheme_named(one) for one in wanted]
    for row in chosen:
        if not (row.fits12(key) if row.tls12 else row.fits(key)):
            raise ConfigurationError(f"a key ({describe_key(key)}) cannot sign with {row.name}")
    # What is of neither version is there for those who ask for it (RFC 9963).
    newest = [row for row in chosen if (row.tls13 or not row.tls12) and row.fits(key)]
    return newest, [row for row in chosen if row.tls12]


def _legacy_scheme(key: PublicKey, allowed: Iterable[SignatureScheme]) -> int | None:
    """Return the scheme of TLS 1.0 and 1.1, if the key may be used with SHA-1 at all and is long enough."""
    row = SIGNATURE_SCHEMES_10.get(key_kind_of(key))
    if row is None or not row.fits12(key) or all(one.hash is not SHA1 for one in allowed):
        return None
    return row.code


def _decrypts(key: Key, leaf_key: PublicKey) -> bool:
    """Tell whether a key can decrypt premaster secrets: RSA, not confined to PSS (RFC 4055 §1.2)."""
    if key_kind_of(leaf_key) != "rsa":
        return False
    return True if isinstance(key, rsa.RSAPrivateKey) else isinstance(key, (Decrypter, Ask))


def _dns_names(leaf: ParsedCertificate) -> tuple[str, ...]:
    try:
        names = leaf.facts.names
    except Unreadable as error:
        raise ConfigurationError(
            f"the certificate for {leaf.subject_text} cannot be used: {error}"
        ) from error
    return names.dns if names else ()
