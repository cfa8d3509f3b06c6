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
    RSAE_SCHEMES,
    Capabilities,
)

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
    )
    client = server

    def found(self) -> bool:
        return compiler() is not None

    def command(self) -> list[str | Path]:
        return [build()]
