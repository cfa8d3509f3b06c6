"""Certificates for development, and the small authority of one's own that issues them.

The authority lives in the user's data directory (or in LUCIDTLS_CAROOT), for its owner alone, and is trusted
by nobody until somebody says so. It may only vouch for names that mean this machine or a private network,
unless made otherwise: whoever steals its key gains nothing on the Internet.

Every certificate has a subjectAltName, both key identifiers, a critical basicConstraints, an extended key
usage, a start one hour back (clocks differ) and at most 90 days to live.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any, Final, Literal

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
from lucidtls.trust.credentials import Credential
from lucidtls.trust.names import DNSName, parse_server_name

KeyKind = Literal["ec", "rsa", "ed25519", "ml-dsa-65"]
Kind = Literal["constrained", "unconstrained", "intermediate"]

MAX_DAYS: Final = 90
"""Days a certificate lives at most; browsers accept less and less."""

AUTHORITY_DAYS: Final = 3650
"""Days the authority lives: people install it by hand, so seldom."""

EARLIER: Final = timedelta(hours=1)
"""How far back validity begins, for clocks that are behind."""

PRIVATE_FILE: Final = 0o600
PRIVATE_DIRECTORY: Final = 0o700

PERMITTED_NAMES: Final = ("localhost", "test", "internal")
"""Names that never leave a private network (RFC 6761 §6; .internal is reserved by ICANN), with all below
them."""

PERMITTED_NETWORKS: Final = (
    IPv4Network("127.0.0.0/8"), IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"), IPv4Network("169.254.0.0/16"),
    IPv6Network("::1/128"), IPv6Network("fc00::/7"), IPv6Network("fe80::/10"),
)  # fmt: skip
"""Loopback, private and link-local addresses (RFC 1918, RFC 3927, RFC 4193, RFC 4291)."""

DEFAULT_NAMES: Final = ("localhost", "127.0.0.1", "::1")

PKCS12_PASSWORD: Final = b"lucidtls"

PrivateKey = (
    ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | mldsa.MLDSA65PrivateKey
)

_KEYS: dict[str, Callable[[], PrivateKey]] = {
    "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ml-dsa-65": mldsa.MLDSA65PrivateKey.generate,
}


def data_directory() -> Path:
    """Where the authority lives: LUCIDTLS_CAROOT, or `lucidtls` in the user's data directory."""
    chosen = os.environ.get("LUCIDTLS_CAROOT")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "lucidtls"


@dataclass(frozen=True, slots=True, eq=False)
class Issued:
    """A certificate with its key, and the certificates between it and the root."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]
    names: tuple[str, ...]

    def chain_pem(self) -> bytes:
        """The certificate and its intermediates."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.chain))

    def key_pem(self) -> bytes:
        """The private key, in the clear."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def pkcs12(self, password: bytes) -> bytes:
        """Everything in one PKCS#12 file."""
        if isinstance(self.key, mldsa.MLDSA65PrivateKey):
            raise ConfigurationError("PKCS#12 files cannot hold ML-DSA keys yet")
        protection = BestAvailableEncryption(password)
        name = self.names[0].encode()
        return pkcs12.serialize_key_and_certificates(name, self.key, self.certificate, self.chain, protection)

    def credential(self) -> Credential:
        """The credential to show."""
        return Credential.load([self.certificate, *self.chain], self.key)


