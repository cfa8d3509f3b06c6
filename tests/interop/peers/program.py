"""Peers that are programs of ours around another TLS library: one process, commands on its standard input.

The commands and the conversation are those of ../programs/README.md.
"""

import itertools
from collections.abc import Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import replace
from pathlib import Path

from tests.interop.peers.base import (
    Client,
    Peer,
    Server,
    Stream,
    answer_conversation,
    lead_conversation,
)
from tests.interop.peers.ciphers import cipher_list
from tests.interop.peers.names import plain_version
from tests.interop.peers.process import DEADLINE, PeerFailure, Process
from tests.interop.settings import CLIENT, EMS, ETM, SERVER, Facts, Outcome, Settings
from tests.interop.suites import BY_JAVA_NAME, BY_OPENSSL_NAME

Fields = dict[str, str]


def settings_fields(settings: Settings) -> Fields:
    """Return the settings as fields of a command."""
    fields = {
        "trust": str(settings.trust),
        "client_authentication": settings.client_authentication.value,
    }
    if settings.identity:
        fields |= {"certificate": str(settings.identity.chain), "key": str(settings.identity.key)}
    if settings.server_name:
        fields["server_name"] = settings.server_name
    fields |= older_fields(settings) | lasting_fields(settings)
    for name, values in (
        ("alpn", settings.alpn),
        ("suites", settings.suites),
        ("groups", settings.groups),
        ("schemes", settings.schemes),
    ):
        if values:
            fields[name] = ",".join(values)
    return fields


def older_fields(settings: Settings) -> Fields:
    """Return what only the versions before TLS 1.3 have as fields of a command."""
    fields = {"versions": ",".join(version.removeprefix("TLS ") for version in settings.versions)}
    if settings.versions != ("TLS 1.3",):
        fields["ciphers"] = cipher_list(settings.suites)
    if settings.psk:
        fields |= {"psk_identity": settings.psk.identity, "psk": settings.psk.key.hex()}
        if settings.psk.hint:
            fields["psk_hint"] = settings.psk.hint
    if settings.dh_parameters:
        fields["dh_parameters"] = str(settings.dh_parameters)
    if settings.anonymous:
        fields["anonymous"] = "true"
    off = {EMS: settings.extended_master_secret, ETM: settings.encrypt_then_mac}
    return fields | {name: "off" for name, wanted in off.items() if not wanted}


def lasting_fields(settings: Settings) -> Fields:
    """Return what goes beyond one handshake as fields of a command."""
    fields = {} if settings.tickets else {"tickets": "off"}
    if settings.session:
        fields["session"] = settings.session
    if settings.exporter:
        fields |= {"export_label": settings.exporter.label, "export_length": str(settings.exporter.length)}
    return fields


def iana_name(suite: str | None) -> str | None:
    """Return IANA's name of a suite for OpenSSL's or JSSE's."""
    if suite is None:
        return None
    return BY_OPENSSL_NAME.get(suite) or BY_JAVA_NAME.get(suite) or suite


def outcome_of(fields: Fields, output: str) -> Outcome:
    """Return the outcome that a reply tells."""
    retried = fields.get("hello_retried")
    return Outcome(
        facts=Facts(
            version=plain_version(fields.get("version")),
            suite=iana_name(fields.get("suite")),
            group=fields.get("group"),
            scheme=fields.get("scheme"),
            alpn=fields.get("alpn") or None,
            server_name=fields.get("server_name") or None,
            hello_retried=None if retried is None else retried == "true",
            peer_leaf=fields.get("peer_leaf"),
            resumed=None if (resumed := fields.get("resumed")) is None else resumed == "true",
            exported=fields.get("exported"),
            bindings={"tls-unique": unique} if (unique := fields.get("tls_unique")) else {},
        ),
        error=fields.get("error"),
        received=int(fields["received"]) if "received" in fields else None,
        digest=fields.get("digest"),
        closed=fields.get("closed"),
        output=output,
    )


