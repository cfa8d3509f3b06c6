"""Put the peers that no Debian package has where the tests look: `python -m tests.interop.install`.

So far that is one: Node 24, for OpenSSL 3.5 with ML-KEM and ML-DSA, from the npm registry.
"""

import shutil
import subprocess
import sys

from tests.interop.peers.node import CACHE, MODERN

PACKAGE = "node@24"


def main() -> int:
    """Install what is not there yet; return the exit status."""
    if MODERN.exists():
        return 0
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not installed", file=sys.stderr)
        return 1
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--prefix", str(CACHE), "--no-audit", "--no-fund", "--no-save", PACKAGE]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
