"""`lucidtls serve`: a server for development, with one line for each connection."""

from __future__ import annotations

import argparse
import ipaddress
import itertools
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TextIO

from lucidtls.config import ServerConfig
from lucidtls.connection import ServerConnection
from lucidtls.errors import ConfigurationError, NotTLS, TLSError
from lucidtls.events import CredentialWanted
from lucidtls.io.server import LINGER, MAX_CONNECTIONS, Listener
from lucidtls.io.sockets import TLSSocket
from lucidtls.sessions.replay import MemoryReplayGuard
from lucidtls.sessions.ticket_keys import TicketKeys
from lucidtls.tools import exits, pages
from lucidtls.tools.agreement import agreement_of
from lucidtls.tools.development import (
    DEFAULT_NAMES,
    MAX_DAYS,
    Authority,
    KeyKind,
    data_directory,
    open_authority,
)
from lucidtls.tools.document import MARKS, Line, Mark, Style, line
from lucidtls.tools.failures import diagnose, first_line_of, local_failure
from lucidtls.tools.findings import CommandFailed, Diagnosis
from lucidtls.tools.material import (
    algorithm_list,
    configured,
    key_log_writer,
    pre_shared_keys,
    protocol_choices,
    read_credential,
    read_trust,
    usage_error,
)
from lucidtls.tools.situation import Situation
from lucidtls.tools.terminal import Terminal
from lucidtls.tools.text import count, milliseconds, printable
from lucidtls.tools.watch import Watcher
from lucidtls.trust.credentials import Credential
from lucidtls.wire.versions import VERSION_NAMES

RENEWAL: Final = timedelta(days=MAX_DAYS / 3)
"""A development certificate with less time left than this is issued again while the server runs."""


@dataclass(slots=True)
class DevelopmentIdentity:
    """A credential from the development authority, issued again before it runs out."""

    authority: Authority
    names: tuple[str, ...]
    kind: KeyKind = "ec"
    credential: Credential = field(init=False)
    until: datetime = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._issue()

    def _issue(self) -> None:
        issued = self.authority.issue(self.names, kind=self.kind)
        self.credential = issued.credential()
        self.until = issued.certificate.not_valid_after_utc

    def choose(self, wanted: CredentialWanted) -> Credential:
        """The credential, fresh."""
        with self._lock:
            if self.until - datetime.now(UTC) < RENEWAL:
                self._issue()
            return self.credential


