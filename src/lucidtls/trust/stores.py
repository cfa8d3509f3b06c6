"""Trust stores: the certificates a program believes without being shown why.

Stores are immutable and may be shared by any number of configurations and threads.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lucidtls.errors import ConfigurationError
from lucidtls.trust.certificate import PARSE_ERRORS, ParsedCertificate, Unreadable
from lucidtls.trust.distinguished import CanonicalName

# Where systems keep their bundle, most common first; OpenSSL's own variables come before all of them.
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/cert.pem",  # Alpine, BSDs, macOS
    "/usr/local/etc/ssl/cert.pem",
)
SYSTEM_DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs", "/system/etc/security/cacerts")

_PEM_BLOCK = re.compile(
    rb"-----BEGIN (?:X509 )?CERTIFICATE-----.*?-----END (?:X509 )?CERTIFICATE-----", re.DOTALL
)
_CERTIFICATE_FILE = re.compile(r".*\.(?:pem|crt|cer|der|[0-9])", re.IGNORECASE)


class TrustStore:
    """A set of trust anchors, in the order given, found by subject."""

    def __init__(self, anchors: Iterable[ParsedCertificate] = ()) -> None:
        self._anchors: dict[bytes, ParsedCertificate] | None = {anchor.der: anchor for anchor in anchors}
        self._by_subject: dict[bytes, list[ParsedCertificate]] | None = None
        self._by_canonical: dict[CanonicalName, list[ParsedCertificate]] | None = None

    @classmethod
    def from_pem(cls, data: bytes) -> TrustStore:
        """Read all certificates in `data`; ConfigurationError when there is none or one is malformed."""
        return TrustStore(read_pem(data, "the PEM data"))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> TrustStore:
        """Read a file in PEM (any number of certificates) or DER (one)."""
        return TrustStore(read_certificates(path))

    @classmethod
    def from_directory(cls, path: str | os.PathLike[str]) -> TrustStore:
        """Read every file in a directory that is named like a certificate; what is none is skipped."""
        return TrustStore(_read_directory(Path(path)))

    @property
    def anchors(self) -> tuple[ParsedCertificate, ...]:
        """The anchors, in order."""
        return tuple(self._loaded().values())

    def _load(self) -> dict[bytes, ParsedCertificate]:
        """Find the anchors of a store that was made without them."""
        return {}

    def _loaded(self) -> dict[bytes, ParsedCertificate]:
        if self._anchors is None:
            self._anchors = self._load()
        return self._anchors

    def __len__(self) -> int:
        return len(self._loaded())

    def __iter__(self) -> Iterator[ParsedCertificate]:
        return iter(self._loaded().values())

    def __contains__(self, certificate: object) -> bool:
        return isinstance(certificate, ParsedCertificate) and certificate.der in self._loaded()

    def __or__(self, other: TrustStore) -> TrustStore:
        return TrustStore((*self, *other))

    def __repr__(self) -> str:
        count = "not yet loaded" if self._anchors is None else f"{len(self._anchors)} anchors"
        return f"<{type(self).__name__} {count}>"

    def with_subject(self, name: bytes) -> list[ParsedCertificate]:
        """Return the anchors whose subject is byte for byte this DER Name."""
        if self._by_subject is None:
            index: dict[bytes, list[ParsedCertificate]] = {}
            for anchor in self:
                index.setdefault(anchor.subject, []).append(anchor)
            self._by_subject = index
        return self._by_subject.get(name, [])

    def named(self, name: CanonicalName) -> list[ParsedCertificate]:
        """Return the anchors whose subject equals this name by RFC 5280 §7.1."""
        if self._by_canonical is None:
            index: dict[CanonicalName, list[ParsedCertificate]] = {}
            for anchor in self:
                index.setdefault(anchor.canonical_subject, []).append(anchor)
            self._by_canonical = index
        return self._by_canonical.get(name, [])


class SystemTrust(TrustStore):
    """The anchors of this system, read when first needed and once per process while the files stay the same.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` (several directories separated as in PATH) replace the system's own
    places. Then come the loaders given to `register_system_loader`, then the well-known bundles, then
    directories. Raises ConfigurationError when nothing is found.
    """

    def __init__(self) -> None:
        super().__init__()
        self._anchors = None

    def _load(self) -> dict[bytes, ParsedCertificate]:
        found = _environment_anchors()
        if found is None:
            found = _system_anchors()
        if not found:
            message = "no trusted certificates found on this system; set SSL_CERT_FILE or pass trust="
            raise ConfigurationError(message)
        return {anchor.der: anchor for anchor in found}


class CertifiTrust(TrustStore):
    """The anchors of the `certifi` package; raises ConfigurationError when it is not installed."""

    def __init__(self) -> None:
        super().__init__()
        spec = importlib.util.find_spec("certifi")
        if spec is None or spec.origin is None:
            raise ConfigurationError("certifi is not installed; install lucidtls[certifi]")
        self._path = Path(spec.origin).with_name("cacert.pem")
        self._anchors = None

    def _load(self) -> dict[bytes, ParsedCertificate]:
        return {anchor.der: anchor for anchor in _remembered_file(self._path)}


_system_loaders: list[Callable[[], Iterable[bytes]]] = []


def register_system_loader(loader: Callable[[], Iterable[bytes]]) -> None:
    """Let `loader` provide DER certificates for `SystemTrust`.

    For platforms whose store is no file: the Windows store is reached through the standard `ssl` module,
    which this layer does not import.
    """
    if loader not in _system_loaders:
        _system_loaders.append(loader)


def load_trust(source: object) -> TrustStore:
    """Make a TrustStore of a store, a path (file or directory), PEM or DER bytes, a certificate, or many."""
    if isinstance(source, TrustStore):
        return source
    if isinstance(source, (str, os.PathLike)) and Path(source).is_dir():
        return TrustStore.from_directory(source)
    if isinstance(source, Iterable) and not isinstance(
        source, (str, bytes, bytearray, memoryview, os.PathLike)
    ):
        return TrustStore(anchor for part in source for anchor in load_trust(part))
    return TrustStore(read_certificates(source))


def read_certificates(source: object) -> list[ParsedCertificate]:
    """Read certificates from a path, PEM or DER bytes, or a certificate object; raises ConfigurationError."""
    if isinstance(source, ParsedCertificate):
        return [source]
    if isinstance(source, x509.Certificate):
        return [_wrap(source, "the certificate")]
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _read_bytes(bytes(source), "the data")
    if isinstance(source, (str, os.PathLike)):
        return _read_bytes(read_file(source), str(os.fspath(source)))
    raise ConfigurationError(f"a certificate cannot be made of {type(source).__name__}")


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Read a whole file; raises ConfigurationError naming it."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {os.fspath(path)}: {error.strerror or error}") from error


def read_pem(data: bytes, where: str) -> list[ParsedCertificate]:
    """Read all certificates of a PEM text, skipping other blocks; ConfigurationError names `where`."""
    try:
        return [_wrap(certificate, where) for certificate in x509.load_pem_x509_certificates(data)]
    except PARSE_ERRORS as error:
        if not _PEM_BLOCK.search(data):
            raise ConfigurationError(f"there is no certificate in {where}") from error
        raise ConfigurationError(f"a certificate in {where} cannot be parsed: {error}") from error


def _read_bytes(data: bytes, where: str) -> list[ParsedCertificate]:
    if b"-----BEGIN" in data:
        return read_pem(data, where)
    try:
        return [ParsedCertificate(data)]
    except Unreadable as error:
        raise ConfigurationError(f"{where} is neither PEM nor a DER certificate: {error}") from error


def _wrap(certificate: x509.Certificate, where: str) -> ParsedCertificate:
    try:
        return ParsedCertificate(certificate.public_bytes(Encoding.DER), certificate)
    except Unreadable as error:
        raise ConfigurationError(f"a certificate in {where} cannot be used: {error}") from error


def _read_tolerantly(data: bytes) -> Iterator[ParsedCertificate]:
    """Read a bundle the user did not choose: what does not parse is left out (and so is not trusted)."""
    try:
        yield from read_pem(data, "a bundle")
        return
    except ConfigurationError:
        blocks: list[bytes] = _PEM_BLOCK.findall(data) or [data]
    for block in blocks:
        try:
            yield from _read_bytes(block, "a bundle")
        except ConfigurationError:
            continue


def _read_directory(path: Path) -> list[ParsedCertificate]:
    try:
        names = sorted(entry for entry in os.listdir(path) if _CERTIFICATE_FILE.fullmatch(entry))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from error
    found: dict[bytes, ParsedCertificate] = {}
    for name in names:
        try:
            data = (path / name).read_bytes()
        except OSError:
            continue
        found.update((anchor.der, anchor) for anchor in _read_tolerantly(data))
    return list(found.values())


# (path, size, modification time) -> anchors, so that every SystemTrust() of a process shares one parse.
_files: dict[tuple[str, int, int], tuple[ParsedCertificate, ...]] = {}


def _remembered_file(path: Path) -> tuple[ParsedCertificate, ...]:
    try:
        status = path.stat()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from error
    key = (str(path), status.st_size, status.st_mtime_ns)
    if key not in _files:
        read = _read_directory(path) if path.is_dir() else _read_tolerantly(read_file(path))
        for stale in [known for known in _files if known[0] == str(path)]:
            _files.pop(stale, None)
        _files[key] = tuple(read)
    return _files[key]


def _environment_anchors() -> list[ParsedCertificate] | None:
    """Read what SSL_CERT_FILE and SSL_CERT_DIR name; None when neither is set."""
    file = os.environ.get("SSL_CERT_FILE")
    directories = [part for part in os.environ.get("SSL_CERT_DIR", "").split(os.pathsep) if part]
    if not file and not directories:
        return None
    found = list(_remembered_file(Path(file))) if file else []
    for directory in directories:
        if Path(directory).is_dir():
            found.extend(_remembered_file(Path(directory)))
    return found


def _system_anchors() -> list[ParsedCertificate]:
    found = [anchor for loader in _system_loaders for data in loader() for anchor in _read_tolerantly(data)]
    for place in (*SYSTEM_BUNDLES, *SYSTEM_DIRECTORIES):
        if not found and Path(place).exists():
            found.extend(_remembered_file(Path(place)))
    return found
