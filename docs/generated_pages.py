"""Pages made from the code's own tables: extensions, algorithms, code points, alerts, errors, reasons.

Sphinx calls `write` before it reads its sources, so these pages cannot fall behind the code.
"""

from __future__ import annotations

import argparse
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lucidtls import alerts, errors, policies
from lucidtls.cli import build_parser
from lucidtls.crypto.groups import GROUPS
from lucidtls.crypto.signatures import SIGNATURE_SCHEMES, SignatureScheme
from lucidtls.crypto.suites import SUITES_13
from lucidtls.crypto.suites12 import SUITES_12
from lucidtls.tools import exits
from lucidtls.trust.reasons import Reason
from lucidtls.wire import codepoints
from lucidtls.wire.extensions import FORMS

ABBREVIATIONS = {
    "ClientHello": "CH",
    "ServerHello": "SH",
    "ServerHello12": "SH12",
    "HelloRetryRequest": "HRR",
    "EncryptedExtensions": "EE",
    "CertificateRequest": "CR",
    "Certificate": "CT",
    "NewSessionTicket": "NST",
}

# The ServerHello of old versions has a table of its own.
LONG_NAMES = {"ServerHello": "ServerHello of TLS 1.3", "ServerHello12": "ServerHello of TLS 1.2 and before"}

# Classes that are never raised as they are, or whose alert follows from a reason.
GENERAL = frozenset({"PeerError", "RecordError", "CertificateRejected"})


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Render a Markdown table."""
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(str(cell).replace("|", "\\|") for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def handshakes(row: SignatureScheme) -> str:
    """Say in which versions' handshakes a scheme may sign."""
    return ", ".join(name for name, may in (("1.3", row.tls13), ("1.2", row.tls12)) if may) or "no"


def hexadecimal(code: int, digits: int = 4) -> str:
    """Write a code point as the RFCs do."""
    return f"0x{code:0{digits}x}"


def extensions_page() -> str:
    """Tell which extensions are understood, and in which messages each may stand."""
    codes = sorted({code for rows in FORMS.values() for code in rows})
    rows = []
    for code in codes:
        forms = {message: forms[code] for message, forms in FORMS.items() if code in forms}
        first = next(iter(forms.values()))
        places = ", ".join(ABBREVIATIONS[message] for message in forms)
        rows.append(
            (first.name, code, places, "; ".join(dict.fromkeys(form.source for form in forms.values())))
        )
    legend = ", ".join(
        f"{short} {LONG_NAMES.get(message, message)}" for message, short in ABBREVIATIONS.items()
    )
    return (
        "# Extensions\n\n"
        "What lucidtls reads and writes, and in which message each may stand. A known extension\n"
        "anywhere else is refused with illegal_parameter, one that answers a question never asked with\n"
        "unsupported_extension (RFC 9846 §4.3); unknown ones are kept as bytes and ignored.\n\n"
        f"{table(('Extension', 'Code', 'In', 'Source'), rows)}\n{legend}.\n"
    )


def algorithms_page() -> str:
    """List cipher suites, groups and signature schemes, and what the default policy makes of them."""
    policy = policies.DEFAULT_2026
    suites = [
        (row.name, hexadecimal(row.code), place(row.name, policy.cipher_suites), row.source)
        for row in SUITES_13.values()
    ]
    groups = [
        (
            row.name,
            hexadecimal(row.code),
            row.kind,
            row.security_bits,
            row.client_share_length,
            row.server_share_length,
            place(row.name, policy.groups),
            row.source,
        )
        for row in GROUPS.values()
    ]
    schemes = [
        (
            row.name,
            hexadecimal(row.code),
            handshakes(row),
            place(row.name, policy.signature_schemes),
            row.source,
        )
        for row in SIGNATURE_SCHEMES.values()
    ]
    group_head = ("Group", "Code", "Kind", "Bits", "Client share", "Server share", "In the default", "Source")
    return (
        "# Algorithms\n\n"
        f"“In the default” is the place in `{policy.name}`; — means on request only. Shares are in bytes.\n\n"
        f"## Cipher suites of TLS 1.3\n\n{table(('Suite', 'Code', 'In the default', 'Source'), suites)}\n"
        f"## Cipher suites of TLS 1.2 and before\n\n{older_suites()}\n"
        f"## Groups\n\n{table(group_head, groups)}\n"
        f"The first message carries shares for {', '.join(map(str, policy.shares))} by default.\n\n"
        "## Signature schemes\n\n"
        f"{table(('Scheme', 'Code', 'In the handshake', 'In the default', 'Source'), schemes)}"
    )


def older_suites() -> str:
    """List the cipher suites of TLS 1.2 and before."""
    default, legacy = policies.DEFAULT_2026, policies.LEGACY_2026
    rows = [
        (
            row.name,
            hexadecimal(row.code),
            ", ".join(version.removeprefix("TLS ") for version in row.versions),
            ", ".join(row.weaknesses) or "—",
            place(row.name, default.cipher_suites),
            place(row.name, legacy.cipher_suites),
            row.source,
        )
        for row in SUITES_12.values()
    ]
    head = ("Suite", "Code", "Versions", "Weaknesses", default.name, legacy.name, "Source")
    return table(head, rows)


