"""NSS's selfserv and tstclnt, which keep certificates and keys in a database of their own."""

import re
import subprocess
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from tests.interop.peers.base import Client, Peer, Server, Stream
from tests.interop.peers.command import (
    CommandServer,
    PipeClient,
    start_on_free_port,
    told_by,
    where,
)
from tests.interop.peers.lines import LineClient, lines
from tests.interop.peers.process import PeerFailure, Process
from tests.interop.settings import (
    AES_128_GCM,
    AES_256_GCM,
    CHACHA20,
    CLIENT,
    ECDSA_SCHEMES,
    FFDHE,
    ID_12,
    NIST_CURVES,
    PKCS1_SCHEMES,
    PSK_13,
    PSS_SCHEMES,
    RSAE_SCHEMES,
    SERVER,
    SHA1_SCHEMES,
    TICKET_12,
    Capabilities,
    ClientAuthentication,
    Facts,
    Lasting,
    Older,
    Outcome,
    Settings,
    pattern,
)
from tests.interop.suites import SIGNED_EXCHANGES, names_where
from tests.interop.suites import SUITES as OLDER_SUITES

COMMANDS = ("selfserv", "tstclnt", "certutil", "pk12util", "openssl")
SUITES = {AES_128_GCM: ":1301", AES_256_GCM: ":1302", CHACHA20: ":1303"}
GROUPS = {
    "x25519": "x25519",
    "secp256r1": "P256",
    "secp384r1": "P384",
    "secp521r1": "P521",
    "ffdhe2048": "FF2048",
    "ffdhe3072": "FF3072",
    "ffdhe4096": "FF4096",
    "ffdhe6144": "FF6144",
    "ffdhe8192": "FF8192",
}
SCHEMES = (*RSAE_SCHEMES, *PSS_SCHEMES, *ECDSA_SCHEMES)
OLDER_SCHEMES = (*SCHEMES, *PKCS1_SCHEMES, *SHA1_SCHEMES)
OLDER = Older(
    # No pre-shared keys, no AES-CCM; anonymous suites are named and not implemented.
    suites=names_where(
        lambda suite: suite.exchange in ("RSA", *SIGNED_EXCHANGES) and "CCM" not in suite.cipher
    ),
    curves=("x25519", *NIST_CURVES),
    finite_fields=FFDHE,
    schemes=OLDER_SCHEMES,
    client_schemes=OLDER_SCHEMES,
    lacks=(
        ("PSK, DHE_PSK, ECDHE_PSK, RSA_PSK", "NSS has pre-shared keys in TLS 1.3 alone"),
        ("DH_anon, ECDH_anon", "not implemented in NSS"),
        ("AES-CCM", "not implemented in NSS"),
        ("ed25519, ed448, x448", "not implemented in NSS 3.87"),
        ("encrypt_then_mac", "not implemented in NSS"),
        ("taking 10 MB as a server", "selfserv reads a request of at most 10,240 octets"),
        ("leaving out extended_master_secret", "the programs' switch turns on what is on already"),
    ),
)
LASTING = Lasting(
    resumes=(PSK_13, TICKET_12, ID_12),
    external_psk=True,
    exports=("TLS 1.2", "TLS 1.3"),
    lacks=(("early data", "NSS takes none for as long as its memory of hellos is new"),),
)
SERVER_LASTING = replace(
    LASTING,
    external_psk=False,
    lacks=(
        *LASTING.lacks,
        ("external PSK", "selfserv shows its own and uses its certificate, with tstclnt too"),
    ),
)
HITS = re.compile(r"(\d+) cache hits")
MATERIAL = re.compile(r"Keying Material:\s+([0-9a-f:]+(?:\s+[0-9a-f:]+)*)")
PASSWORD = "interop"
UPLOAD = 100
BLOCK = bytes(range(256)) * 64
LARGEST_REQUEST = 10_000  # selfserv reads a request into a buffer of 10,240 octets


