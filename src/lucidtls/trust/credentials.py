"""Our own identity: a certificate chain and the key that goes with its leaf."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeGuard, runtime_checkable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key, pkcs12

from lucidtls.crypto.keys import PrivateKey, PublicKey, RSAPSSPublicKey, describe_key, key_kind_of
from lucidtls.crypto.signatures import SIGNATURE_SCHEMES, scheme_named, schemes_for_key
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
        """Sign `content` with the scheme of this code (`crypto.signatures.SIGNATURE_SCHEMES`)."""
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
    first; `names` the leaf's DNS names; `issuers` the DER issuer names along the chain (for
    certificate_authorities).
    """

    chain: tuple[bytes, ...] = field(repr=False)
    key: Key = field(repr=False)
    schemes: tuple[int, ...]
    names: tuple[str, ...]
    issuers: tuple[bytes, ...] = field(repr=False)
    leaf: ParsedCertificate = field(repr=False)
    ocsp_response: bytes | None = field(default=None, repr=False)

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
        the same PEM. `schemes` restricts what the key signs with. Raises ConfigurationError.
        """
        certificates = _read_chain(chain)
        leaf_key = _leaf_key(certificates[0])
        loaded = _read_key(chain if key is None else key, password)
        _check_match(loaded, leaf_key, certificates)
        return cls(
            chain=tuple(certificate.der for certificate in certificates),
            key=loaded,
            schemes=_choose_schemes(certificates[0], leaf_key, schemes),
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
            return SIGNATURE_SCHEMES[scheme].sign(self.key, content)
        signer: Any = self.key
        signature: bytes = signer.sign(scheme, content)
        return signature


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


def _choose_schemes(
    leaf: ParsedCertificate, key: PublicKey, wanted: Sequence[str | int] | None
) -> tuple[int, ...]:
    """List what the key can sign with in TLS 1.3 (none, if the certificate's key usage forbids signing)."""
    usable = tuple(row.code for row in schemes_for_key(key) if row.tls13)
    if wanted is None:
        try:
            usage = leaf.facts.key_usage
        except Unreadable as error:
            raise ConfigurationError(
                f"the certificate for {leaf.subject_text} cannot be used: {error}"
            ) from error
        return usable if usage is None or usage.digital_signature else ()
    chosen = tuple(scheme_named(one).code for one in wanted)
    for code in chosen:
        if not SIGNATURE_SCHEMES[code].fits(key):
            raise ConfigurationError(
                f"a key ({describe_key(key)}) cannot sign with {SIGNATURE_SCHEMES[code].name}"
            )
    return chosen


def _dns_names(leaf: ParsedCertificate) -> tuple[str, ...]:
    try:
        names = leaf.facts.names
    except Unreadable as error:
        raise ConfigurationError(
            f"the certificate for {leaf.subject_text} cannot be used: {error}"
        ) from error
    return names.dns if names else ()
