"""`make demo` tells TLS 1.3 in five steps, with our own server and with OpenSSL's, and TLS 1.2 in nine."""

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


NINE_STEPS = [
    "Client hello",
    "Server hello, with its certificate",
    "Authentication",
    "The premaster secret, encrypted with the server's public key",
    "The private key is used to decrypt it",
    "Session keys, from client random, server random and premaster secret",
    "Client Finished",
    "Server Finished",
    "Symmetric encryption",
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


def test_the_demo_tells_every_step() -> None:
    """Both sides' values are shown as they happen, and without OpenSSL the demo says that it is missing."""
    text = told("/nonexistent")
    assert steps(text) == STEPS + NINE_STEPS
    assert "OpenSSL is not installed here" in text
    secrets = re.findall(r"client handshake traffic secret +((?:[0-9a-f]{2} ){8})", text)
    assert len(secrets) == 2 and secrets[0] == secrets[1], "both sides derive the same secret"
    assert "X25519MLKEM768" in text and "HTTP/1.1 200 OK" in text and "session keys discarded" in text


def test_the_demo_talks_to_openssl() -> None:
    """The same five steps happen with OpenSSL's server, whose secrets stay its own."""
    require_peer("OpenSSL", shutil.which("openssl") is not None, "install openssl")
    text = told(os.environ["PATH"])
    assert steps(text) == STEPS * 2 + NINE_STEPS
    assert "Both connections were TLS 1.3, verified and closed in good order." in text


def test_the_nine_steps_show_what_each_side_computed() -> None:
    """With RSA key exchange both sides make the same keys from one premaster secret (RFC 5246 §8.1)."""
    text = told("/nonexistent").partition("nine steps.")[2]
    assert max(map(len, text.splitlines())) <= 80

    def values(pattern: str) -> list[str]:
        return re.findall(rf"^    {pattern} +((?:[0-9a-f]{{2}} )+)", text, re.MULTILINE)

    for name in ("main secret", "key block", "client_write_key", "server_write_key", "client_write_IV"):
        pattern = rf"^    client  {name} +(.*)\n    server  makes the same +(.*)$"
        ((mine, theirs),) = re.findall(pattern, text, re.MULTILINE)
        assert mine == theirs
    (made,) = values("client  premaster secret")
    assert made.startswith("03 03 "), "it begins with the version that the client offered"
    assert values("server  finds the same") == [made]
    assert values("client  takes premaster secret") == values("server  takes premaster secret") == [made]
