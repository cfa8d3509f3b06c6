"""What `lucidtls connect` shows of a visit, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lucidtls.crypto.groups import GROUPS as GROUP_ROWS
from lucidtls.tools import http, resumption
from lucidtls.tools.agreement import Agreement
from lucidtls.tools.certificates import as_json, chain_lines
from lucidtls.tools.document import Blank, Document, Heading, Mark, Verbatim, line
from lucidtls.tools.messages import algorithm_json, chain_of, fields_of
from lucidtls.tools.text import count, milliseconds, number, printable
from lucidtls.tools.visit import Visit
from lucidtls.trust.certificate import name_text
from lucidtls.wire import messages12
from lucidtls.wire.codepoints import CIPHER_SUITES, GROUPS, SIGNATURE_SCHEMES, name_of
from lucidtls.wire.extensions import cr
from lucidtls.wire.versions import TLS13, version_name

ANSWER_LINES = 40
ANSWER_JSON = 64 * 1024
"""How much of an answer is shown, in lines of text and in bytes of JSON."""


def show_document(visit: Visit) -> Document:
    """The screen: the verdict first, then what is known."""
    document = Document()
    errors = [one for one in visit.diagnoses if one.severity == "error"]
    if errors:
        document.add(*errors)
    elif visit.interrupted:
        document.add(Heading("warn", f"{visit.target}: interrupted"))
    else:
        document.add(Heading(*_verdict(visit)))
    for told in visit.diagnoses:
        if told.severity != "error":
            document.add(told)
    document.add(Blank())
    _address(document, visit)
    _parameters(document, visit)
    _sessions(document, visit)
    _chain(document, visit)
    _traffic(document, visit)
    _answer(document, visit)
    return document


def _verdict(visit: Visit) -> tuple[Mark, str]:
    negotiated, agreed = visit.negotiated, visit.agreement
    version = agreed.version if agreed is not None else TLS13
    # Before TLS 1.3 the client speaks twice before it knows that the server has the same keys.
    trips = 2 if version < TLS13 or (negotiated is not None and negotiated.hello_retried) else 1
    shares_key = negotiated is not None and negotiated.psk_identity is not None
    trusted = visit.judge.verified is not None or shares_key
    mark: Mark = "ok" if trusted else "warn"
    words = "trusted" if trusted else "NOT trusted"
    if shares_key:
        words = "the pre-shared key fits"
    elif negotiated is not None and negotiated.resumed:
        words += ", resumed"
    return mark, f"{visit.target} — {version_name(version)}, {words}, {count(trips, 'round trip')}"


def _address(document: Document, visit: Visit) -> None:
    if visit.address is None:
        return
    place = visit.addresses.index(visit.address) + 1
    shown = [f"{visit.address} ({place} of {len(visit.addresses)})"]
    for name in ("tcp", "handshake", "first_byte"):
        if name in visit.timing:
            label = {"handshake": "tls", "first_byte": "first byte"}.get(name, name)
            shown.append(f"{label} {milliseconds(visit.timing[name])}")
    document.row("Address", " · ".join(shown))


def _parameters(document: Document, visit: Visit) -> None:
    agreed = visit.agreement
    if agreed is None:
        return
    exchange = [f"key exchange {agreed.key_exchange}"] if agreed.key_exchange is not None else []
    if agreed.group is not None or agreed.version == TLS13:
        kind = " (post-quantum hybrid)" if _is_post_quantum(agreed.group) else ""
        exchange.append(f"group {agreed.group or 'none'}{kind}")
    if visit.watcher.received("HelloRetryRequest") is not None:
        exchange.append("after a HelloRetryRequest")
    document.row("Suite", f"{agreed.cipher_suite}   {' · '.join(exchange)}")
    shown = [agreed.signature] if agreed.signature is not None else []
    if visit.negotiated is not None:
        alpn = visit.negotiated.alpn
        shown.append(f"ALPN {printable(alpn, 40)}" if alpn else "no ALPN")
        tickets = len(visit.tls.tickets) if visit.tls is not None else 0
        shown.append(f"{count(tickets, 'ticket')}")
        shown.append(_client_authentication(visit))
    if shown:
        document.row("Signature" if agreed.signature is not None else "Agreed", " · ".join(shown))
    _older_parts(document, agreed)


def _sessions(document: Document, visit: Visit) -> None:
    negotiated = visit.negotiated
    if negotiated is None:
        return
    lines = resumption.session_lines(visit.resumption, negotiated, visit.now)
    if lines:
        document.row("Session", *lines)
    texts = {
        "Early data": resumption.early_text(visit.resumption, negotiated),
        "Shared key": printable(negotiated.psk_identity, 60) if negotiated.psk_identity is not None else None,
    }
    for label, text in texts.items():
        if text is not None:
            document.row(label, text)


def _older_parts(document: Document, agreed: Agreement) -> None:
    """What TLS 1.3 has settled once and for all, and older versions negotiate."""
    if agreed.version == TLS13:
        return
    parts = {
        "extended main secret": agreed.extended_master_secret,
        "encrypt-then-MAC": agreed.encrypt_then_mac,
        "secure renegotiation": agreed.secure_renegotiation,
    }
    told = [f"{name} {'yes' if value else 'NO'}" for name, value in parts.items() if value is not None]
    document.row("Older parts", " · ".join(told))
    if agreed.weaknesses:
        document.row("Weak", " · ".join(agreed.weaknesses))


def _is_post_quantum(name: str | None) -> bool:
    return any(row.name == name and row.post_quantum for row in GROUP_ROWS.values())


def _client_authentication(visit: Visit) -> str:
    negotiated = visit.negotiated
    if negotiated is None or not negotiated.client_certificate_requested:
        return "no client certificate asked"
    return (
        "client certificate sent"
        if negotiated.client_authenticated
        else "client certificate asked, none sent"
    )


def _sent_chain(visit: Visit) -> tuple[bytes, ...]:
    """The server's certificates: of this handshake, or of the one that a resumed session began with."""
    chain = chain_of(visit.watcher.received("Certificate"))
    return chain or (visit.negotiated.peer_chain if visit.negotiated is not None else ())


