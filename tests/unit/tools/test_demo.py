"""`make demo` tells a handshake in five steps, with our own server and with OpenSSL's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import lucidtls
from tests.peers_required import require_peer
from tests.unit.io.ends import PATIENCE

ROOT = Path(__file__).parent.parent.parent.parent
STEPS = [
    "Client hello, with its key share",
    "Server generates its secret",
    "Server hello, certificate, signature and Finished",
    "Client verifies, and sends Finished",
    "Secure symmetric encryption achieved",
]


def told(path: str) -> str:
    """What the demo prints, with this search path for programs."""
    environment = {**os.environ, "PYTHONPATH": str(Path(lucidtls.__file__).parent.parent), "PATH": path}
    ended = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=3 * PATIENCE,
        env=environment,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def steps(text: str) -> list[str]:
    """The headings, in order."""
    return re.findall(r"^ \d\. (.*)$", text, re.MULTILINE)


def test_the_demo_tells_five_steps() -> None:
    """Both sides' values are shown as they happen, and without OpenSSL the demo says that it is missing."""
    text = told("/nonexistent")
    assert steps(text) == STEPS
    assert "OpenSSL is not installed here" in text
    secrets = re.findall(r"client handshake traffic secret +((?:[0-9a-f]{2} ){8})", text)
    assert len(secrets) == 2 and secrets[0] == secrets[1], "both sides derive the same secret"
    assert "X25519MLKEM768" in text and "HTTP/1.1 200 OK" in text and "session keys discarded" in text


def test_the_demo_talks_to_openssl() -> None:
    """The same five steps happen with OpenSSL's server, whose secrets stay its own."""
    require_peer("OpenSSL", shutil.which("openssl") is not None, "install openssl")
    text = told(os.environ["PATH"])
    assert steps(text) == STEPS * 2
    assert text.rstrip().endswith("Both connections were TLS 1.3, verified and closed in good order.")