@dataclass(slots=True)
class Service:
    """The server with everything a connection needs."""

    config: ServerConfig
    handler: pages.Handler
    terminal: Terminal
    verbosity: int
    timeout: float
    speaks_http: bool
    tell: Callable[[Line], None]
    json_log: TextIO | None = None
    once: bool = False
    worst: int = exits.OK
    finished: threading.Event = field(default_factory=threading.Event)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, sock: socket.socket, address: Any) -> None:
        """Serve one client, and log how it went. Nothing a client does is raised."""
        number = next(self._numbers)
        started = time.perf_counter()
        log = self.terminal.log if self.verbosity else None
        watcher = Watcher("server", log, self.verbosity, prefix=f"#{number} ")
        sock.settimeout(self.timeout)
        with suppress(OSError):
            # The tickets and the first answer are two writes; the second must not wait for its ACK.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = ServerConnection(replace(self.config, tracer=watcher))
        tls = TLSSocket(sock, connection)
        entry: dict[str, Any] = {"number": number, "client": _place(address)}
        try:
            tls.handshake(self.timeout)
            entry |= (
                pages.about(tls)
                | _older_json(watcher)
                | {"handshake_ms": round((time.perf_counter() - started) * 1000, 1)}
            )
            entry["did"] = self.handler(tls)
            self._log_success(number, address, tls, entry)
        except (TLSError, OSError) as error:
            self._answer_plain_http(error, sock, connection)
            self._log_failure(number, address, diagnose(error, _situation(tls, watcher, self.config)), entry)
        finally:
            tls.close(linger=LINGER)
            if self.once:
                self.finished.set()

    def _answer_plain_http(self, error: Exception, sock: socket.socket, connection: ServerConnection) -> None:
        """Answer in the client's own language, instead of with the alert that is ready for it."""
        if isinstance(error, NotTLS) and error.service == "HTTP" and self.speaks_http:
            connection.data_to_send()
            with suppress(OSError):
                sock.send(pages.PLAIN_HTTP_ANSWER)

    def _log_success(self, number: int, address: Any, tls: TLSSocket, entry: dict[str, Any]) -> None:
        agreed = tls.negotiated
        suite = agreed.cipher_suite.removeprefix("TLS_").rpartition("_")[0]
        parts = [agreed.version.replace(" ", ""), suite, *([agreed.group] if agreed.group else [])]
        names = {"sni": agreed.server_name, "alpn": agreed.alpn, "psk": agreed.psk_identity}
        parts += [f"{name}={printable(value, 60)}" for name, value in names.items() if value]
        parts.append("resumed" if agreed.resumed else "new")
        if tls.early_data_received:
            parts.append(f"early data {count(tls.early_data_received, 'byte')}")
        if agreed.verified is not None:
            parts.append(f"client={printable(', '.join(agreed.verified.names), 60)}")
        text = f"{' '.join(parts)} {milliseconds(entry['handshake_ms'] / 1000)}  {entry['did']}"
        self._log("ok", number, address, text, entry | {"ok": True})

    def _log_failure(self, number: int, address: Any, told: Diagnosis, entry: dict[str, Any]) -> None:
        if told.severity == "error":
            self.worst = self.worst or told.exit_code
        code = f"{told.code} " if told.code else ""
        mark: Mark = "error" if told.severity == "error" else "info"
        text = f"{code}{told.title}"
        if told.alert_sent is not None:
            text += f" (sent alert {told.alert_sent})"
        self._log(mark, number, address, text, entry | {"ok": False, "diagnoses": [told.as_json()]})

    def _log(self, mark: Mark, number: int, address: Any, text: str, entry: dict[str, Any]) -> None:
        now = datetime.now(UTC)
        style: Style = mark
        shown: Line = line(f"{now:%H:%M:%S} #{number} {_place(address)}  ", (MARKS[mark], style), f" {text}")
        self.tell(shown)
        if self.json_log is not None:
            with self._lock:
                self.json_log.write(
                    json.dumps({"time": now.isoformat(timespec="milliseconds")} | entry) + "\n"
                )
                self.json_log.flush()


def _place(address: Any) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
    return str(address)


def _older_json(watcher: Watcher) -> dict[str, Any]:
    """What was agreed that only older versions have."""
    agreed = agreement_of(watcher)
    return agreed.as_json() if agreed is not None else {}


def _situation(tls: TLSSocket, watcher: Watcher, config: ServerConfig) -> Situation:
    agreed = agreement_of(watcher)
    return Situation(
        role="server",
        connected=True,
        handshake_done=watcher.state == "CONNECTED",
        bytes_received=tls.bytes_received,
        first_line=first_line_of(tls.beginning) if tls.beginning else "",
        versions=tuple(VERSION_NAMES[code] for code in config.algorithms.versions),
        legacy=config.policy.legacy,
        key_exchange=agreed.key_exchange if agreed is not None else None,
    )


# The command


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """Serve until interrupted, or for one connection with --once; the exit code."""
    _require_safe(options)
    service, how_to_trust = prepare(options, terminal)
    try:
        listener = Listener(
            service.serve, host=options.bind, port=options.port, max_connections=MAX_CONNECTIONS
        )
    except OSError as error:
        text = f"cannot listen on {options.bind}:{options.port}: {error.strerror or error}"
        raise CommandFailed(local_failure(ConfigurationError(text), "port", "LT-S04")) from error
    _stop_when_asked(service.finished)
    _announce(terminal, listener, options, service.speaks_http, how_to_trust)
    listener.start()
    try:
        _wait(service.finished)
    finally:
        listener.stop()
        if service.json_log is not None and service.json_log is not sys.stdout:
            service.json_log.close()
    return service.worst if options.once else exits.OK