def _chain(document: Document, visit: Visit) -> None:
    chain = _sent_chain(visit)
    if not chain:
        return
    verified = visit.judge.verified
    path: Sequence[bytes] = verified.path if verified is not None else ()
    document.row("Chain", *(line(text) for text in chain_lines(chain, path, visit.trust_text, visit.now)))


def _traffic(document: Document, visit: Visit) -> None:
    tls = visit.tls
    if tls is None:
        return
    hello = f" · ClientHello {number(visit.client_hello_length)}"
    document.row("Bytes", f"sent {number(tls.bytes_sent)} · received {number(tls.bytes_received)}{hello}")
    if visit.closed_by_us:
        theirs = "the server too" if visit.closed_by_them else "the server did not"
        document.row("Closed", f"we sent close_notify, {theirs}")


def _answer(document: Document, visit: Visit) -> None:
    if not visit.expects_answer or visit.negotiated is None:
        return
    head = http.read_head(visit.answer) if visit.is_http else None
    what = f"{printable(head.start, 80)} · " if head is not None else ""
    document.row("Answer", f"{what}{count(len(visit.answer), 'byte')}")
    lines = bytes(visit.answer).splitlines()
    shown = [printable(text) for text in lines[:ANSWER_LINES]]
    if len(lines) > ANSWER_LINES:
        shown.append(f"… {count(len(lines) - ANSWER_LINES, 'more line')}")
    document.add(Blank(), Verbatim(shown))


# JSON