@dataclass(frozen=True, slots=True, eq=False)
class Authority:
    """A root for development, and the certificate whose key issues: the root itself, or an intermediate."""

    root: x509.Certificate
    issuer: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    constrained: bool

    @classmethod
    def create(cls, kind: Kind = "constrained", *, now: datetime | None = None) -> Authority:
        """Make an authority in memory.

        "constrained" limits the names it may vouch for; "unconstrained" does not; "intermediate" puts the
        limits on an intermediate that issues, and forgets the root's key, so that the root can never vouch
        for anything else.
        """
        begin = (now or datetime.now(UTC)) - EARLIER
        root_key = ec.generate_private_key(ec.SECP256R1())
        label = "root" if kind == "constrained" else f"{kind} root"
        depth = 1 if kind == "intermediate" else 0
        root = _authority_builder(f"lucidtls development {label}", None, root_key, root_key, begin, depth)
        if kind == "constrained":
            root = root.add_extension(_constraints(), critical=True)
        signed = root.sign(root_key, hashes.SHA256())
        if kind != "intermediate":
            return cls(signed, signed, root_key, constrained=kind == "constrained")
        key = ec.generate_private_key(ec.SECP256R1())
        below = _authority_builder(
            "lucidtls development intermediate", signed.subject, key, root_key, begin, 0
        )
        below = below.add_extension(_constraints(), critical=True)
        return cls(signed, below.sign(root_key, hashes.SHA256()), key, constrained=True)

    def root_pem(self) -> bytes:
        """What has to be trusted."""
        return self.root.public_bytes(Encoding.PEM)

    def issue(
        self,
        names: Sequence[str],
        *,
        client: bool = False,
        kind: KeyKind = "ec",
        days: int = MAX_DAYS,
        now: datetime | None = None,
    ) -> Issued:
        """Issue a certificate for these names; raises ConfigurationError for names it may not vouch for."""
        if not 1 <= days <= MAX_DAYS:
            raise ConfigurationError(f"a development certificate lives 1 to {MAX_DAYS} days, not {days}")
        general = [_general_name(name, client=client) for name in names]
        if not general:
            raise ConfigurationError("a certificate needs at least one name")
        if self.constrained:
            _require_permitted(general)
        key = _KEYS[kind]()
        begin = (now or datetime.now(UTC)) - EARLIER
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            _builder(
                _name(names[0]), self.issuer.subject, key, self.key, begin, EARLIER + timedelta(days=days)
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            # RSA key exchange, in TLS 1.2 and before, is the one that encrypts with the certificate's key.
            .add_extension(_key_usage(digital_signature=True, key_encipherment=kind == "rsa"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectAlternativeName(general), critical=False)
        )
        between = (self.issuer,) if self.issuer is not self.root else ()
        return Issued(builder.sign(self.key, hashes.SHA256()), key, between, tuple(names))


def _general_name(name: str, *, client: bool) -> x509.GeneralName:
    """Read a name: an address, a DNS name (a wildcard too); for clients an e-mail address or a URI as
    well.
    """
    try:
        return x509.IPAddress(ip_address(name.strip("[]")))
    except ValueError:
        pass
    if client and "://" in name:
        return x509.UniformResourceIdentifier(name)
    if client and "@" in name:
        return x509.RFC822Name(name)
    wildcard, label = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    reference = parse_server_name(label)
    if not isinstance(reference, DNSName):
        raise ConfigurationError(f"{name!r} is no name that a certificate can have")
    return x509.DNSName(wildcard + reference.value)


def _require_permitted(names: Iterable[x509.GeneralName]) -> None:
    for name in names:
        if isinstance(name, x509.DNSName) and not _permitted_name(name.value):
            raise ConfigurationError(
                f"{name.value} is a name of the public Internet; the development authority only vouches for "
                f"{', '.join(PERMITTED_NAMES)} and names below them (lift that with --constrain any)"
            )
        if isinstance(name, x509.IPAddress) and not any(
            name.value in network for network in PERMITTED_NETWORKS
        ):
            raise ConfigurationError(
                f"{name.value} is a public address; the development authority only vouches for private ones "
                "(lift that with --constrain any)"
            )


def _permitted_name(name: str) -> bool:
    return any(name == permitted or name.endswith(f".{permitted}") for permitted in PERMITTED_NAMES)


def _authority_builder(
    name: str, issuer: x509.Name | None, key: Any, signer: Any, begin: datetime, path_length: int
) -> x509.CertificateBuilder:
    # The last bytes of the key tell authorities of the same name apart, here and in a system's list of roots.
    mark = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest[:3].hex()
    subject = _name(f"{name} {mark}")
    lifetime = EARLIER + timedelta(days=AUTHORITY_DAYS)
    return (
        _builder(subject, issuer or subject, key, signer, begin, lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, signer: Any, begin: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "lucidtls development"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]),  # the bound of RFC 5280 Appendix A
        ]
    )


def _key_usage(**bits: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: bits.get(name, False) for name in names})


def _constraints() -> x509.NameConstraints:
    permitted: list[x509.GeneralName] = [x509.DNSName(name) for name in PERMITTED_NAMES]
    return x509.NameConstraints(
        permitted_subtrees=[*permitted, *(x509.IPAddress(network) for network in PERMITTED_NETWORKS)],
        excluded_subtrees=None,
    )


# Keeping it


def open_authority(kind: Kind = "constrained", directory: Path | None = None) -> tuple[Authority, bool]:
    """Return this user's authority of a kind, and whether it had to be made; raises ConfigurationError or
    OSError.

    Two programs that make one at the same time end up with the same one.
    """
    folder = (directory or data_directory()) / kind
    folder.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    if (folder / "root.pem").exists():
        return _load(folder, kind), False
    made = folder.with_name(f".{kind}-{os.getpid()}-{os.urandom(4).hex()}")
    made.mkdir(mode=PRIVATE_DIRECTORY)
    _store(made, Authority.create(kind))
    try:
        made.rename(folder)  # all of it appears at once, or somebody else was first
    except OSError:
        for file in made.iterdir():
            file.unlink()
        made.rmdir()
        return _load(folder, kind), False
    return _load(folder, kind), True


def _store(folder: Path, authority: Authority) -> None:
    write_private(folder / "issuer-key.pem", Issued(authority.issuer, authority.key, (), ()).key_pem())
    (folder / "issuer.pem").write_bytes(authority.issuer.public_bytes(Encoding.PEM))
    (folder / "root.pem").write_bytes(authority.root_pem())


def _load(folder: Path, kind: Kind) -> Authority:
    key_file = folder / "issuer-key.pem"
    if os.name == "posix" and key_file.stat().st_mode & 0o077:
        raise ConfigurationError(f"{key_file} can be read by others; run: chmod 600 {key_file}")
    try:
        root = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
        issuer = x509.load_pem_x509_certificate((folder / "issuer.pem").read_bytes())
        key = load_pem_private_key(key_file.read_bytes(), None)
    except ValueError as error:
        raise ConfigurationError(f"the development authority in {folder} is damaged: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != issuer.public_key():
        raise ConfigurationError(
            f"the development authority in {folder} is damaged: its key is another one's"
        )
    return Authority(root, root if issuer == root else issuer, key, constrained=kind != "unconstrained")


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, from its first moment on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def file_stem(name: str) -> str:
    """A file name for a certificate's first name: `*.app.test` becomes `_wildcard.app.test`."""
    return re.sub(r"[^A-Za-z0-9._@-]", "_", name.replace("*", "_wildcard")).lstrip(".-") or "certificate"
