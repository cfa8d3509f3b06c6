"""`lucidtls cert dev`: a certificate for development, as files."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from lucidtls.errors import ConfigurationError
from lucidtls.tools import exits
from lucidtls.tools.certificates import as_json
from lucidtls.tools.development import (
    DEFAULT_NAMES,
    PKCS12_PASSWORD,
    Authority,
    Issued,
    Kind,
    data_directory,
    file_stem,
    open_authority,
    write_private,
)
from lucidtls.tools.document import Blank, Document, Heading, line
from lucidtls.tools.failures import local_failure
from lucidtls.tools.findings import CommandFailed
from lucidtls.tools.report import Clock, envelope
from lucidtls.tools.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Written:
    """What was issued, and the files it went to."""

    authority: Authority
    made_authority: bool
    folder: Path
    issued: Issued
    files: dict[str, Path]


def run_dev(options: argparse.Namespace, terminal: Terminal) -> int:
    """Issue a certificate and write it; the exit code."""
    clock = Clock()
    try:
        written = issue_files(options)
    except ConfigurationError as error:
        raise CommandFailed(local_failure(error, "cert-dev")) from error
    except OSError as error:
        raise CommandFailed(local_failure(error, "cert-dev")) from error
    if options.json:
        terminal.emit_json(envelope("cert-dev", clock, exits.OK, [], _as_json(written)))
    else:
        terminal.show(_document(written, options))
    return exits.OK


def issue_files(options: argparse.Namespace) -> Written:
    """Issue what the options ask for, and write the files."""
    kind: Kind = "unconstrained" if options.constrain == "any" else "constrained"
    if options.intermediate:
        kind = "intermediate"
    authority, made = open_authority(kind)
    names = tuple(options.names) or (("client",) if options.client else DEFAULT_NAMES)
    issued = authority.issue(names, client=options.client, kind=options.key, days=options.days)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    stem = file_stem(names[0])
    files = {"certificate": out / f"{stem}.pem", "key": out / f"{stem}-key.pem", "root": out / "root.pem"}
    for file in files.values():
        _require_ours(file)
    write_private(files["key"], issued.key_pem())
    files["certificate"].write_bytes(issued.chain_pem())
    files["root"].write_bytes(authority.root_pem())
    if options.p12:
        files["pkcs12"] = out / f"{stem}.p12"
        write_private(files["pkcs12"], issued.pkcs12(PKCS12_PASSWORD))
    return Written(authority, made, data_directory() / kind, issued, files)


def _require_ours(file: Path) -> None:
    """Refuse to replace a certificate that another authority issued, or a key that belongs to one."""
    beside = file.with_name(file.name.replace("-key.pem", ".pem"))
    if not file.exists():
        return
    try:
        found = x509.load_pem_x509_certificates(beside.read_bytes())[0]
    except (ValueError, OSError):
        raise ConfigurationError(
            f"{file} exists already and is not from here; choose another --out"
        ) from None
    if "lucidtls development" not in found.issuer.rfc4514_string():
        raise ConfigurationError(f"{file} exists already and is not from here; choose another --out")


def _document(written: Written, options: argparse.Namespace) -> Document:
    names = ", ".join(written.issued.names)
    leaf = written.issued.certificate
    document = Document()
    purpose = "client" if options.client else "server"
    document.add(Heading("ok", f"{purpose} certificate for {names}"), Blank())
    document.row("Certificate", f"{written.files['certificate']}   until {leaf.not_valid_after_utc:%Y-%m-%d}")
    document.row("Key", f"{written.files['key']}   (readable by you alone)")
    if "pkcs12" in written.files:
        document.row("PKCS#12", f"{written.files['pkcs12']}   password: {PKCS12_PASSWORD.decode()}")
    document.row("Root", f"{written.files['root']}   trusted by nobody until you say so")
    made = "made just now" if written.made_authority else "as before"
    document.row("Authority", f"{written.folder}   ({made})")
    document.add(Blank())
    document.row("Try", *(line(command) for command in _commands(written, options)))
    return document


def _commands(written: Written, options: argparse.Namespace) -> Sequence[str]:
    files = {name: shlex.quote(str(path)) for name, path in written.files.items()}
    pair = f"--cert {files['certificate']} --key {files['key']}"
    if options.client:
        return (
            f"lucidtls connect HOST {pair}",
            f"lucidtls serve --client-cert require --client-ca {files['root']}",
        )
    return (
        f"lucidtls serve {pair}",
        f"lucidtls connect {written.issued.names[0]}:8443 --ca {files['root']}",
        f"curl --cacert {files['root']} https://{written.issued.names[0]}:8443/",
    )


def _as_json(written: Written) -> dict[str, Any]:
    now = datetime.now(UTC)
    chain = (written.issued.certificate, *written.issued.chain, written.authority.root)
    return {
        "names": list(written.issued.names),
        "files": {name: str(path.absolute()) for name, path in written.files.items()},
        "authority": {"directory": str(written.folder), "made": written.made_authority},
        "chain": [as_json(der_of(one), place, now) for place, one in enumerate(chain)],
    }


def der_of(certificate: x509.Certificate) -> bytes:
    """The certificate in DER."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)