def run(*command: str | Path) -> None:
    """Run one of NSS's database tools."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise PeerFailure(f"$ {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def database(settings: Settings, directory: Path) -> str:
    """Make a database with the trust and the identity of the settings; return its name for NSS."""
    directory.mkdir(parents=True, exist_ok=True)
    where = f"sql:{directory}"
    run("certutil", "-N", "-d", where, "--empty-password")
    run("certutil", "-A", "-d", where, "-n", "root", "-t", "CT,C,C", "-i", settings.trust)
    if settings.identity:
        bundle = directory / "identity.p12"
        identity = settings.identity
        files: list[str | Path] = ["-in", identity.chain, "-inkey", identity.key, "-out", bundle]
        run("openssl", "pkcs12", "-export", "-name", "identity", "-passout", f"pass:{PASSWORD}", *files)
        run("pk12util", "-i", bundle, "-d", where, "-W", PASSWORD, "-K", "")
    return where


def read_facts(told: str) -> Facts:
    """Return what the programs show of the newest connection. Their caches count from the start."""
    hits, material = [0, *map(int, HITS.findall(told))], MATERIAL.findall(told)
    return Facts(
        resumed=len(hits) > 1 and hits[-1] > hits[-2],
        exported="".join(re.findall(r"[0-9a-f]{2}", material[-1])) if material else None,
    )


class EchoingHTTPServer(CommandServer):
    """selfserv: answers a request with the request itself, and closes."""

    def converse(self, stream: Stream, upload: int, download: int, first: str = CLIENT) -> None:
        filling = b"x" * min(max(upload, download), LARGEST_REQUEST)
        request = b"GET / HTTP/1.0\r\nX-Filling: " + filling + b"\r\n\r\n"
        stream.send(request)
        answer = b""
        while more := stream.read_some():
            answer += more
        assert answer.startswith(b"HTTP/1.0 200 OK\r\n"), answer[:100]
        assert request in answer, "our data arrived changed"

    def finish(self, stream: Stream, first: str = CLIENT) -> None:
        """Close after the server, which has closed already."""
        stream.close_write()


class ToldServer(EchoingHTTPServer):
    """The same, and what it shows of each connection, in its own time, is read."""

    def __init__(self, process: Process, port: int) -> None:
        super().__init__(process, port)
        self._told = 0

    def outcome(self) -> Outcome:
        self._told += 1
        self.process.wait_for(f"(?s)(cache hits.*?){{{self._told}}}")
        return Outcome(facts=read_facts(self.process.text()), output=self.shown())


class FileVisit(LineClient):
    """One of the connections that tstclnt -A -L makes."""

    def __init__(self, process: Process, upload: int, *, last: bool) -> None:
        super().__init__(process, read_facts, first=SERVER, last=last)
        self._upload = upload

    def converse(self, stream: Stream) -> None:
        assert stream.read(self._upload) == pattern(self._upload), "the client's data arrived changed"
        ours, _ = lines()
        seen = self.process.length()
        stream.send(ours)
        self.process.wait_for(ours.decode().strip(), after=seen)


class FileClient(PipeClient):
    """tstclnt -A: sends a file. It does not notice the end of a pipe, and would wait for ever."""

    def send_upload(self) -> None:
        """Do nothing: it sends the file by itself."""


class NSS(Peer):
    """The two test programs that libnss3-tools has."""

    name = "nss"
    hint = "install libnss3-tools and openssl"
    server = Capabilities(
        groups=tuple(GROUPS),
        schemes=SCHEMES,
        client_schemes=SCHEMES,
        alpn=False,
        closings=(SERVER,),  # after every answer
        older=OLDER,
        lasting=SERVER_LASTING,
        bulk=False,  # a request has to fit its buffer
    )
    client = Capabilities(
        groups=tuple(GROUPS),
        schemes=SCHEMES,
        client_schemes=SCHEMES,
        alpn=False,
        closings=(SERVER,),  # tstclnt stays until the server has closed
        older=OLDER,
        lasting=LASTING,
    )

    def found(self) -> bool:
        return all(where(command) for command in COMMANDS)

    def version(self) -> str:
        told = told_by("dpkg-query", "--show", "--showformat=${Version}", "libnss3-tools")
        return told.split(":")[-1].split("-")[0].strip()

    def _versions(self, settings: Settings) -> list[str]:
        """Return the options for versions. RSA keys bound to PSS are not in its default schemes."""
        lowest, highest = (settings.versions[index].replace("TLS ", "tls") for index in (0, -1))
        if settings.versions == ("TLS 1.3",):
            return ["-V", f"{lowest}:{highest}", "-J", ",".join(SCHEMES)]
        return ["-V", f"{lowest}:{highest}", "-J", ",".join(OLDER_SCHEMES)]

    @staticmethod
    def _client_fields(settings: Settings) -> list[str]:
        """Return what makes a client name the fields of RFC 7919 before TLS 1.3."""
        named = set(FFDHE) & set(settings.groups or ())
        return ["-H"] if named and settings.versions != ("TLS 1.3",) else []

    def _common(self, settings: Settings, directory: Path) -> list[str | Path]:
        command: list[str | Path] = ["-d", database(settings, directory / "nss"), *self._versions(settings)]
        if settings.suites:
            codes = SUITES | {name: suite.nss for name, suite in OLDER_SUITES.items()}
            command += ["-c", "".join(codes[suite] for suite in settings.suites)]
        if settings.groups:
            command += ["-I", ",".join(GROUPS[group] for group in settings.groups)]
        if settings.exporter:
            command += ["-x", f"{settings.exporter.label}:{settings.exporter.length}"]
        if settings.psk:
            command += ["-z", f"0x{settings.psk.key.hex()}:{settings.psk.identity}"]
        return command

    def serve(self, settings: Settings, directory: Path) -> Server:
        return EchoingHTTPServer(*self._start(settings, directory))

    def lasting_server(self, settings: Settings, directory: Path) -> Server:
        return ToldServer(*self._start(settings, directory, *(["-u"] if settings.tickets else [])))

    def _start(self, settings: Settings, directory: Path, *more: str) -> tuple[Process, int]:
        asked: dict[ClientAuthentication, list[str]] = {
            ClientAuthentication.NONE: [],
            ClientAuthentication.REQUEST: ["-r"],
            ClientAuthentication.REQUIRE: ["-r", "-r"],
        }
        options = [*self._common(settings, directory), *asked[settings.client_authentication], *more]
        return start_on_free_port(
            lambda port: ["selfserv", "-v", "-n", "identity", "-p", str(port), *options],
            directory,
            "About to call accept",
        )

    def serve_blocks(self, settings: Settings, directory: Path, blocks: int) -> CommandServer:
        """Start a server that answers every request with so many blocks, and one more, of 16 KB."""
        options = self._common(settings, directory)
        process, port = start_on_free_port(
            lambda port: ["selfserv", "-v", "-g", str(blocks), "-n", "identity", "-p", str(port), *options],
            directory,
            "About to call accept",
        )
        return EchoingHTTPServer(process, port)

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
        return FileClient(
            Process(self._client_command(port, settings, directory, upload), directory),
            upload,
            download,
            first,
        )

    def returning_client(
        self, port: int, settings: Settings, directory: Path, visits: int = 2
    ) -> Generator[Client]:
        settings = replace(settings, suites=None)  # tstclnt frees the list of suites after each connection
        command = [*self._client_command(port, settings, directory, UPLOAD), "-v", "-L", str(visits)]
        process = Process([*command, *(["-u"] if settings.tickets else [])], directory)
        try:
            for left in reversed(range(visits)):
                yield FileVisit(process, UPLOAD, last=left == 0)
        finally:
            process.stop()

    def _client_command(
        self, port: int, settings: Settings, directory: Path, upload: int
    ) -> list[str | Path]:
        directory.mkdir(parents=True, exist_ok=True)
        body = directory / f"upload-{port}"
        body.write_bytes(pattern(upload))
        command: list[str | Path] = ["tstclnt", "-h", "127.0.0.1", "-p", str(port), "-A", body]
        command += self._common(settings, directory)
        command += self._client_fields(settings)
        if settings.server_name:
            command += ["-a", settings.server_name]
        if settings.anonymous:
            command.append("-o")
        if settings.identity:
            command += ["-n", "identity"]
        return command
