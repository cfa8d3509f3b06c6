"""Certificates for development: a small authority of one's own, and what it issues.

An authority's root is meant to be trusted on developers' machines, so it is kept narrow: by default it may
only vouch for names and addresses that never belong to anybody on the public Internet (RFC 2606, RFC 6761,
RFC 1918).
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lucidtls.errors import ConfigurationError
from lucidtls.trust.names import DNSName, parse_server_name

MAX_DAYS: Final = 90
"""Browsers' limits keep falling; a development certificate is renewed in a second."""

AUTHORITY_DAYS: Final = 3650
BACKDATED: Final = timedelta(hours=1)
"""Clocks of containers and virtual machines lag behind."""

PRIVATE_NAMES: Final = ("localhost", "test", "internal", "example", "home.arpa")
PRIVATE_NETWORKS: Final = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
    "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip

Key = Any
"""A pyca private key."""

KEY_KINDS: Final[dict[str, Callable[[], Key]]] = {
    "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ml-dsa-65": mldsa.MLDSA65PrivateKey.generate,
}
"""Kinds of keys by the name that `--key` takes."""


@dataclass(frozen=True)
class Issued:
    """A certificate with its key and the chain above it, without the root."""

    certificate: x509.Certificate
    key: Key
    chain: tuple[x509.Certificate, ...]

    def chain_pem(self) -> bytes:
        """Leaf first, then what is above it: what a server is given as its certificate."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.chain))

    def key_pem(self) -> bytes:
        """The private key, unencrypted PKCS#8."""
        pem: bytes = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return pem

    def pkcs12(self, name: str, password: bytes) -> bytes:
        """Everything in one PKCS#12 file."""
        return pkcs12.serialize_key_and_certificates(
            name.encode(), self.key, self.certificate, list(self.chain), BestAvailableEncryption(password)
        )


@dataclass(frozen=True)
class Authority:
    """A certificate that issues others, and its key; `above` are the certificates between it and the root."""

    certificate: x509.Certificate
    key: Key
    above: tuple[x509.Certificate, ...] = ()

    @classmethod
    def create(
        cls, *, constrain: Sequence[str] | None = PRIVATE_NAMES, now: datetime | None = None
    ) -> Authority:
        """Make a root; `constrain` are the domains it may vouch for, None for any name and address."""
        key = KEY_KINDS["ec"]()
        name = _name("lucidtls development CA", _user())
        builder = _builder(name, name, key.public_key(), _now(now), AUTHORITY_DAYS)
        builder = _as_authority(builder, path_length=None, constraints=_constraints(constrain))
        return cls(builder.sign(key, hashes.SHA256()), key)

    def root_pem(self) -> bytes:
        """The certificate that clients have to trust."""
        return self.certificate.public_bytes(Encoding.PEM)

    def intermediate(self, *, now: datetime | None = None) -> Authority:
        """Make an authority below this one, so that this one's key can be thrown away."""
        key = KEY_KINDS["ec"]()
        name = _name("lucidtls development intermediate", _user())
        builder = _builder(name, self.certificate.subject, key.public_key(), _now(now), AUTHORITY_DAYS)
        builder = _as_authority(builder, path_length=0, constraints=None).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        certificate = builder.sign(self.key, hashes.SHA256())
        return Authority(certificate, key, (certificate, *self.above))

    def issue(
        self, names: Sequence[str], *, client: bool = False, key_kind: str = "ec", days: int = MAX_DAYS,
        now: datetime | None = None,
    ) -> Issued:  # fmt: skip
        """Issue a certificate for host names and addresses; `client` also lets it authenticate a client.

        Raises ConfigurationError for what is no name, a kind of key that is not known, or too many days.
        """
        if not 0 < days <= MAX_DAYS:
            raise ConfigurationError(f"a development certificate is valid for 1 to {MAX_DAYS} days")
        if key_kind not in KEY_KINDS:
            raise ConfigurationError(f"a key is one of {', '.join(KEY_KINDS)}, not {key_kind!r}")
        if not names:
            raise ConfigurationError("a certificate needs at least one name")
        key = KEY_KINDS[key_kind]()
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH] if client else [ExtendedKeyUsageOID.SERVER_AUTH]
        builder = _builder(_name(names[0][:64]), self.certificate.subject, key.public_key(), _now(now), days)
        certificate = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )
        return Issued(certificate, key, self.above)


def data_directory() -> Path:
    """Where the development authority lives: LUCIDTLS_CAROOT, or a folder of the user's data directory."""
    chosen = os.environ.get("LUCIDTLS_CAROOT")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "lucidtls"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "lucidtls"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "lucidtls"


def load_or_create(
    directory: Path, *, constrain: Sequence[str] | None = PRIVATE_NAMES
) -> tuple[Authority, bool]:
    """Return the authority kept in a directory, and whether it was made just now.

    The directory is made for its owner alone (0700), as are the files in it (0600).
    """
    certificate_path, key_path = directory / "root.pem", directory / "root-key.pem"
    if certificate_path.exists() and key_path.exists():
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        return Authority(certificate, load_pem_private_key(key_path.read_bytes(), None)), False
    authority = Authority.create(constrain=constrain)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_secret(key_path, key)
    certificate_path.write_bytes(authority.root_pem())
    return authority, True


def write_secret(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, from the first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


def _now(now: datetime | None) -> datetime:
    return (now or datetime.now(UTC)).replace(microsecond=0)


def _user() -> str:
    return f"{os.environ.get('USER') or os.environ.get('USERNAME') or 'somebody'}"[:60]


def _name(common_name: str, organizational_unit: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organizational_unit:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, organizational_unit))
    return x509.Name(attributes)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=days) - BACKDATED)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _as_authority(
    builder: x509.CertificateBuilder, *, path_length: int | None, constraints: x509.NameConstraints | None
) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    builder = builder.add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    return builder if constraints is None else builder.add_extension(constraints, critical=True)


def _constraints(domains: Sequence[str] | None) -> x509.NameConstraints | None:
    if domains is None:
        return None
    permitted: list[x509.GeneralName] = [x509.DNSName(domain.lstrip(".")) for domain in domains]
    permitted += [x509.IPAddress(ipaddress.ip_network(network)) for network in PRIVATE_NETWORKS]
    return x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None)


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    """Turn what a user types into a subjectAltName entry; `*.` is allowed in front of a host name."""
    reference = parse_server_name(name.removeprefix("*."))
    if not isinstance(reference, DNSName):
        return x509.IPAddress(reference.value)
    return x509.DNSName(f"*.{reference.value}" if name.startswith("*.") else reference.value)
