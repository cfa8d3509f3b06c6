"""Handshake messages as fields, for `-vv` and the JSON output: names for code points, short hex for bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lucidtls.errors import DecodeError, PeerError
from lucidtls.tools.text import printable, short_hex
from lucidtls.wire import messages12
from lucidtls.wire.codepoints import (
    CIPHER_SUITES,
    EXTENSIONS,
    GROUPS,
    SIGNATURE_SCHEMES,
    ExtensionType,
    name_of,
)
from lucidtls.wire.extensions import Extensions, KeyShareEntry
from lucidtls.wire.hello import ClientHello, ServerHello
from lucidtls.wire.messages13 import (
    Certificate,
    CertificateRequest,
    CertificateVerify,
    EncryptedExtensions,
    Finished,
    KeyUpdate,
    NewSessionTicket,
)
from lucidtls.wire.versions import VERSION_NAMES, version_name

Field = tuple[str, str]

_PSK_MODES = {0: "psk_ke", 1: "psk_dhe_ke"}


def fields_of(message: object) -> list[Field]:
    """The fields of a decoded handshake message, in order, as text."""
    for kind, tell in _TELLERS.items():
        if isinstance(message, kind):
            return list(tell(message))
    return []


def _client_hello(message: ClientHello) -> Iterable[Field]:
    yield "version", version_name(message.legacy_version)
    yield "random", short_hex(message.random, 32)
    yield "session id", short_hex(message.legacy_session_id) or "empty"
    yield "cipher suites", _names(CIPHER_SUITES, message.cipher_suites)
    yield from _extensions(message.extensions)


def _server_hello(message: ServerHello) -> Iterable[Field]:
    yield "version", version_name(message.legacy_version)
    if not message.is_retry_request:
        yield "random", short_hex(message.random, 32)
    yield "cipher suite", name_of(CIPHER_SUITES, message.cipher_suite)
    yield from _extensions(message.extensions)


def _encrypted_extensions(message: EncryptedExtensions) -> Iterable[Field]:
    yield from _extensions(message.extensions)


def _certificate_request(message: CertificateRequest) -> Iterable[Field]:
    yield from _extensions(message.extensions)


def _certificate(message: Certificate) -> Iterable[Field]:
    for place, entry in enumerate(message.entries):
        yield f"certificate {place}", f"{len(entry.data)} bytes"
        yield from _extensions(entry.extensions)


def _certificate_verify(message: CertificateVerify) -> Iterable[Field]:
    yield "algorithm", name_of(SIGNATURE_SCHEMES, message.scheme)
    yield "signature", short_hex(message.signature)


def _finished(message: Finished | messages12.Finished) -> Iterable[Field]:
    yield "verify data", short_hex(message.verify_data)


def _new_session_ticket(message: NewSessionTicket) -> Iterable[Field]:
    yield "lifetime", f"{message.lifetime} s"
    yield "ticket", f"{len(message.ticket)} bytes"
    yield from _extensions(message.extensions)


def _key_update(message: KeyUpdate) -> Iterable[Field]:
    yield "request update", "yes" if message.request_update else "no"


# Before TLS 1.3


def _older_certificate(message: messages12.Certificate) -> Iterable[Field]:
    for place, certificate in enumerate(message.certificate_list):
        yield f"certificate {place}", f"{len(certificate)} bytes"


def _certificate_status(message: messages12.CertificateStatus) -> Iterable[Field]:
    yield "OCSP response", f"{len(message.response)} bytes"


def _server_key_exchange(message: messages12.ServerKeyExchange) -> Iterable[Field]:
    if message.identity_hint is not None:
        yield "identity hint", printable(message.identity_hint, 60) or "empty"
    match message.parameters:
        case messages12.ECDHParameters(group=group, public=public):
            yield "group", name_of(GROUPS, group)
            yield "public", short_hex(public)
        case messages12.DHParameters(p=p, g=g, public=public):
            yield "prime", f"{int.from_bytes(p).bit_length()} bits"
            yield "generator", short_hex(g)
            yield "public", short_hex(public)
        case None:
            pass
    if message.scheme is not None:
        yield "algorithm", name_of(SIGNATURE_SCHEMES, message.scheme)
    if message.signature is not None:
        yield "signature", short_hex(message.signature)


def _older_certificate_request(message: messages12.CertificateRequest) -> Iterable[Field]:
    yield "certificate types", ", ".join(_CERTIFICATE_TYPES.get(code, str(code)) for code in message.types)
    if message.schemes is not None:
        yield "signature algorithms", _names(SIGNATURE_SCHEMES, message.schemes)
    yield "authorities", str(len(message.authorities))


def _client_key_exchange(message: messages12.ClientKeyExchange) -> Iterable[Field]:
    if message.identity is not None:
        yield "identity", printable(message.identity, 60)
    if message.exchange is not None:
        what = "encrypted premaster secret" if message.kind == "rsa" else "public"
        yield what, short_hex(message.exchange)


def _older_certificate_verify(message: messages12.CertificateVerify) -> Iterable[Field]:
    if message.scheme is not None:
        yield "algorithm", name_of(SIGNATURE_SCHEMES, message.scheme)
    yield "signature", short_hex(message.signature)


def _older_ticket(message: messages12.NewSessionTicket) -> Iterable[Field]:
    yield "lifetime hint", f"{message.lifetime_hint} s"
    yield "ticket", f"{len(message.ticket)} bytes"


_CERTIFICATE_TYPES = {1: "rsa_sign", 2: "dss_sign", 64: "ecdsa_sign"}

_TELLERS: dict[type[Any], Callable[[Any], Iterable[Field]]] = {
    ClientHello: _client_hello,
    ServerHello: _server_hello,
    EncryptedExtensions: _encrypted_extensions,
    CertificateRequest: _certificate_request,
    Certificate: _certificate,
    CertificateVerify: _certificate_verify,
    Finished: _finished,
    NewSessionTicket: _new_session_ticket,
    KeyUpdate: _key_update,
    messages12.Certificate: _older_certificate,
    messages12.CertificateStatus: _certificate_status,
    messages12.ServerKeyExchange: _server_key_exchange,
    messages12.CertificateRequest: _older_certificate_request,
    messages12.ClientKeyExchange: _client_key_exchange,
    messages12.CertificateVerify: _older_certificate_verify,
    messages12.Finished: _finished,
    messages12.NewSessionTicket: _older_ticket,
}


def chain_of(message: object) -> tuple[bytes, ...]:
    """The certificates that a Certificate message of any version carries; none for no message."""
    if isinstance(message, messages12.Certificate):
        return message.certificate_list
    return tuple(entry.data for entry in message.entries) if isinstance(message, Certificate) else ()


def message_name(name: str, message: object) -> str:
    """The message's name; a ServerHello that asks for a retry goes by its own."""
    return "HelloRetryRequest" if isinstance(message, ServerHello) and message.is_retry_request else name


