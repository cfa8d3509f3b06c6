"""Running commands in this process, with what they write and where they keep things under control."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lucidtls import cli
from lucidtls.config import ServerConfig
from lucidtls.io.server import TLSServer
from lucidtls.io.sockets import TLSSocket
from tests.certificates import NOW
from tests.flows.parties import root, server_config

AT = NOW.isoformat()
"""The moment at which the test certificates are valid, for `--at`."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object that is the whole standard output."""
        parsed: dict[str, Any] = json.loads(self.out)
        return parsed

    @property
    def diagnosis(self) -> dict[str, Any]:
        """The first diagnosis of the JSON output."""
        first: dict[str, Any] = self.json["diagnoses"][0]
        return first


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """A function that runs a command and returns how it ended; a traceback fails the test."""
    monkeypatch.setenv("LUCIDTLS_CAROOT", str(tmp_path / "authority"))
    for name in ("NO_COLOR", "FORCE_COLOR", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)

    def run_command(*arguments: object) -> Outcome:
        capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Outcome(code, out, err)

    return run_command


@pytest.fixture
def root_file(tmp_path: Path) -> Path:
    """The root that the test servers' certificates lead to, as a file."""
    path = tmp_path / "root.pem"
    path.write_bytes(root().pem)
    return path


def greet(tls: TLSSocket) -> None:
    """Answer one HTTP request."""
    request = b""
    while b"\r\n\r\n" not in request:
        data = tls.recv(65536)
        if not data:
            return
        request += data
    tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n")


@pytest.fixture
def serving() -> Iterator[Callable[..., int]]:
    """A function that starts a TLS server with a config, or with choices for one, and returns its port."""
    servers: list[TLSServer] = []

    def start(config: ServerConfig | None = None, handler: Any = greet, **choices: Any) -> int:
        server = TLSServer(
            config or server_config(**choices), handler, failed=lambda error, address: None, timeout=5
        )
        servers.append(server.start())
        return server.port

    yield start
    for server in servers:
        server.stop()
