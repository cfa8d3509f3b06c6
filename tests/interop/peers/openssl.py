"""OpenSSL's s_server and s_client, and what the versions of its library can do."""

import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from tests.interop.peers.base import Client, Peer, Server
from tests.interop.peers.ciphers import cipher_list
from tests.interop.peers.command import (
    PipeClient,
    PipeServer,
    start_on_free_port,
    told_by,
    where,
)
from tests.interop.peers.lines import LineClient, LineServer
from tests.interop.peers.names import plain_version
from tests.interop.peers.process import Process
from tests.interop.peers.talk import Talk
from tests.interop.settings import (
    ALL_SUITES,
    CLASSICAL_GROUPS,
    CLASSICAL_SCHEMES,
    CLIENT,
    EMS,
    ETM,
    HYBRID_GROUPS,
    ID_12,
    ML_DSA_SCHEMES,
    NIST_CURVES,
    OLDER_SCHEMES,
    PSK_13,
    PURE_ML_KEM,
    TICKET_12,
    Capabilities,
    ClientAuthentication,
    Facts,
    Lasting,
    Older,
    Settings,
)
from tests.interop.suites import SUITES, names_where

KEY_UPDATE = {True: b"K\n", False: b"k\n"}
TLS_13 = ("TLS 1.3",)
POST_QUANTUM = (3, 5)  # the first release with ML-KEM and ML-DSA
PROTOCOLS = {"TLS 1.0": "TLSv1", "TLS 1.1": "TLSv1.1", "TLS 1.2": "TLSv1.2", "TLS 1.3": "TLSv1.3"}
NOT_BUILT = "3DES and RC4 are left out of the builds of OpenSSL that Linux distributions ship"
OLDER = Older(
    # For ECDHE_PSK, RFC 8442's suites are missing.
    suites=names_where(
        lambda suite: (
            suite.cipher not in {"3DES_EDE_CBC", "RC4_128"}
            and not (suite.exchange == "ECDHE_PSK" and suite.aead and suite.cipher != "CHACHA20_POLY1305")
        )
    ),
    curves=("x25519", *NIST_CURVES, "x448"),
    schemes=OLDER_SCHEMES,
    client_schemes=OLDER_SCHEMES,
    old_psk_hashes=True,
    encrypt_then_mac=True,
    switches=(EMS, ETM),
    lacks=(
        ("3DES, RC4", NOT_BUILT),
        ("ECDHE_PSK with AES-GCM and AES-CCM", "RFC 8442 is not implemented in OpenSSL"),
        ("finite-field groups by name", "OpenSSL follows RFC 7919 in TLS 1.3 alone"),
    ),
)


LASTING = Lasting(
    resumes=(PSK_13, TICKET_12, ID_12),
    external_psk=True,
    without_fresh_keys=True,
    early_data=True,
    exports=("TLS 1.2", "TLS 1.3"),
    late_authentication=True,
)
LIBRARY = Lasting(resumes=LASTING.resumes)
TOLD_EARLY = re.compile(r"Early data was (accepted|rejected)")
MATERIAL = re.compile(r"Keying material: ([0-9A-F]+)")


def capabilities(version: tuple[int, ...]) -> Capabilities:
    """Return what an OpenSSL of this version can do, in either role."""
    modern = version >= POST_QUANTUM
    schemes = (*CLASSICAL_SCHEMES, *ML_DSA_SCHEMES) if modern else CLASSICAL_SCHEMES
    return Capabilities(
        suites=ALL_SUITES,
        groups=(*CLASSICAL_GROUPS, *HYBRID_GROUPS, *PURE_ML_KEM) if modern else CLASSICAL_GROUPS,
        schemes=schemes,
        client_schemes=schemes,
        older=OLDER,
        lasting=LIBRARY,
    )


def read_facts(told: str) -> Facts:
    """Return what s_server or s_client shows of a connection."""
    early, material = TOLD_EARLY.search(told), MATERIAL.search(told)
    version = re.search(r"^(?:New|Reused), (TLSv1(?:\.\d)?)", told, re.MULTILINE)
    return Facts(
        version=plain_version(version.group(1)) if version else None,
        resumed=bool(re.search(r"^Reused", told, re.MULTILINE)),
        early_data=early.group(1) if early else None,
        exported=material.group(1).lower() if material else None,
    )


