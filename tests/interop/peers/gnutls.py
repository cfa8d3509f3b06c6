"""GnuTLS's gnutls-serv and gnutls-cli."""

import re
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from tests.interop.peers.base import Client, Peer, Server, Stream
from tests.interop.peers.command import (
    CommandServer,
    PipeClient,
    start_on_free_port,
    text,
    told_by,
    where,
)
from tests.interop.peers.lines import LineServer, one_process
from tests.interop.peers.process import Process
from tests.interop.peers.talk import Talk
from tests.interop.settings import (
    AES_128_CCM,
    AES_128_CCM_8,
    AES_128_GCM,
    AES_256_GCM,
    ALL_SUITES,
    CHACHA20,
    CLASSICAL_GROUPS,
    CLASSICAL_SCHEMES,
    CLIENT,
    EMS,
    ETM,
    FFDHE,
    ID_12,
    NIST_CURVES,
    OLDER_SCHEMES,
    PSK_13,
    TICKET_12,
    Capabilities,
    ClientAuthentication,
    Facts,
    Lasting,
    Older,
    Settings,
)
from tests.interop.suites import SUITES, names_where

CIPHERS = {
    AES_128_GCM: "AES-128-GCM",
    AES_256_GCM: "AES-256-GCM",
    CHACHA20: "CHACHA20-POLY1305",
    AES_128_CCM: "AES-128-CCM",
    AES_128_CCM_8: "AES-128-CCM-8",
}
SIGNATURES = (
    *(f"SIGN-RSA-SHA{size}" for size in (256, 384, 512, 1)),
    *(f"SIGN-RSA-PSS-SHA{size}" for size in (256, 384, 512)),
    *(f"SIGN-RSA-PSS-RSAE-SHA{size}" for size in (256, 384, 512)),
    *(f"SIGN-ECDSA-SHA{size}" for size in (256, 384, 512, 1)),
    "SIGN-EDDSA-ED25519",
    "SIGN-EDDSA-ED448",
)
OLDER = Older(
    # For ECDHE_PSK, RFC 8442's suites are missing.
    suites=names_where(
        lambda suite: not (suite.exchange == "ECDHE_PSK" and suite.aead and suite.cipher.startswith("AES"))
    ),
    curves=("x25519", *NIST_CURVES, "x448"),
    finite_fields=FFDHE,
    schemes=OLDER_SCHEMES,
    client_schemes=OLDER_SCHEMES,
    encrypt_then_mac=True,
    switches=(EMS, ETM),
    lacks=(
        ("ECDHE_PSK with AES-GCM and AES-CCM", "RFC 8442 is not implemented in GnuTLS"),
        ("PSK suites with SHA-256 and SHA-384 before TLS 1.2", "GnuTLS has them for TLS 1.2 alone"),
    ),
)
MATERIAL = re.compile(r"^- Key material: ([0-9a-f]+)", re.MULTILINE)
BINDING = re.compile(r"^ - '([a-z-]+)': ([0-9a-f]{8,})$", re.MULTILINE)
KEY_UPDATE = {True: b"^rekey^\n", False: b"^rekey1^\n"}
ECHO_CHUNK = (
    15_750  # whole lines in less than a record: gnutls-serv loses its place in more than that at once
)


LASTING = Lasting(
    resumes=(PSK_13, TICKET_12, ID_12),
    external_psk=True,
    without_fresh_keys=True,
    early_data=True,
    exports=("TLS 1.2", "TLS 1.3"),
    late_authentication=True,
)
BINDINGS = (
    ("TLS 1.2", "tls-unique"),
    ("TLS 1.2", "tls-server-end-point"),
    ("TLS 1.3", "tls-server-end-point"),
    ("TLS 1.3", "tls-exporter"),
)
SECOND = "Connecting again"


