"""`lucidtls connect`: one connection, looked at from all sides."""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lucidtls.alerts import NO_RENEGOTIATION
from lucidtls.config import ClientConfig, system_clock
from lucidtls.connection import ClientConnection
from lucidtls.errors import (
    AlertReceived,
    ConfigurationError,
    ConnectionLost,
    TimedOut,
    TLSError,
    TruncatedStream,
)
from lucidtls.io.sockets import TLSSocket
from lucidtls.io.transport import Address, Deadline, open_connection, resolve
from lucidtls.tools import exits, http
from lucidtls.tools.connect_report import result_of, show_document
from lucidtls.tools.failures import diagnose, local_failure, renegotiation_refused
from lucidtls.tools.findings import CommandFailed, Diagnosis
from lucidtls.tools.material import (
    Judge,
    algorithm_list,
    configured,
    key_log_writer,
    protocol_choices,
    read_credential,
    read_trust,
    usage_error,
)
from lucidtls.tools.refusals import refusal_diagnosis
from lucidtls.tools.report import envelope
from lucidtls.tools.resumption import findings, read_resumption
from lucidtls.tools.target import Target, parse_target
from lucidtls.tools.terminal import Terminal
from lucidtls.tools.visit import Visit
from lucidtls.tools.watch import Watcher
from lucidtls.trust.algorithms import (
    DEFAULT_CERTIFICATE_POLICY,
    LEGACY_CERTIFICATE_POLICY,
    CertificatePolicy,
)
from lucidtls.trust.credentials import Credential
from lucidtls.trust.names import ReferenceName, parse_server_name
from lucidtls.trust.stores import TrustStore
from lucidtls.wire.versions import VERSION_NAMES

TCP_TIMEOUT: Final = 5.0
"""Seconds for each address; those that answer at all answer within two."""

CLOSING_TIMEOUT: Final = 1.0
"""Seconds to wait for the server's close_notify after ours, and for what it may still say about our
certificate."""

MAX_ANSWER: Final = 16 * 2**20
"""Bytes of an answer that are kept."""


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """Connect, show what there is to see, and return the exit code."""
    visit, open_tls = prepare(options, terminal)
    try:
        travel(visit, open_tls, options.timeout)
    except KeyboardInterrupt:
        visit.interrupted = True
    except (TLSError, OSError) as error:
        visit.diagnoses.append(diagnose(error, visit.situation()))
    finally:
        if visit.tls is not None:
            visit.tls.close()
    _note_refusal(visit)
    _note_renegotiation(visit)
    _note_resumption(visit)
    if options.json:
        result = result_of(visit, with_messages=options.verbose > 0)
        terminal.emit_json(envelope("connect", visit.clock, visit.exit_code, visit.diagnoses, result))
    else:
        terminal.show(show_document(visit))
    return exits.OK if options.exit_zero and not visit.interrupted else visit.exit_code


def _note_refusal(visit: Visit) -> None:
    """With --insecure a refused chain is no error, but it is told."""
    refusal = visit.judge.refusal
    if refusal is not None and visit.judge.lenient:
        told = refusal_diagnosis(refusal, whose="server", now=visit.now)
        visit.diagnoses.append(_as_warning(told))


def _note_renegotiation(visit: Visit) -> None:
    if any(entry.name == NO_RENEGOTIATION.name for entry in visit.watcher.alerts):
        visit.diagnoses.append(renegotiation_refused("server"))


def _note_resumption(visit: Visit) -> None:
    if visit.negotiated is not None and visit.tls is not None:
        visit.diagnoses += findings(visit.resumption, visit.negotiated, visit.tls, visit.now)


def _as_warning(told: Diagnosis) -> Diagnosis:
    return replace(told, severity="warning", alert_sent=None)


# Before the connection


def prepare(
    options: argparse.Namespace, terminal: Terminal
) -> tuple[Visit, Callable[[socket.socket], TLSSocket]]:
    """Read what the command line names; raises CommandFailed for what makes no sense or cannot be read."""
    target = _target(options)
    sni, name = _names(options, target)
    trust = (
        read_trust(options.ca, system=not options.no_system_trust)
        if not options.insecure
        else _any_trust(options)
    )
    log = terminal.log if options.verbose else None
    resumption, choices = read_resumption(options)
    visit = Visit(
        target=target,
        watcher=Watcher("client", log, options.verbose),
        judge=Judge(trust, name, lenient=options.insecure, policy=_certificate_policy(options)),
        sni=sni,
        alpn=_protocols(options, target),
        credential=_credential(options),
        trust_text=", ".join(options.ca) or "the system's store",
        request=_request(options, target),
        is_http=options.http,
        resumption=resumption,
    )
    if options.at is not None:
        visit.now = options.at
    visit.legacy = options.legacy
    config = configured(lambda: _config(options, visit, choices))
    visit.versions = tuple(VERSION_NAMES[code] for code in config.algorithms.versions)

    def open_tls(raw: socket.socket) -> TLSSocket:
        return TLSSocket(raw, ClientConnection(config, sni))

    return visit, open_tls


def _certificate_policy(options: argparse.Namespace) -> CertificatePolicy:
    return LEGACY_CERTIFICATE_POLICY if options.legacy else DEFAULT_CERTIFICATE_POLICY


def _any_trust(options: argparse.Namespace) -> TrustStore:
    """The anchors for a judgement that will not be obeyed; none if the system has none."""
    try:
        return read_trust(options.ca, system=True)
    except CommandFailed:
        if options.ca:
            raise
        return TrustStore()


def _target(options: argparse.Namespace) -> Target:
    try:
        target = parse_target(options.target)
    except ValueError as error:
        raise usage_error(str(error)) from error
    if target.starttls:
        raise usage_error(f"{target.scheme}:// begins in the clear (STARTTLS), which lucidtls cannot do yet")
    return target