def policies_page() -> str:
    """Tell what is in each policy."""
    parts = [
        "# Policies\n\nA policy does not change once it is released. What a config says itself goes before\n"
        "its policy. What [each weakness means](../old-versions.md) has a page of its own.\n"
    ]
    for policy in (policies.DEFAULT_2026, policies.MODERN_2026, policies.LEGACY_2026):
        name = f"dangerous.{policy.name}" if policy.legacy else policy.name
        rows = [
            ("versions", ", ".join(policy.versions)),
            ("cipher suites, most preferred first", "<br>".join(map(str, policy.cipher_suites))),
            ("groups", ", ".join(map(str, policy.groups))),
            ("shares in the first message", ", ".join(map(str, policy.shares))),
            ("signature schemes", ", ".join(map(str, policy.signature_schemes))),
            ("… in certificates", ", ".join(map(str, policy.certificate_signature_schemes))),
            ("extended main secret (before TLS 1.3)", policy.extended_master_secret),
            ("encrypt-then-MAC (CBC suites)", policy.encrypt_then_mac),
            ("secure renegotiation", "required" if policy.secure_renegotiation else "not required"),
            ("weak suites and withdrawn versions", "may be named" if policy.legacy else "are refused"),
        ]
        parts.append(f"## {name}\n\n{table(('What', 'Which'), rows)}")
    return "\n".join(parts)


def place(name: str, preferences: policies.Names) -> str:
    """Say where in an order of preference a name stands."""
    return str(preferences.index(name) + 1) if name in preferences else "—"


def codepoints_page() -> str:
    """List every registered code point, understood or not."""
    registries: dict[str, tuple[Mapping[int, str], int]] = {
        "Content types": (codepoints.CONTENT_TYPES, 2),
        "Handshake types": (codepoints.HANDSHAKE_TYPES, 2),
        "Extensions": (codepoints.EXTENSIONS, 4),
        "Groups": (codepoints.GROUPS, 4),
        "Signature schemes": (codepoints.SIGNATURE_SCHEMES, 4),
        "Cipher suites": (codepoints.CIPHER_SUITES, 4),
    }
    parts = [
        "# Code points\n\nEvery registered value that lucidtls knows by name, whether it can use it or not.\n"
    ]
    for title, (names, digits) in registries.items():
        rows = [(hexadecimal(code, digits), code, name) for code, name in sorted(names.items())]
        parts.append(f"## {title}\n\n{table(('Code', 'Decimal', 'Name'), rows)}")
    return "\n".join(parts)


def alerts_page() -> str:
    """List the alerts, with the errors that send them."""
    senders: dict[int, list[str]] = {}
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, errors.PeerError) and name not in GENERAL:
            senders.setdefault(error.alert.code, []).append(f"`{name}`")
    for reason in Reason:
        if "`CertificateRejected`" not in senders.setdefault(reason.alert.code, []):
            senders[reason.alert.code].append("`CertificateRejected`")
    rows = [
        (alert.name, code, alert.meaning, ", ".join(senders.get(code, [])))
        for code, alert in sorted(alerts.ALERTS.items())
    ]
    return f"# Alerts\n\nRFC 9846 §6.\n\n{table(('Alert', 'Code', 'Meaning', 'Sent for'), rows)}"


def reasons_page() -> str:
    """List the reasons for which a certificate chain is refused."""
    rows = [(f"`{row.word}`", row.sentence, row.alert.name, row.clause) for row in Reason]
    return (
        "# Reasons for refusing a chain\n\n"
        "`CertificateRejected.reason` is one of these words; they do not change.\n\n"
        f"{table(('Reason', 'What is wrong', 'Alert', 'Clause'), rows)}"
    )


def errors_page() -> str:
    """Draw the tree of exceptions with the first sentence of each."""

    def branch(error: type[BaseException], depth: int) -> list[str]:
        sentence = (inspect.getdoc(error) or "").split("\n\n")[0].replace("\n", " ")
        lines = [f"{'  ' * depth}- `{error.__name__}`: {sentence}"]
        for child in error.__subclasses__():
            if child.__module__ == errors.__name__:
                lines += branch(child, depth + 1)
        return lines

    return "# Errors\n\n" + "\n".join(branch(errors.TLSError, 0)) + "\n"


def commands_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield every command that does something, in order."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in below:
        for command in action.choices.values():
            yield from commands_of(command)
    if not below:
        yield parser


def commands_page() -> str:
    """Show each command's own help, and what the exit codes mean."""
    helps = []
    for command in commands_of(build_parser()):
        command.formatter_class = functools.partial(argparse.HelpFormatter, width=100)
        helps.append(f"## {command.prog}\n\n```text\n{command.format_help()}```\n")
    codes = table(("Code", "Meaning"), sorted(exits.MEANINGS.items()))
    return (
        "# Commands\n\n"
        "Results go to standard output, progress to standard error. With `--json` standard output is one\n"
        "JSON object and nothing else.\n\n" + "\n".join(helps) + f"\n## Exit codes\n\n{codes}"
    )


PAGES: dict[str, Callable[[], str]] = {
    "extensions": extensions_page,
    "algorithms": algorithms_page,
    "policies": policies_page,
    "codepoints": codepoints_page,
    "alerts": alerts_page,
    "reasons": reasons_page,
    "errors": errors_page,
    "commands": commands_page,
}


def write(folder: Path) -> None:
    """Write every page whose text has changed."""
    folder.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        path = folder / f"{name}.md"
        text = make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