def read_facts(told: str) -> Facts:
    """Return what gnutls-serv or gnutls-cli shows of a connection; of two, the second."""
    told = told[max(told.find(SECOND), 0) :]
    version, material = re.search(r"^- Description: \(TLS([\d.]+)", told, re.MULTILINE), MATERIAL.search(told)
    return Facts(
        version=f"TLS {version.group(1)}" if version else None,
        resumed="*** This is a resumed session" in told,
        exported=material.group(1) if material else None,
        bindings=dict(BINDING.findall(told)),
    )


def priority(settings: Settings) -> str:
    """Return the settings as a GnuTLS priority string. CCM is not in NORMAL."""
    words = ["NORMAL", "-VERS-ALL", *(f"+VERS-{version.replace(' ', '')}" for version in settings.versions)]
    words.append("-CIPHER-ALL")
    if settings.versions == ("TLS 1.3",):
        words += [f"+{CIPHERS[suite]}" for suite in settings.suites or ALL_SUITES]
        if settings.psk:
            words += ["+ECDHE-PSK", "+DHE-PSK", "+PSK"] if settings.fresh_keys else ["+PSK"]
    else:
        words += older_words(settings)
    if settings.groups:
        words += ["-GROUP-ALL", *(f"+GROUP-{group.upper()}" for group in settings.groups)]
    return ":".join(words)


def older_words(settings: Settings) -> list[str]:
    """Return the words for the versions before TLS 1.3, with nothing held back for its weakness."""
    parts = [SUITES[suite].gnutls for suite in settings.suites or OLDER.suites]
    words = ["-KX-ALL", "-MAC-ALL", "-SIGN-ALL", *dict.fromkeys(f"+{part}" for row in parts for part in row)]
    words += [f"+{sign}" for sign in SIGNATURES]
    if not settings.extended_master_secret:
        words.append("%NO_SESSION_HASH")
    if not settings.encrypt_then_mac:
        words.append("%NO_ETM")
    return [*words, "%VERIFY_ALLOW_SIGN_WITH_SHA1", "%PROFILE_VERY_WEAK"]


class EchoServer(CommandServer):
    """gnutls-serv --echo: sends back every line."""

    def converse(self, stream: Stream, upload: int, download: int, first: str = CLIENT) -> None:
        sent = text(max(upload, download))
        for start in range(0, len(sent), ECHO_CHUNK):
            chunk = sent[start : start + ECHO_CHUNK]
            stream.send(chunk)
            assert stream.read(len(chunk)) == chunk, f"the echo differs after octet {start}"