def _names(options: argparse.Namespace, target: Target) -> tuple[str | None, ReferenceName | None]:
    """What to send as server name, and who the server must prove to be."""
    asked = options.sni or target.host
    wanted = options.name or asked
    if not wanted and not options.insecure:
        raise usage_error("a local socket has no name: say with --name who the server must be")
    try:
        reference = parse_server_name(wanted) if wanted else None
        if asked:
            parse_server_name(asked)
    except ConfigurationError as error:
        raise usage_error(str(error)) from error
    return None if options.no_sni or not asked else asked, reference


def _protocols(options: argparse.Namespace, target: Target) -> tuple[str, ...]:
    if options.alpn is not None:
        return tuple(name.strip() for name in options.alpn.split(",") if name.strip())
    if options.http:
        return ("http/1.1",)
    return ("h2", "http/1.1") if target.speaks_http else ()


def _credential(options: argparse.Namespace) -> Credential | None:
    if options.cert is None:
        if options.key is not None:
            raise usage_error("--key needs --cert")
        return None
    return read_credential(options.cert, options.key, options.key_password_file)


def _request(options: argparse.Namespace, target: Target) -> bytes | None:
    if options.http:
        return http.request_for(options.sni or target.host or "localhost", target.path)
    text: str | None = options.request
    if text is None:
        return None
    try:
        if text == "-":
            return sys.stdin.buffer.read()
        return Path(text[1:]).read_bytes() if text.startswith("@") else unescape(text)
    except OSError as error:
        raise CommandFailed(local_failure(error, "request")) from error


def unescape(text: str) -> bytes:
    """Read `\\r`, `\\n`, `\\t`, `\\0`, `\\xNN` and `\\\\` in a request given on the command line."""
    plain = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
    pieces, rest = bytearray(), text
    while rest:
        before, slash, rest = rest.partition("\\")
        pieces += before.encode()
        if not slash:
            break
        letter, rest = rest[:1], rest[1:]
        if letter == "x" and len(rest) >= 2 and all(digit in "0123456789abcdefABCDEF" for digit in rest[:2]):
            pieces.append(int(rest[:2], 16))
            rest = rest[2:]
        else:
            pieces += plain.get(letter, f"\\{letter}").encode()
    return bytes(pieces)


def _config(options: argparse.Namespace, visit: Visit, choices: dict[str, Any]) -> ClientConfig:
    now = options.at
    return ClientConfig(
        verifier=visit.judge,
        credentials=visit.credential or (),
        alpn=visit.alpn,
        cipher_suites=algorithm_list(options.ciphers),
        groups=algorithm_list(options.groups),
        shares=algorithm_list(options.shares),
        signature_schemes=algorithm_list(options.sigalgs),
        key_log=key_log_writer(options.keylog) if options.keylog else None,
        tracer=visit.watcher,
        **protocol_choices(options),
        **choices,
        clock=system_clock if now is None else lambda: now,
    )


# The connection


def travel(visit: Visit, open_tls: Callable[[socket.socket], TLSSocket], timeout: float) -> None:
    """Resolve, connect, shake hands, ask, and part; what is learnt is kept in `visit` on the way."""
    raw = _reach(visit)
    raw.settimeout(timeout)
    visit.tls = tls = open_tls(raw)
    started = time.perf_counter()
    visit.negotiated = tls.handshake(timeout, early_data=visit.resumption.early_data or b"")
    visit.timing["handshake"] = time.perf_counter() - started
    if visit.expects_answer:
        _ask(visit, tls)
    _part(visit, tls)


def _reach(visit: Visit) -> socket.socket:
    target = visit.target
    started = time.perf_counter()
    if target.local_path is not None:
        visit.addresses = [Address(socket.AF_UNIX, target.local_path)]
    else:
        visit.addresses = resolve(target.host, target.port)
        visit.timing["dns"] = time.perf_counter() - started
    failure: OSError | None = None
    for address in visit.addresses:
        visit.address = address
        started = time.perf_counter()
        try:
            raw = open_connection(address, Deadline(TCP_TIMEOUT))
        except OSError as error:
            failure = error
            continue
        visit.timing["tcp"] = time.perf_counter() - started
        return raw
    raise failure or OSError("there is no address to connect to")


def _ask(visit: Visit, tls: TLSSocket) -> None:
    """Send the request and read the answer, until it is complete, the server closes, or it says no more.

    Early data is on its way already.
    """
    started = time.perf_counter()
    if visit.request is not None:
        tls.sendall(visit.request)
    try:
        while len(visit.answer) < MAX_ANSWER and not (visit.is_http and http.is_complete(visit.answer)):
            data = tls.recv(65536)
            visit.timing.setdefault("first_byte", time.perf_counter() - started)
            if not data:
                return
            visit.answer += data
    except TimedOut:
        if not visit.answer:
            raise
    except TruncatedStream:
        if not (visit.is_http and http.is_complete(visit.answer)):
            raise


def _part(visit: Visit, tls: TLSSocket) -> None:
    """Close, and hear what the server has to say to that: its own close_notify, or an alert about us.

    In TLS 1.3 a server tells only now what it thinks of our certificate. A server that simply goes away at
    the end is noted and is no error.
    """
    tls.settimeout(CLOSING_TIMEOUT)
    try:
        tls.shutdown_write()
        visit.closed_by_us = True
        while tls.recv(65536):
            pass
        visit.closed_by_them = True
    except (TimedOut, TruncatedStream, ConnectionLost):
        return
    except AlertReceived:
        if not visit.answer:
            raise