def result_of(visit: Visit, *, with_messages: bool) -> dict[str, Any]:
    """The `result` of the JSON output. What is unknown is null."""
    negotiated, tls, agreed = visit.negotiated, visit.tls, visit.agreement
    result: dict[str, Any] = {
        "target": _target(visit),
        "timing": {name: round(seconds * 1000, 3) for name, seconds in visit.timing.items()},
        "version": agreed.version_name if agreed is not None else None,
        "suite": algorithm_json(CIPHER_SUITES, agreed.cipher_suite if agreed is not None else None),
        "group": algorithm_json(GROUPS, agreed.group if agreed is not None else None),
        "hrr": visit.watcher.received("HelloRetryRequest") is not None,
        "signature": algorithm_json(SIGNATURE_SCHEMES, agreed.signature if agreed is not None else None),
        "alpn": negotiated.alpn if negotiated is not None else None,
        **resumption.as_json(visit.resumption, negotiated, tls),
        **(agreed.as_json() if agreed is not None else dict.fromkeys(_OLDER_KEYS)),
        "client_auth": _client_auth(visit),
        "chain": [as_json(data, place, visit.now) for place, data in enumerate(_sent_chain(visit))],
        "trust": _trust(visit),
        "bytes": _bytes(visit),
        "close": {"ours": visit.closed_by_us, "theirs": visit.closed_by_them},
    }
    if visit.expects_answer and negotiated is not None:
        result["answer"] = _answer_json(visit)
    if with_messages:
        result["messages"] = _messages(visit)
    return result


_OLDER_KEYS = ("key_exchange", "ems", "etm", "secure_renegotiation", "weaknesses")
"""What is null while no version is known."""


def _target(visit: Visit) -> dict[str, Any]:
    target = visit.target
    address = str(visit.address) if visit.address is not None else None
    return {"host": target.host, "port": target.port, "address": address, "sni": visit.sni, "proxy": None,
            "starttls": None}  # fmt: skip


def _client_auth(visit: Visit) -> dict[str, Any] | None:
    request = visit.watcher.received("CertificateRequest")
    # The server has said all it asks for with the first message that comes after its request.
    if request is None:
        names = ("EncryptedExtensions", "ServerHelloDone")
        known = any(visit.watcher.received(name) is not None for name in names)
        return {"requested": False} if known else None
    if isinstance(request, messages12.CertificateRequest):
        authorities, schemes = request.authorities, request.schemes
    else:
        authorities = request.extensions.get(cr.CERTIFICATE_AUTHORITIES) or ()
        schemes = request.extensions.get(cr.SIGNATURE_ALGORITHMS)
    return {
        "requested": True,
        "ca_names": [name_text(name) for name in authorities],
        "sigalgs": [name_of(SIGNATURE_SCHEMES, code) for code in schemes or ()],
        "sent": visit.negotiated.client_authenticated if visit.negotiated is not None else None,
    }


def _trust(visit: Visit) -> dict[str, Any]:
    verified = visit.judge.verified
    path = [name_text(certificate.subject) for certificate in verified.certificates] if verified else []
    refusal = visit.judge.refusal
    judged = verified is not None or refusal is not None
    return {
        "verified": verified is not None if judged else None,
        "reason": refusal.reason if refusal is not None else None,
        "store": visit.trust_text,
        "path": path,
    }


def _bytes(visit: Visit) -> dict[str, int] | None:
    tls = visit.tls
    return {"sent": tls.bytes_sent, "received": tls.bytes_received} if tls is not None else None


def _answer_json(visit: Visit) -> dict[str, Any]:
    head = http.read_head(visit.answer) if visit.is_http else None
    return {
        "bytes": len(visit.answer),
        "status": head.start if head is not None else None,
        "text": bytes(visit.answer[:ANSWER_JSON]).decode("utf-8", "backslashreplace"),
    }


def _messages(visit: Visit) -> list[dict[str, Any]]:
    return [
        {
            "dir": "out" if direction == "sent" else "in",
            "name": name,
            "bytes": len(entry.body) + 4,
            "fields": [{"name": label, "value": value} for label, value in fields_of(entry.message)],
        }
        for direction, name, entry in visit.watcher.messages
    ]
