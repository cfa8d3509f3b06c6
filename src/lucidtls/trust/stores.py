"""Trust stores: the certificates a program believes without being shown why.

Stores are immutable and may be shared by any number of configurations and threads.
"""

from __future__ import annotations

import binascii
import importlib.util
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lucidtls.crypto.hashes import SHA256
from lucidtls.errors import ConfigurationError
from lucidtls.trust.certificate import ParsedCertificate, Unreadable
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

# RFC 7468 §5; the second form is older.
_PEM_LINES = (
    (b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"),
    (b"-----BEGIN X509 CERTIFICATE-----", b"-----END X509 CERTIFICATE-----"),
)
_CERTIFICATE_FILE = re.compile(r".*\.(?:pem|crt|cer|der|[0-9])", re.IGNORECASE)

# Anchors by their DER, in order.
Anchors = dict[bytes, ParsedCertificate]


class TrustStore:
    """A set of trust anchors, in the order given, found by subject."""

    def __init__(self, anchors: Iterable[ParsedCertificate] = ()) -> None:
        self._anchors: Anchors | None = {anchor.der: anchor for anchor in anchors}
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
        return TrustStore(_read_places([os.fspath(path)]).values())

    @property
    def anchors(self) -> tuple[ParsedCertificate, ...]:
        """The anchors, in order."""
        return tuple(self._loaded().values())

    def _load(self) -> Anchors:
        """Find the anchors of a store that was made without them."""
        return {}

    def _loaded(self) -> Anchors:
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

    def digest(self) -> bytes:
        """SHA-256 over the anchors, in whatever order they were given: equal for equal trust."""
        running = SHA256.new(b"")
        for der in sorted(self._loaded()):
            running.update(SHA256.digest(der))
        return running.digest()

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

    def _load(self) -> Anchors:
        found = _system_anchors()
        if not found:
            message = "no trusted certificates found on this system; set SSL_CERT_FILE or pass trust="
            raise ConfigurationError(message)
        return found


class CertifiTrust(TrustStore):
    """The anchors of the `certifi` package; raises ConfigurationError when it is not installed."""

    def __init__(self) -> None:
        super().__init__()
        spec = importlib.util.find_spec("certifi")
        if spec is None or spec.origin is None:
            raise ConfigurationError("certifi is not installed; install lucidtls[certifi]")
        self._path = os.path.join(os.path.dirname(spec.origin), "cacert.pem")
        self._anchors = None

    def _load(self) -> Anchors:
        return _read_places([self._path])


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
        found = [ParsedCertificate(binascii.a2b_base64(body)) for body in _pem_bodies(data)]
    except (binascii.Error, Unreadable) as error:
        raise ConfigurationError(f"a certificate in {where} cannot be parsed: {error}") from error
    if not found:
        raise ConfigurationError(f"there is no certificate in {where}")
    return found


def _pem_bodies(data: bytes) -> Iterator[bytes]:
    """Yield the base64 of each certificate block; nothing for a block that has no end."""
    for begin, end in _PEM_LINES:
        start = data.find(begin)
        while start >= 0:
            stop = data.find(end, start)
            yield data[start + len(begin) : max(stop, start)]
            start = data.find(begin, stop) if stop >= 0 else -1


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


class _Collection:
    """Anchors gathered from places that the user did not write: what does not parse is not trusted, no error.

    The same certificate usually is in several files, and the same file has several names: each is read once.
    """

    __slots__ = ("anchors", "bodies", "files")

    def __init__(self) -> None:
        self.anchors: Anchors = {}
        self.bodies: set[bytes] = set()
        self.files: set[tuple[int, int]] = set()

    def add(self, data: bytes) -> None:
        """Add the certificates in PEM text, or the one in DER."""
        if b"-----BEGIN" not in data:
            self._add_certificate(data)
            return
        for body in _pem_bodies(data):
            if body not in self.bodies:
                self.bodies.add(body)
                try:
                    self._add_certificate(binascii.a2b_base64(body))
                except binascii.Error:
                    continue

    def _add_certificate(self, data: bytes) -> None:
        if data not in self.anchors:
            try:
                self.anchors[data] = ParsedCertificate(data)
            except Unreadable:
                return

    def add_file(self, path: str, status: os.stat_result) -> None:
        """Add a file."""
        identity = (status.st_dev, status.st_ino)
        if identity not in self.files:
            self.files.add(identity)
            with open(path, "rb", buffering=0) as file:
                self.add(file.read())

    def add_directory(self, path: str) -> None:
        """Add every file in a directory that is named like a certificate."""
        for entry in _certificate_files(path):
            try:
                self.add_file(entry.path, entry.stat())
            except OSError:
                continue


# Name, size and modification time of a file; a place is a bundle, or a directory and the files in it.
_FileState = tuple[str, int, int]
# Places, and what was in them: a process parses each state once.
_State = tuple[tuple[_FileState, ...], ...]
_remembered: dict[_State, Anchors] = {}


def _read_places(places: Sequence[str]) -> Anchors:
    """Read bundles and directories; ConfigurationError when one cannot be read."""
    try:
        found = [(place, os.stat(place)) for place in places]
        state = tuple(_place_state(place, status) for place, status in found)
        if state not in _remembered:
            collection = _Collection()
            for place, status in found:
                if stat.S_ISDIR(status.st_mode):
                    collection.add_directory(place)
                else:
                    collection.add_file(place, status)
            for stale in [known for known in _remembered if _names(known) == _names(state)]:
                _remembered.pop(stale, None)
            _remembered[state] = collection.anchors
    except OSError as error:
        raise ConfigurationError(f"cannot read {error.filename}: {error.strerror or error}") from error
    return _remembered[state]


def _names(state: _State) -> list[str]:
    return [place[0][0] for place in state]


def _file_state(name: str, status: os.stat_result) -> _FileState:
    return name, status.st_size, status.st_mtime_ns


def _place_state(path: str, status: os.stat_result) -> tuple[_FileState, ...]:
    """Say what would differ if a place had changed; that of a directory stays when a file is overwritten."""
    states = [_file_state(path, status)]
    if stat.S_ISDIR(status.st_mode):
        for entry in _certificate_files(path):
            try:
                states.append(_file_state(entry.name, entry.stat()))
            except OSError:
                continue
    return tuple(states)


def _certificate_files(path: str) -> list[os.DirEntry[str]]:
    """List what in a directory is named like a certificate, by name."""
    with os.scandir(path) as listing:
        found = [entry for entry in listing if _CERTIFICATE_FILE.fullmatch(entry.name)]
    return sorted(found, key=lambda entry: entry.name)


def _environment_places() -> list[str]:
    """List what SSL_CERT_FILE and SSL_CERT_DIR name; directories that do not exist are passed over."""
    file = os.environ.get("SSL_CERT_FILE")
    directories = os.environ.get("SSL_CERT_DIR", "").split(os.pathsep)
    return [*([file] if file else []), *(path for path in directories if path and os.path.isdir(path))]


def _system_anchors() -> Anchors:
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return _read_places(_environment_places())
    collection = _Collection()
    for loader in _system_loaders:
        for data in loader():
            collection.add(data)
    found = collection.anchors
    for place in (*SYSTEM_BUNDLES, *SYSTEM_DIRECTORIES):
        if not found and os.path.exists(place):
            found = _read_places([place])
    return found
