"""The programs in the README and in the documentation run as they are printed.

A block of Python after the line `<!-- runs -->` runs; the blocks of one document run one after the other,
in one namespace, in a folder that holds the certificates they speak of. Port 8443 becomes that of a server
on loopback which is not ours: it is the standard library's.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

import lucidtls
from lucidtls.crypto.groups import GROUPS
from lucidtls.wire import codepoints

ROOT = Path(__file__).parent.parent
_RUNS = re.compile(r"^<!-- runs -->\n+```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW_WITH_CODE = re.compile(
    r"^\|.*?`?(?P<name>[A-Za-z0-9_]{4,})`?.*?\b(?P<code>0x[0-9a-fA-F]{4})\b.*\|$", re.MULTILINE
)

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]
DOCUMENTS = [path for path in DOCUMENTS if "generated" not in path.parts]
WITH_PROGRAMS = [path for path in DOCUMENTS if _RUNS.search(path.read_text(encoding="utf-8"))]

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

needs_engine = pytest.mark.skipif(
    not hasattr(lucidtls, "ClientConnection"), reason="the package exports nothing yet"
)


def relative(path: Path) -> str:
    """Name a document for pytest."""
    return str(path.relative_to(ROOT))


class Authority:
    """A small certificate authority that writes what it issues into a folder."""

    def __init__(self, folder: Path, file: str) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Example {file}")])
        self.certificate = self.sign(self.name, self.key, x509.BasicConstraints(ca=True, path_length=None))
        self.write(f"{file}.pem", self.certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, subject: x509.Name, key: Key, *extensions: x509.ExtensionType) -> x509.Certificate:
        """Sign a certificate that is valid today."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, file: str, names: list[x509.GeneralName], key: Key | None = None) -> None:
        """Write `file`.pem and `file`-key.pem for these names."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, file)])
        leaf = self.sign(subject, key, x509.SubjectAlternativeName(names))
        self.write(f"{file}.pem", leaf.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.write(f"{file}-key.pem", private)

    def write(self, name: str, data: bytes) -> None:
        """Write one file."""
        (self.folder / name).write_bytes(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificates that the documents speak of."""
    folder = tmp_path_factory.mktemp("examples")
    authority = Authority(folder, "root")
    Authority(folder, "other-root")
    localhost: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    authority.issue("localhost", localhost)
    authority.issue("localhost-rsa", localhost, rsa.generate_private_key(65537, 2048))
    authority.issue("other", [x509.DNSName("other.example")])
    authority.issue("client", [x509.RFC822Name("client@example.org")])
    return folder


def answer(tls: ssl.SSLSocket) -> None:
    """Read one request and answer it, as a very small web server."""
    with tls, suppress(OSError):  # a client that refuses us goes away in the middle: that is its example
        tls.do_handshake()
        if tls.recv(4096):
            tls.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello\n")
            tls.unwrap()


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """The port of a TLS 1.3 server on loopback that is not ours."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(folder / "localhost.pem", folder / "localhost-key.pem")
    listener = socket.create_server(("", 0))
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            connection, _ = listener.accept()
            connection.settimeout(10)
            if not stopping.is_set():
                answer(context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False))
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    number: int = listener.getsockname()[1]
    yield number
    stopping.set()
    socket.create_connection(("127.0.0.1", number)).close()
    thread.join(10)
    listener.close()


@needs_engine
@pytest.mark.parametrize("document", WITH_PROGRAMS, ids=relative)
def test_programs_in_documents_run(
    document: Path,
    folder: Path,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the documentation says about making TLS connections can be tried as it stands."""
    monkeypatch.chdir(folder)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    text = document.read_text(encoding="utf-8")
    for match in _RUNS.finditer(text):
        line = text.count("\n", 0, match.start("code"))
        code = "\n" * line + match["code"].replace("8443", str(port))
        exec(compile(code, str(document), "exec"), namespace)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_code_in_documents_is_python(document: Path) -> None:
    """An example of TLS that needs the Internet, and so does not run here, is at least correct Python."""
    text = document.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        code = match["code"]
        if code.startswith(("# before", "    ")):
            continue  # fragments, shown for their style
        compile(code, str(document), "exec")


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_code_points_in_documents_are_right(document: Path) -> None:
    """A name and a code point in one row of a table belong together in the IANA registries."""
    tables = (
        codepoints.CIPHER_SUITES,
        codepoints.GROUPS,
        codepoints.SIGNATURE_SCHEMES,
        codepoints.EXTENSIONS,
    )
    known = {name: code for table in tables for code, name in table.items()}
    for match in _ROW_WITH_CODE.finditer(document.read_text(encoding="utf-8")):
        assert known.get(match["name"]) == int(match["code"], 16), match[0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    """A reader who follows a link from the README to the page about TLS errors arrives."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        if "generated/" not in target:
            assert (document.parent / target).exists(), target


def test_every_generated_page_can_be_made() -> None:
    """The tables of extensions, algorithms and alerts in the documentation come from the code itself."""
    from docs import generated_pages

    pages = {name: make() for name, make in generated_pages.PAGES.items()}
    assert all(page.startswith("# ") and page.count("\n") > 5 for page in pages.values())
    assert all(group.name in pages["algorithms"] for group in GROUPS.values())
