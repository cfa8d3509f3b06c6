"""Go's crypto/tls, through ../go/main.go."""

import fcntl
import shutil
import subprocess
from functools import cache
from hashlib import sha256
from pathlib import Path

from tests.interop.peers.node import CACHE
from tests.interop.peers.process import PeerFailure
from tests.interop.peers.program import ProgramPeer
from tests.interop.settings import (
    ECDSA_SCHEMES,
    HYBRID_GROUPS,
    NIST_CURVES,
    PKCS1_SCHEMES,
    PSK_13,
    RSAE_SCHEMES,
    SHA1_SCHEMES,
    TICKET_12,
    Capabilities,
    Lasting,
    Older,
)
from tests.interop.suites import Suite, names_where

SOURCES = Path(__file__).parents[1] / "go"
INSTALLED = Path("/usr/local/go/bin/go")  # where go.dev's own archive goes
SCHEMES = (*RSAE_SCHEMES, *ECDSA_SCHEMES, "ed25519")
BUILD_SECONDS = 300  # the first build compiles crypto/tls


def compiler() -> str | None:
    """Return the go command."""
    return shutil.which("go") or (str(INSTALLED) if INSTALLED.exists() else None)


@cache
def build() -> Path:
    """Compile the program once for all test processes; return its path."""
    sources = b"".join(path.read_bytes() for path in sorted(SOURCES.iterdir()))
    directory = CACHE / f"go-{sha256(sources).hexdigest()[:16]}"
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / "peer"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            command = [str(compiler()), "build", "-o", str(program), "."]
            done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, timeout=BUILD_SECONDS)
            if done.returncode:
                raise PeerFailure(f"{' '.join(command)}\n{done.stderr}")
    return program


CIPHERS = (
    "AES_128_CBC",
    "AES_256_CBC",
    "AES_128_GCM",
    "AES_256_GCM",
    "CHACHA20_POLY1305",
    "RC4_128",
    "3DES_EDE_CBC",
)


def implemented(suite: Suite) -> bool:
    """Whether Go has a suite."""
    if suite.exchange not in {"RSA", "ECDHE_RSA", "ECDHE_ECDSA"} or suite.cipher not in CIPHERS:
        return False
    if suite.exchange == "ECDHE_ECDSA" and suite.cipher == "3DES_EDE_CBC":
        return False
    hashes = {"AES_128_CBC": {"SHA", "SHA256"}, "AES_256_CBC": {"SHA"}, "RC4_128": {"SHA"}}
    return suite.hash in hashes.get(suite.cipher, {suite.hash})


OLDER = Older(
    suites=names_where(implemented),
    curves=("x25519", *NIST_CURVES),
    schemes=(*RSAE_SCHEMES, *PKCS1_SCHEMES, *ECDSA_SCHEMES, "ed25519", *SHA1_SCHEMES),
    client_schemes=(*RSAE_SCHEMES, *PKCS1_SCHEMES, *ECDSA_SCHEMES, "ed25519", *SHA1_SCHEMES),
    lacks=(
        ("DHE_RSA", "Go has no finite-field Diffie-Hellman"),
        ("PSK, DHE_PSK, ECDHE_PSK, RSA_PSK", "Go has no pre-shared keys"),
        ("DH_anon, ECDH_anon", "Go has no anonymous suites"),
        ("AES-CCM, NULL, CBC with SHA-384", "not implemented in Go"),
        ("ed448, x448, RSA keys bound to PSS", "not implemented in Go"),
        ("encrypt_then_mac", "not implemented in Go"),
        ("leaving out extended_master_secret", "Go has no switch for it"),
    ),
)


LASTING = Lasting(
    resumes=(PSK_13, TICKET_12),
    exports=("TLS 1.2", "TLS 1.3"),
    lacks=(
        ("resumption by session id", "Go has tickets alone"),
        ("external PSK, early data, late authentication", "not implemented in crypto/tls but for QUIC"),
    ),
)


class Go(ProgramPeer):
    """crypto/tls. It always offers all three of its TLS 1.3 suites, and sends no KeyUpdate of its own."""

    name = "go"
    hint = "install Go 1.26 or later"
    # RSA keys bound to PSS, Ed448 and CCM are not implemented in Go.
    server = Capabilities(
        groups=("x25519", *NIST_CURVES, *HYBRID_GROUPS),
        schemes=SCHEMES,
        client_schemes=SCHEMES,
        hybrids_first=True,
        older=OLDER,
        lasting=LASTING,
    )
    client = server

    def found(self) -> bool:
        return compiler() is not None

    def command(self) -> list[str | Path]:
        return [build()]

    def environment(self) -> dict[str, str]:
        # SHA-1 in TLS 1.2 is off otherwise; versions and suites are chosen in tls.Config.
        return {"GODEBUG": "tlssha1=1"}