# Extensions


def _extensions(extensions: Extensions) -> Iterable[Field]:
    for code, body in extensions.raw.items():
        yield name_of(EXTENSIONS, code), _extension_text(extensions, code, body)


def _extension_text(extensions: Extensions, code: int, body: bytes) -> str:
    try:
        value = _parsed(extensions, code)
    except (DecodeError, PeerError):
        value = None
    if value is None:
        return short_hex(body) or "empty"
    if value is True:
        return "yes"
    tell = _VALUES.get(code)
    return tell(value) if tell is not None else _plain(value)


def _parsed(extensions: Extensions, code: int) -> Any:
    from lucidtls.wire.extensions import FORMS

    form = FORMS[extensions.message].get(code)
    return extensions.get(form) if form is not None else None


def _names(table: dict[int, str], codes: int | Iterable[int]) -> str:
    return (
        name_of(table, codes) if isinstance(codes, int) else ", ".join(name_of(table, code) for code in codes)
    )


def _key_shares(value: Any) -> str:
    if isinstance(value, int):
        return f"{name_of(GROUPS, value)} wanted"
    entries: Sequence[KeyShareEntry] = (value,) if isinstance(value, KeyShareEntry) else value
    return (
        ", ".join(f"{name_of(GROUPS, entry.group)} ({len(entry.key_exchange)} bytes)" for entry in entries)
        or "none"
    )


def _versions(value: Any) -> str:
    codes = (value,) if isinstance(value, int) else value
    return ", ".join(VERSION_NAMES.get(code) or f"0x{code:04x}" for code in codes)


def _protocols(value: Iterable[bytes]) -> str:
    return ", ".join(printable(protocol, 40) for protocol in value)


def _psk_modes(value: Iterable[int]) -> str:
    return ", ".join(_PSK_MODES.get(mode, str(mode)) for mode in value)


_VALUES: dict[int, Callable[[Any], str]] = {
    ExtensionType.SUPPORTED_GROUPS: lambda value: _names(GROUPS, value),
    ExtensionType.SIGNATURE_ALGORITHMS: lambda value: _names(SIGNATURE_SCHEMES, value),
    ExtensionType.SIGNATURE_ALGORITHMS_CERT: lambda value: _names(SIGNATURE_SCHEMES, value),
    ExtensionType.KEY_SHARE: _key_shares,
    ExtensionType.SUPPORTED_VERSIONS: _versions,
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION: _protocols,
    ExtensionType.PSK_KEY_EXCHANGE_MODES: _psk_modes,
}


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return short_hex(value)
    if isinstance(value, (tuple, list)):
        return ", ".join(_plain(one) for one in value)
    return printable(str(value))


def algorithm_json(table: dict[int, str], name: str | None) -> dict[str, Any] | None:
    """Write an algorithm as name, number and hex; None for none."""
    if name is None:
        return None
    for code, known in table.items():
        if known == name:
            return {"name": name, "id": code, "hex": f"0x{code:04x}"}
    return {"name": name, "id": None, "hex": None}
