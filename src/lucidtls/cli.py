"""The command line: arguments only. What a command does is in `lucidtls.tools`, imported when it is asked
for."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lucidtls.tools.terminal import Terminal

Option = tuple[tuple[str, ...], dict[str, Any]]
"""One option: its flags, and what argparse wants to know."""

Options = dict[str, tuple[Option, ...]]
"""A command's options, by the heading they stand under."""

REPORT_TO = "the issue tracker of lucidtls"


def _integer(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not between {low} and {high}")
        return value

    read.__name__ = "number"
    return read


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 86_400:
        raise argparse.ArgumentTypeError("seconds are more than 0 and less than a day")
    return value


def _moment(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time like 2026-11-23 or 2026-11-23T08:00:00Z"
        ) from None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


_NAMES = "names as IANA has them, or code points, separated by commas"


def _switch(flag: str, about: str) -> Option:
    return (flag,), {"action": "store_true", "help": about}


def _value(flag: str, metavar: str, about: str, **more: Any) -> Option:
    return (flag,), {"metavar": metavar, "help": about, **more}


def _many(flag: str, metavar: str, about: str) -> Option:
    return (flag,), {"metavar": metavar, "help": about, "action": "append", "default": []}


def _choice(flag: str, about: str, *choices: str) -> Option:
    return (flag,), {"choices": choices, "default": choices[0], "help": f"{about} ({choices[0]})"}


_VERBOSE: Option = (
    ("-v", "--verbose"),
    {"action": "count", "default": 0, "help": "messages as they happen; -vv fields, -vvv bytes"},
)
_PASSWORD = _value("--key-password-file", "FILE", "the key's password")
_TIMEOUT = _value(
    "--timeout", "S", "seconds for the handshake, and for each wait (10)", type=_seconds, default=10.0
)

_PSK = "a pre-shared key: its identity, a colon, the key in hexadecimal digits"

_TLS = _value("--tls", "VERSIONS", "one version or a range: 1.2, 1.0..1.2, 1.2.. (1.2..1.3)")

CONNECT: Options = {
    "Where": (
        _value("--sni", "NAME", "the server name to send"),
        _switch("--no-sni", "send no server name"),
        _TIMEOUT,
    ),
    "Offer": (
        _TLS,
        _switch("--legacy", "whatever an old server needs: TLS 1.0 and 1.1, weak suites, SHA-1"),
        _value("--ciphers", "LIST", f"cipher suites: {_NAMES}"),
        _value("--groups", "LIST", "groups for the key exchange"),
        _value("--shares", "LIST", 'groups to send a key share for; "" sends none'),
        _value("--sigalgs", "LIST", "signature algorithms"),
        _value("--alpn", "LIST", 'application protocols; "" offers none'),
        _value("--session", "FILE", "resume a session kept in this file, and keep new ones there"),
        _value(
            "--early-data", "FILE", "send what is in it with the first flight, if the session allows (0-RTT)"
        ),
        _value("--psk", "ID:HEX", _PSK),
    ),
    "Trust": (
        _many("--ca", "FILE|DIR", "trust these authorities instead of the system's"),
        _switch("--no-system-trust", "never trust the system's authorities"),
        _value("--name", "NAME", "the name the certificate must be for"),
        _value("--at", "TIME", "judge certificates as of this time", type=_moment),
        _switch("--insecure", "go on with a certificate that is refused"),
    ),
    "Me": (
        _value("--cert", "FILE", "a client certificate with its chain, or PKCS#12"),
        _value("--key", "FILE", "its private key"),
        _PASSWORD,
    ),
    "Do": (
        (
            ("-r", "--request"),
            {
                "metavar": "TEXT|@FILE|-",
                "help": r"send this (\r\n and the like are read) and show the answer",
            },
        ),
        _switch("--http", "GET the path of the URL and show the answer"),
    ),
    "See": (
        _VERBOSE,
        _value("--keylog", "FILE", "append the secrets, for Wireshark; whoever has them can read all"),
        _switch("--json", "write one JSON object and nothing else"),
        _switch("--exit-zero", "exit with 0 whatever was found"),
    ),
}

SERVE: Options = {
    "Where": (
        _value("--port", "N", "port (8443); 0 picks one", type=_integer(0, 65535), default=8443),
        _value("--bind", "ADDR", "address to listen on (127.0.0.1)", default="127.0.0.1"),
        _switch("--public", "yes, listen where others can reach it"),
        _TIMEOUT,
    ),
    "What": (
        _switch("--echo", "send back what comes"),
        _switch("--hidden-files", "serve files whose name begins with a dot, too"),
    ),
    "Identity": (
        _value("--cert", "FILE", "certificate with its chain, or PKCS#12"),
        _value("--key", "FILE", "its private key"),
        _PASSWORD,
        _many("--name", "NAME", "without --cert: issue a development certificate for this name"),
    ),
    "Policy": (
        _TLS,
        _switch("--legacy", "serve old clients too: TLS 1.0 and 1.1, weak suites, SHA-1; an RSA key"),
        _value("--ciphers", "LIST", f"cipher suites: {_NAMES}"),
        _value("--groups", "LIST", "groups for the key exchange"),
        _value("--sigalgs", "LIST", "signature algorithms"),
        _value("--alpn", "LIST", "application protocols (http/1.1)"),
        _choice("--client-cert", "ask clients for a certificate", "none", "request", "require"),
        _many("--client-ca", "FILE", "whose client certificates are accepted"),
        _choice("--hrr", "ask clients for a second ClientHello", "auto", "always"),
        _value(
            "--tickets",
            "N",
            "tickets for each client (2); 0 resumes nothing",
            type=_integer(0, 16),
            default=2,
        ),
        _value(
            "--early-data",
            "BYTES",
            "take so much early data, which can be replayed (0)",
            type=_integer(0, 2**24),
            default=0,
        ),
        _many("--psk", "ID:HEX", _PSK),
    ),
    "See": (
        _VERBOSE,
        _switch("--once", "stop after one connection, with its exit code"),
        _value("--json-log", "FILE|-", "append one JSON object for each connection"),
        _value("--keylog", "FILE", "append the secrets, for Wireshark"),
    ),
}

CERT_DEV: Options = {
    "What": (
        _switch("--client", "a certificate for a client"),
        _choice("--key", "kind of key", "ec", "rsa", "ed25519", "ml-dsa-65"),
        _value("--days", "N", "days to live, at most 90", type=_integer(1, 90), default=90),
        _choice("--constrain", "names the authority may vouch for", "private", "any"),
        _switch("--intermediate", "issue from an intermediate whose root key was thrown away"),
    ),
    "Where": (
        _value("--out", "DIR", "where the files go (.)", default="."),
        _switch("--p12", "write a PKCS#12 file as well"),
        _switch("--json", "write one JSON object and nothing else"),
    ),
}


def build_parser() -> argparse.ArgumentParser:
    """The whole grammar."""
    parser = argparse.ArgumentParser(
        prog="lucidtls",
        description="TLS you can see through.",
        epilog="Exit codes: 0 fine, 2 usage, 3 local files, 4 name resolution, 5 no connection, 6 not TLS, "
        "7 handshake, 8 certificate, 9 client authentication, 10 data, 70 a bug, 130 interrupted.",
    )
    parser.add_argument("--version", action="store_true", help="show the version and what it runs on")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    connect = _command(commands, "connect", "connect to a server and look at the connection", CONNECT)
    connect.add_argument("target", metavar="TARGET", help="host, host:port, https://host/path, unix:/path")
    serve = _command(commands, "serve", "run a server for development", SERVE)
    serve.add_argument("directory", nargs="?", metavar="DIR", help="serve the files below it")
    cert = commands.add_parser("cert", help="certificates for development").add_subparsers(
        dest="subcommand", metavar="dev", required=True
    )
    dev = _command(cert, "dev", "issue a certificate for development", CERT_DEV)
    dev.add_argument(
        "names", nargs="*", metavar="NAME", help="host names and addresses (localhost 127.0.0.1 ::1)"
    )
    return parser


def _command(commands: Any, name: str, about: str, options: Options) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=f"{about[0].upper()}{about[1:]}."
    )
    for title, rows in options.items():
        group = parser.add_argument_group(title)
        for flags, arguments in rows:
            group.add_argument(*flags, **arguments)
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colours (auto)")
    parser.add_argument("-q", "--quiet", action="store_true", help="only the exit code")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.version:
        return _show_version()
    if options.command is None:
        parser.print_help()
        return 2
    try:
        return _run(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(options: argparse.Namespace) -> int:
    from lucidtls.tools.terminal import Terminal

    terminal = Terminal(options.color)
    terminal.quiet = options.quiet
    try:
        return _command_of(options)(options, terminal)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - every failure ends in a sentence and an exit code
        return _report_failure(error, options, terminal)


def _command_of(options: argparse.Namespace) -> Callable[[argparse.Namespace, Terminal], int]:
    if options.command == "connect":
        from lucidtls.tools import connect

        return connect.run
    if options.command == "serve":
        from lucidtls.tools import serve

        return serve.run
    from lucidtls.tools import cert

    return cert.run_dev


def _report_failure(error: Exception, options: argparse.Namespace, terminal: Terminal) -> int:
    from lucidtls.tools.bugs import bug_diagnosis
    from lucidtls.tools.document import Document
    from lucidtls.tools.findings import CommandFailed
    from lucidtls.tools.report import Clock, envelope

    told = error.diagnosis if isinstance(error, CommandFailed) else bug_diagnosis(error, REPORT_TO)
    if getattr(options, "json", False):
        terminal.emit_json(envelope(options.command, Clock(), told.exit_code, [told], {}))
    else:
        terminal.log(*Document([told]).lines(100))
    return told.exit_code


def _show_version() -> int:
    import platform

    from lucidtls.tools.report import version_of

    versions = f"Python {platform.python_version()}, cryptography {version_of('cryptography') or 'missing'}"
    print(f"lucidtls {version_of('lucidtls') or '(not installed)'} ({versions})")
    return 0