class GnuTLS(Peer):
    """The two programs of gnutls-bin."""

    name = "gnutls"
    hint = "install gnutls-bin"
    server = Capabilities(
        suites=ALL_SUITES,
        groups=CLASSICAL_GROUPS,
        schemes=CLASSICAL_SCHEMES,
        client_schemes=CLASSICAL_SCHEMES,
        closings=(CLIENT,),
        older=OLDER,
        lasting=replace(LASTING, bindings=BINDINGS),
    )
    client = Capabilities(
        suites=ALL_SUITES,
        groups=CLASSICAL_GROUPS,
        schemes=CLASSICAL_SCHEMES,
        client_schemes=CLASSICAL_SCHEMES,
        key_update=True,
        cookie_alone=False,  # 3.7.9 takes it for an illegal parameter, against RFC 9846 §4.2.4
        closings=(CLIENT,),  # when the server closes, gnutls-cli ends without a close_notify of its own
        older=replace(
            OLDER,
            # gnutls-cli 3.7.9 asks its library for a name that a client does not have, to show it.
            breaks_after=("DHE_PSK", "ECDHE_PSK"),
            lacks=(
                *OLDER.lacks,
                ("data after DHE_PSK and ECDHE_PSK", "gnutls-cli crashes when it shows what was negotiated"),
            ),
        ),
        lasting=LASTING,
    )

    def found(self) -> bool:
        return where("gnutls-serv") is not None and where("gnutls-cli") is not None

    def version(self) -> str:
        return told_by("gnutls-cli", "--version").splitlines()[0].split()[-1]

    def _common(self, settings: Settings) -> list[str | Path]:
        command: list[str | Path] = ["--x509cafile", settings.trust, "--priority", priority(settings)]
        if settings.identity:
            command += ["--x509certfile", settings.identity.chain, "--x509keyfile", settings.identity.key]
        if not settings.tickets:
            command.append("--noticket")
        if settings.exporter:
            command += ["--keymatexport", settings.exporter.label]
            command += ["--keymatexportsize", str(settings.exporter.length)]
        return command + [f"--alpn={protocol}" for protocol in settings.alpn]

    def serve(self, settings: Settings, directory: Path) -> Server:
        return EchoServer(*self._start(settings, directory))

    def lasting_server(self, settings: Settings, directory: Path) -> Server:
        # Facts and lines come on two outputs.
        complete = r"- Key material: .*\n" if settings.exporter else r"'tls-exporter': .*\n"
        process, port = self._start(settings, directory)
        return LineServer(process, port, read_facts, echoes=True, complete=complete)

    def _start(self, settings: Settings, directory: Path) -> tuple[Process, int]:
        asked = {
            ClientAuthentication.NONE: ["--disable-client-cert"],
            ClientAuthentication.REQUEST: ["--verify-client-cert"],
            ClientAuthentication.REQUIRE: ["--require-client-cert", "--verify-client-cert"],
        }
        options = [*self._common(settings), *asked[settings.client_authentication], "--echo", "--crlf"]
        options += self._server_psk(settings, directory)
        if settings.dh_parameters:
            options += ["--dhparams", settings.dh_parameters]
        if settings.max_early_data:
            options += ["--earlydata", f"--maxearlydata={settings.max_early_data}"]
        return start_on_free_port(
            lambda port: ["gnutls-serv", "--port", str(port), *options], directory, "listening on IPv4.*done"
        )

    def _server_psk(self, settings: Settings, directory: Path) -> list[str | Path]:
        if settings.psk is None:
            return []
        directory.mkdir(parents=True, exist_ok=True)
        keys = directory / "keys.psk"
        keys.write_text(f"{settings.psk.identity}:{settings.psk.key.hex()}\n")
        return ["--pskpasswd", keys, *(["--pskhint", settings.psk.hint] if settings.psk.hint else [])]

    def client_command(self, settings: Settings, port: int) -> list[str | Path]:
        """Return the command line of gnutls-cli."""
        command: list[str | Path] = ["gnutls-cli", "--port", str(port), *self._common(settings)]
        if settings.server_name:
            command += ["--sni-hostname", settings.server_name, "--verify-hostname", settings.server_name]
        if settings.psk:
            command += ["--pskusername", settings.psk.identity, "--pskkey", settings.psk.key.hex()]
        if settings.late_authentication:
            command.append("--post-handshake-auth")
        if settings.anonymous:
            command.append("--insecure")
        return [*command, "127.0.0.1"]

    def talking_client(self, port: int, settings: Settings, directory: Path) -> Talk:
        command = [*self.client_command(settings, port), "--inline-commands"]
        return Talk(Process(command, directory), port, KEY_UPDATE)

    def returning_client(
        self, port: int, settings: Settings, directory: Path, visits: int = 2
    ) -> Generator[Client]:
        command = self.client_command(settings, port)
        if visits > 1:
            command += ["--resume", *(["--waitresumption"] if settings.versions == ("TLS 1.3",) else [])]
        if settings.early_data:
            directory.mkdir(parents=True, exist_ok=True)
            early = directory / "early"
            early.write_bytes(settings.early_data)
            command.append(f"--earlydata={early}")
        return one_process(command, directory, read_facts, visits, silent=True)

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
        command = [*self.client_command(settings, port), "--logfile=/dev/stderr"]
        return PipeClient(Process(command, directory), upload, download, first)