def library(older: Older, *missing: tuple[str, str], without: Sequence[str] = ()) -> Older:
    """Return what a program on OpenSSL can do, which does not get at everything the library has.

    `without` are key exchanges; `missing` says what else, and why.
    """
    return replace(
        older,
        suites=tuple(suite for suite in older.suites if SUITES[suite].exchange not in without),
        lacks=(*older.lacks, *missing),
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

    def _command_line(self) -> Capabilities:
        lacks = (*OLDER.lacks, ("leaving out extended_master_secret", "-no_ems came with OpenSSL 3.2"))
        older = replace(OLDER, switches=(ETM,), lacks=lacks)
        return replace(self._capabilities(), key_update=True, lasting=LASTING, older=older)

    @property
    def server(self) -> Capabilities:
        return replace(self._command_line(), closings=(CLIENT,))

    @property
    def client(self) -> Capabilities:
        return self._command_line()

    def _common(self, settings: Settings) -> list[str | Path]:
        lowest, highest = PROTOCOLS[settings.versions[0]], PROTOCOLS[settings.versions[-1]]
        command: list[str | Path] = ["-min_protocol", lowest, "-max_protocol", highest]
        command += ["-CAfile", settings.trust, "-no-CApath", "-no-CAstore"]
        if settings.identity:
            command += ["-cert", settings.identity.chain, "-key", settings.identity.key]
        for option, values, separator in (
            ("-groups", settings.groups, ":"),
            ("-sigalgs", settings.schemes, ":"),
            ("-alpn", settings.alpn, ","),
        ):
            if values:
                command += [option, separator.join(values)]
        return [*command, *self._suites(settings), *self._older(settings)]

    def _suites(self, settings: Settings) -> list[str | Path]:
        if settings.versions == TLS_13:
            # From 3.2 on, CCM_8 with its short tag counts as below security level 1.
            suites = ["-ciphersuites", ":".join(settings.suites)] if settings.suites else []
            return [*suites, "-cipher", "DEFAULT:@SECLEVEL=0"]
        return ["-cipher", cipher_list(settings.suites)]

    def _older(self, settings: Settings) -> list[str | Path]:
        command: list[str | Path] = []
        if settings.psk:
            command += ["-psk_identity", settings.psk.identity, "-psk", settings.psk.key.hex()]
        if not settings.encrypt_then_mac:
            command.append("-no_etm")
        if not settings.tickets:
            command.append("-no_ticket")
        if not settings.fresh_keys:
            command.append("-allow_no_dhe_kex")
        if settings.exporter:
            command += ["-keymatexport", settings.exporter.label]
            command += ["-keymatexportlen", str(settings.exporter.length)]
        return command

    def server_command(self, settings: Settings, port: int) -> list[str | Path]:
        """Return the command line of s_server, without how much it says."""
        asked: dict[ClientAuthentication, list[str | Path]] = {
            ClientAuthentication.NONE: [],
            ClientAuthentication.REQUEST: ["-verify", "3", "-verify_return_error"],
            ClientAuthentication.REQUIRE: ["-Verify", "3", "-verify_return_error"],
        }
        command: list[str | Path] = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}"]
        if settings.psk and settings.psk.hint:
            command += ["-psk_hint", settings.psk.hint]
        if settings.dh_parameters:
            command += ["-dhparam", settings.dh_parameters]
        if settings.max_early_data:
            command += ["-early_data", "-max_early_data", str(settings.max_early_data)]
        if not settings.identity:
            command.append("-nocert")
        return [*command, *self._common(settings), *asked[settings.client_authentication]]

    def serve(self, settings: Settings, directory: Path) -> Server:
        process, port = start_on_free_port(
            lambda port: [*self.server_command(settings, port), "-quiet"], directory
        )
        return PipeServer(process, port)

    def lasting_server(self, settings: Settings, directory: Path) -> Server:
        process, port = start_on_free_port(
            lambda port: self.server_command(settings, port), directory, ready="ACCEPT"
        )
        return LineServer(process, port, read_facts)

    def returning_client(
        self, port: int, settings: Settings, directory: Path, visits: int = 2
    ) -> Generator[Client]:
        directory.mkdir(parents=True, exist_ok=True)
        kept, early = directory / "session", directory / "early"
        early.write_bytes(settings.early_data)
        for visit in range(visits):
            command = [*self.client_command(settings, port), "-sess_out", kept]
            if visit and kept.exists():
                command += ["-sess_in", kept]
            if visit and settings.early_data:
                command += ["-early_data", early]
            client = LineClient(Process(command, directory), read_facts)
            try:
                yield client
            finally:
                client.stop()

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
        command += self._common(settings)
        if settings.late_authentication:
            command.append("-enable_pha")
        if not settings.anonymous:
            command.append("-verify_return_error")
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