def _stop_when_asked(finished: threading.Event) -> None:
    """Let a polite signal stop the server as --once and Ctrl-C do."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: finished.set())


def _wait(finished: threading.Event) -> None:
    with suppress(KeyboardInterrupt):
        finished.wait()


def _require_safe(options: argparse.Namespace) -> None:
    if not _is_loopback(options.bind) and not options.public:
        raise usage_error(f"{options.bind} can be reached by others; say --public if that is meant")
    if options.directory is not None and options.echo:
        raise usage_error("serve either a directory or --echo")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def prepare(options: argparse.Namespace, terminal: Terminal) -> tuple[Service, list[str]]:
    """Read what the command line names; the service, and how its certificate is trusted."""
    choices, how_to_trust = _identity(options)
    speaks_http = not options.echo
    protocols = options.alpn if options.alpn is not None else ("http/1.1" if speaks_http else "")
    if options.client_cert != "none":
        if not options.client_ca:
            raise usage_error("--client-cert needs --client-ca: say whose certificates are accepted")
        choices["trust"] = read_trust(options.client_ca, system=False)
    if options.hrr == "always":
        choices["cookie_key"] = os.urandom(32)
    config = configured(
        lambda: ServerConfig(
            alpn=tuple(name.strip() for name in protocols.split(",") if name.strip()),
            cipher_suites=algorithm_list(options.ciphers),
            groups=algorithm_list(options.groups),
            signature_schemes=algorithm_list(options.sigalgs),
            client_authentication=options.client_cert,
            hello_retry=options.hrr,
            key_log=key_log_writer(options.keylog) if options.keylog else None,
            **protocol_choices(options),
            **_sessions(options),
            **choices,
        )
    )
    service = Service(
        config=config,
        handler=pages.echo if options.echo else pages.Site(_root(options), options.hidden_files).answer,
        terminal=terminal,
        verbosity=options.verbose,
        timeout=options.timeout,
        speaks_http=speaks_http,
        tell=_teller(options, terminal),
        json_log=_json_log(options.json_log),
        once=options.once,
    )
    return service, how_to_trust


def _sessions(options: argparse.Namespace) -> dict[str, Any]:
    """What --tickets, --early-data and --psk say, as arguments of a config."""
    if options.early_data and not options.tickets:
        raise usage_error(
            "--early-data needs --tickets: early data goes with a session of an earlier connection"
        )
    # Made once: each connection has a copy of the config, which would otherwise make its own.
    choices: dict[str, Any] = {
        "tickets": options.tickets,
        "max_early_data": options.early_data,
        "ticket_keys": TicketKeys(),
        "replay_guard": MemoryReplayGuard(),
    }
    if options.psk:
        choices["find_psk"] = pre_shared_keys(options.psk).get
    return choices


def _identity(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    if options.cert is not None:
        credential = read_credential(options.cert, options.key, options.key_password_file)
        return {"credentials": credential}, []
    if options.key is not None:
        raise usage_error("--key needs --cert")
    try:
        authority, _ = open_authority()
        # RSA is what every old client knows, and what RSA key exchange needs.
        kind: KeyKind = "rsa" if options.legacy else "ec"
        identity = DevelopmentIdentity(authority, tuple(options.name or DEFAULT_NAMES), kind)
    except (ConfigurationError, OSError) as error:
        raise CommandFailed(local_failure(error, "cert-dev")) from error
    root = data_directory() / "constrained" / "root.pem"
    how = [f"curl --cacert {root} …", f"lucidtls connect … --ca {root}", f"SSL_CERT_FILE={root} python3 …"]
    return {"credentials": identity.credential, "choose_credential": identity.choose}, how


def _teller(options: argparse.Namespace, terminal: Terminal) -> Callable[[Line], None]:
    """Where lines for people go: to the standard output, unless that is for JSON."""
    return terminal.log if options.json_log == "-" else terminal.say


def _root(options: argparse.Namespace) -> Path | None:
    if options.directory is None:
        return None
    root = Path(options.directory)
    if not root.is_dir():
        raise CommandFailed(local_failure(ConfigurationError(f"{root} is not a directory"), "directory"))
    return root


def _json_log(path: str | None) -> TextIO | None:
    if path is None:
        return None
    if path == "-":
        return sys.stdout
    try:
        return open(path, "a", encoding="utf-8")
    except OSError as error:
        raise CommandFailed(local_failure(error, "json-log")) from error


def _announce(
    terminal: Terminal,
    listener: Listener,
    options: argparse.Namespace,
    speaks_http: bool,
    how_to_trust: list[str],
) -> None:
    tell = _teller(options, terminal)
    host = "localhost" if options.bind == "127.0.0.1" and options.cert is None else options.bind
    where = f"[{host}]:{listener.port}" if ":" in host else f"{host}:{listener.port}"
    tell(line(("Serving  ", "dim"), (f"https://{where}/" if speaks_http else f"{where} (echo)", "bold")))
    for place, how in enumerate(how_to_trust):
        tell(line(("Trust    " if place == 0 else "         ", "dim"), how))
    tell(line(("Stop     ", "dim"), "Ctrl-C"))
