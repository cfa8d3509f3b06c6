"""OpenSSL's s_server and s_client, and what the versions of its library can do."""

import re
from dataclasses import replace
from pathlib import Path

from tests.interop.peers.base import Client, Peer, Server
from tests.interop.peers.command import (
    PipeClient,
    PipeServer,
    start_on_free_port,
    told_by,
    where,
)
from tests.interop.peers.process import Process
from tests.interop.peers.talk import Talk
from tests.interop.settings import (
    ALL_SUITES,
    CLASSICAL_GROUPS,
    CLASSICAL_SCHEMES,
    CLIENT,
    HYBRID_GROUPS,
    ML_DSA_SCHEMES,
    PURE_ML_KEM,
    Capabilities,
    ClientAuthentication,
    Settings,
)

KEY_UPDATE = {True: b"K\n", False: b"k\n"}
POST_QUANTUM = (3, 5)  # the first release with ML-KEM and ML-DSA


def capabilities(version: tuple[int, ...]) -> Capabilities:
    """Return what an OpenSSL of this version can do, in either role."""
    modern = version >= POST_QUANTUM
    schemes = (*CLASSICAL_SCHEMES, *ML_DSA_SCHEMES) if modern else CLASSICAL_SCHEMES
    return Capabilities(
        suites=ALL_SUITES,
        groups=(*CLASSICAL_GROUPS, *HYBRID_GROUPS, *PURE_ML_KEM) if modern else CLASSICAL_GROUPS,
        schemes=schemes,
        client_schemes=schemes,
    )


def default_groups(version: tuple[int, ...]) -> tuple[str, ...]:
    """Return the groups that an OpenSSL of this version has when it is told none."""
    if version < POST_QUANTUM:
        return CLASSICAL_GROUPS
    return (
        "X25519MLKEM768",
        "x25519",
        "secp256r1",
        "x448",
        "secp384r1",
        "secp521r1",
        "ffdhe2048",
        "ffdhe3072",
    )


class OpenSSL(Peer):
    """The openssl command."""

    name = "openssl"
    hint = "install openssl"

    def found(self) -> bool:
        return where("openssl") is not None

    def version(self) -> str:
        return told_by("openssl", "version").split(" (")[0].strip()

    def _capabilities(self) -> Capabilities:
        if not self.found():
            return capabilities(POST_QUANTUM)
        return capabilities(tuple(int(number) for number in re.findall(r"\d+", self.version())[:3]))

    @property
    def server(self) -> Capabilities:
        return replace(self._capabilities(), closings=(CLIENT,), key_update=True)

    @property
    def client(self) -> Capabilities:
        return replace(self._capabilities(), key_update=True)

    def _common(self, settings: Settings) -> list[str | Path]:
        # From 3.2 on, CCM_8 with its short tag counts as below security level 1.
        command: list[str | Path] = [
            "-tls1_3",
            "-cipher",
            "DEFAULT:@SECLEVEL=0",
            "-CAfile",
            settings.trust,
            "-no-CApath",
            "-no-CAstore",
        ]
        if settings.identity:
            command += ["-cert", settings.identity.chain, "-key", settings.identity.key]
        for option, values, separator in (
            ("-ciphersuites", settings.suites, ":"),
            ("-groups", settings.groups, ":"),
            ("-sigalgs", settings.schemes, ":"),
            ("-alpn", settings.alpn, ","),
        ):
            if values:
                command += [option, separator.join(values)]
        return command

    def server_command(self, settings: Settings, port: int) -> list[str | Path]:
        """Return the command line of s_server, without how much it says."""
        asked: dict[ClientAuthentication, list[str | Path]] = {
            ClientAuthentication.NONE: [],
            ClientAuthentication.REQUEST: ["-verify", "3", "-verify_return_error"],
            ClientAuthentication.REQUIRE: ["-Verify", "3", "-verify_return_error"],
        }
        listen = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}"]
        return [*listen, *self._common(settings), *asked[settings.client_authentication]]

    def serve(self, settings: Settings, directory: Path) -> Server:
        process, port = start_on_free_port(
            lambda port: [*self.server_command(settings, port), "-quiet"], directory
        )
        return PipeServer(process, port)

    def talking_server(self, settings: Settings, directory: Path) -> Talk:
        process, port = start_on_free_port(
            lambda port: self.server_command(settings, port), directory, ready="ACCEPT"
        )
        return Talk(process, port, KEY_UPDATE)

    def talking_client(self, port: int, settings: Settings, directory: Path) -> Talk:
        return Talk(Process(self.client_command(settings, port), directory), port, KEY_UPDATE)

    def client_command(self, settings: Settings, port: int) -> list[str | Path]:
        """Return the command line of s_client, without how much it says."""
        command: list[str | Path] = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}"]
        command += ["-verify_return_error", *self._common(settings)]
        if settings.server_name:
            return [*command, "-servername", settings.server_name, "-verify_hostname", settings.server_name]
        return [*command, "-noservername"]

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
        ending = "-no_ign_eof" if first == CLIENT else "-ign_eof"
        process = Process([*self.client_command(settings, port), "-brief", "-nocommands", ending], directory)
        return PipeClient(process, upload, download, first)