class Program(Process):
    """A running peer program: sends commands, matches replies."""

    def __init__(self, command: list[str | Path], directory: Path, environment: dict[str, str]) -> None:
        greeting: Future[Fields] = Future()
        self._replies = {"0": greeting}
        self._rest = b""
        self._numbers = itertools.count(1)
        super().__init__(command, directory, environment)
        self.greeting = self._result(greeting)

    def on_stdout(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._both += b"< " + line[:1000] + b"\n"
            fields = dict(part.split("=", 1) for part in line.decode().split("\t"))
            self._replies.pop(fields.pop("id")).set_result(fields)

    def send(self, action: str, fields: Fields) -> Future[Fields]:
        """Send a command; the reply comes later."""
        number = str(next(self._numbers))
        reply: Future[Fields] = Future()
        line = "\t".join(f"{name}={value}" for name, value in ({"id": number, "do": action} | fields).items())
        with self._changed:
            self._replies[number] = reply
            self._both += b"> " + line.encode() + b"\n"
        self.write(line.encode() + b"\n")
        return reply

    def _result(self, reply: Future[Fields]) -> Fields:
        try:
            return reply.result(DEADLINE)
        except FutureTimeout:
            raise PeerFailure(f"no reply from\n{self.shown()}") from None

    def result(self, reply: Future[Fields]) -> Outcome:
        """Wait for an outcome."""
        return outcome_of(self._result(reply), self.text()[-2000:])

    def ask(self, action: str, fields: Fields) -> Fields:
        """Send a command that cannot fail and wait for its reply."""
        reply = self._result(self.send(action, fields))
        if "error" in reply:
            raise PeerFailure(f"{action}: {reply['error']}\n{self.shown()}")
        return reply


class ProgramServer(Server):
    """One listening port of a program."""

    def __init__(self, program: Program, settings: Settings) -> None:
        self._program = program
        self.pid = program.pid
        self.port = int(program.ask("serve", settings_fields(settings))["port"])

    def stop(self) -> None:
        if self._program.running:
            self._program.ask("stop", {"port": str(self.port)})

    def converse(self, stream: Stream, upload: int, download: int, first: str = CLIENT) -> None:
        lead_conversation(stream, upload, download, first)

    def outcome(self) -> Outcome:
        return self._program.result(self._program.send("outcome", {"port": str(self.port)}))

    def shown(self) -> str:
        return self._program.shown()


class ProgramClient(Client):
    """One connection that a program makes."""

    def __init__(self, program: Program, port: int, settings: Settings, conversation: Fields) -> None:
        self._program = program
        self._first = conversation["first"]
        fields = settings_fields(settings) | conversation | {"port": str(port)}
        self._reply = program.send("connect", fields)

    def converse(self, stream: Stream) -> None:
        first = answer_conversation(stream)
        assert first == self._first

    def finish(self, stream: Stream) -> None:
        if self._first == SERVER:
            stream.close_write()
        assert stream.read_to_end() == b"", "data after the end of the conversation"
        if self._first == CLIENT:
            stream.close_write()

    def gone(self) -> bool:
        return self._reply.done()

    def outcome(self) -> Outcome:
        return self._program.result(self._reply)

    def shown(self) -> str:
        return self._program.shown()


class ProgramPeer(Peer):
    """A peer with one long-lived process, started when first used."""

    one_process_connects_often = True
    directory = Path(__file__).parents[3]  # the repository, from which Python programs are found

    def __init__(self) -> None:
        self._running: Program | None = None

    def command(self) -> list[str | Path]:
        """Return the command line of the program."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return what is to be added to the program's environment."""
        return {}

    def program(self) -> Program:
        """Return the running program; a new one when the last has died."""
        if self._running is None or not self._running.running:
            self._running = Program(self.command(), self.directory, self.environment())
        return self._running

    def version(self) -> str:
        return self.program().greeting["version"]

    def serve(self, settings: Settings, directory: Path) -> Server:
        return ProgramServer(self.program(), settings)

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
        conversation = {"upload": str(upload), "download": str(download), "first": first}
        return ProgramClient(self.program(), port, settings, conversation)

    def returning_client(
        self, port: int, settings: Settings, directory: Path, visits: int = 2
    ) -> Generator[Client]:
        named = replace(settings, session=str(directory))
        for _ in range(visits):
            yield self.connect(port, named, directory)

    def close(self) -> None:
        if self._running is not None:
            self._running.end_input()
            self._running.stop()
