"""curl, the most used of all TLS clients."""

import re
from dataclasses import replace
from pathlib import Path

from tests.interop.peers.base import Client, Peer, Stream
from tests.interop.peers.ciphers import cipher_list
from tests.interop.peers.command import told_by, where
from tests.interop.peers.openssl import OLDER, capabilities, library
from tests.interop.peers.process import Process
from tests.interop.settings import CLIENT, SERVER, STRANGER, Capabilities, Outcome, Settings, pattern
from tests.interop.suites import PSK_EXCHANGES

OPENSSL = re.compile(r"OpenSSL/(\d+)\.(\d+)")


CURL_OLDER = replace(
    library(
        OLDER,
        ("pre-shared keys", "curl has no option for them"),
        ("leaving out extended_master_secret, encrypt_then_mac", "curl has no option for it"),
        without=PSK_EXCHANGES,
    ),
    switches=(),
)


class CurlClient(Client):
    """One PUT request: the upload is its body, the download the response's."""

    def __init__(self, process: Process, upload: int, download: int, first: str) -> None:
        self._process = process
        self._upload = upload
        self._download = download
        self._first = first

    def converse(self, stream: Stream) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += stream.read(1)
        assert head.startswith(b"PUT /interop HTTP/1.1\r\n"), head
        assert stream.read(self._upload) == pattern(self._upload), "the client's data arrived changed"
        connection = b"close" if self._first == SERVER else b"keep-alive"
        header = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: %b\r\n\r\n"
        stream.send(header % (self._download, connection) + pattern(self._download))

    def finish(self, stream: Stream) -> None:
        if self._first == SERVER:
            stream.close_write()
        assert stream.read_to_end() == b"", "data after the end of the conversation"
        if self._first == CLIENT:
            stream.close_write()

    def outcome(self) -> Outcome:
        status = self._process.wait()
        received = self._process.stdout()
        if not status:
            assert received == pattern(self._download), "our data arrived changed"
        return Outcome(
            error=f"exit status {status}" if status else None,
            received=len(received),
            output=self._process.shown(),
        )

    def gone(self) -> bool:
        return not self._process.running

    def stop(self) -> None:
        self._process.stop()

    def shown(self) -> str:
        return self._process.shown()


class Curl(Peer):
    """The curl command, with whatever OpenSSL it was built with."""

    name = "curl"
    hint = "install curl, built with OpenSSL"

    def found(self) -> bool:
        return where("curl") is not None and OPENSSL.search(told_by("curl", "--version")) is not None

    def version(self) -> str:
        words = told_by("curl", "--version").split()
        return f"{words[1]} ({words[4].replace('/', ' ')})"

    @property
    def client(self) -> Capabilities:
        found = OPENSSL.search(told_by("curl", "--version")) if self.found() else None
        library = capabilities((int(found[1]), int(found[2])) if found else (3, 5))
        return Capabilities(
            suites=library.suites,
            groups=library.groups,
            schemes=library.schemes,
            client_schemes=library.schemes,
            alerts_about=(STRANGER,),  # it compares names after the handshake
            older=CURL_OLDER,
        )

    def connect(
        self,
        port: int,
        settings: Settings,
        directory: Path,
        *,
        upload: int = 100,
        download: int = 100,
        first: str = CLIENT,
    ) -> Client:
        directory.mkdir(parents=True, exist_ok=True)
        body = directory / f"upload-{port}"
        body.write_bytes(pattern(upload))
        name = settings.server_name or "127.0.0.1"
        command: list[str | Path] = ["curl", "--silent", "--show-error", "--max-time", "30"]
        lowest, highest = (settings.versions[index].removeprefix("TLS ") for index in (0, -1))
        command += [f"--tlsv{lowest}", "--tls-max", highest]
        command += ["--cacert", settings.trust, "--resolve", f"{name}:{port}:127.0.0.1"]
        command += ["--http1.1" if settings.alpn else "--no-alpn"]
        if settings.identity:
            command += ["--cert", settings.identity.chain, "--key", settings.identity.key]
        if settings.versions != ("TLS 1.3",):
            command += ["--ciphers", cipher_list(settings.suites)]
            command += ["--insecure"] if settings.anonymous else []
        elif settings.suites:
            command += ["--tls13-ciphers", ":".join(settings.suites)]
        if settings.groups:
            command += ["--curves", ":".join(settings.groups)]
        command += ["--header", "Expect:", "--upload-file", body, f"https://{name}:{port}/interop"]
        return CurlClient(Process(command, directory), upload, download, first)
