"""Node's tls module, through ../programs/peer.js: the distribution's Node, and Node 24 with OpenSSL 3.5.

Node 24 comes from the npm registry: `python -m tests.interop.install` puts it where this module looks.
"""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from tests.interop.peers.openssl import LIBRARY, OLDER, capabilities
from tests.interop.peers.program import ProgramPeer
from tests.interop.settings import Capabilities

PROGRAM = Path(__file__).parents[1] / "programs" / "peer.js"
CACHE = Path(__file__).parents[3] / "build" / "interop"
MODERN = CACHE / "node_modules" / ".bin" / "node"


LASTING = replace(
    LIBRARY,
    exports=("TLS 1.2", "TLS 1.3"),
    lacks=(("early data, late authentication", "Node has no functions for them"),),
)


def openssl_of(node: str) -> tuple[int, ...]:
    """Return the version of OpenSSL inside a Node."""
    told = subprocess.run(
        [node, "-p", "process.versions.openssl"], capture_output=True, text=True, timeout=30
    )
    return tuple(int(number) for number in re.findall(r"\d+", told.stdout)[:3])


class Node(ProgramPeer):
    """The Node on the path, which in Debian 12 has OpenSSL 3.0."""

    name = "node"
    hint = "install nodejs"

    def node(self) -> str | None:
        """Return the node command."""
        return shutil.which("node")

    def found(self) -> bool:
        return self.node() is not None

    def version(self) -> str:
        greeting = self.program().greeting
        return f"{greeting['version']} (OpenSSL {greeting['openssl']})"

    @cached_property
    def _capabilities(self) -> Capabilities:
        node = self.node()
        # Its callbacks judge certificates after the handshake, and end the connection without an alert.
        library = capabilities(openssl_of(node) if node else (3, 5))
        return replace(library, alerts_about=(), older=OLDER, lasting=LASTING)

    @property
    def server(self) -> Capabilities:
        return self._capabilities

    @property
    def client(self) -> Capabilities:
        # It pays the KeyUpdate it owes, and then forgets its close_notify.
        return replace(self._capabilities, update_before_closing=False)

    def command(self) -> list[str | Path]:
        return [str(self.node()), PROGRAM]


class ModernNode(Node):
    """A Node with OpenSSL 3.5 or later: ML-KEM and ML-DSA."""

    name = "node24"
    hint = "run: python -m tests.interop.install"

    def node(self) -> str | None:
        told = os.environ.get("LUCIDTLS_NODE24")
        if told:
            return told
        return str(MODERN) if MODERN.exists() else None
