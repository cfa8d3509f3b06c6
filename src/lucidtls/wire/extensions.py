"""The extensions that one message carries: reading, order, duplicates, and what may stand where.

The shapes of single extensions are rows in `lucidtls.wire.forms`; they are named here by message, so
that a handshake reads `hello.extensions.get(ch.KEY_SHARE)`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from struct import Struct
from struct import error as StructError
from typing import Any, Final, TypeVar

from lucidtls.errors import DecodeError, IllegalParameter, InternalError, UnsupportedExtension
from lucidtls.wire.codec import Reader, vector16
from lucidtls.wire.codepoints import EXTENSIONS, ExtensionType, name_of
from lucidtls.wire.forms import ch, cr, ct, ee, hrr, nst, sh, sh12
from lucidtls.wire.forms.form import ExtensionForm
from lucidtls.wire.forms.values import (
    KeyShareEntry,
    OfferedPsks,
    OIDFilter,
    PskIdentity,
    StatusRequest,
    TicketRequest,
)

__all__ = [
    "FORMS",
    "RECOGNISED",
    "ExtensionForm",
    "Extensions",
    "KeyShareEntry",
    "OIDFilter",
    "OfferedPsks",
    "PskIdentity",
    "StatusRequest",
    "TicketRequest",
    "ch",
    "check_solicited",
    "cr",
    "ct",
    "ee",
    "hrr",
    "nst",
    "sh",
    "sh12",
]

T = TypeVar("T")
_pack_head = Struct(">HH").pack

_TABLES: Final = tuple(module.FORMS for module in (ch, sh, sh12, hrr, ee, cr, ct, nst))

FORMS: Final[dict[str, dict[int, ExtensionForm[Any]]]] = {table.message: table.rows for table in _TABLES}

TITLES: Final[dict[str, str]] = {table.message: table.title for table in _TABLES}
"""What errors call each message of `FORMS`: the ServerHello has two tables and one name."""

RECOGNISED: Final[frozenset[int]] = frozenset(code for rows in FORMS.values() for code in rows)

# In these messages an extension is a request or an announcement; in all others an answer, for which the
# absence of a question is looked at first.
_ASKING: Final = frozenset({"ClientHello", "CertificateRequest", "NewSessionTicket"})


@dataclass(slots=True)
class Extensions:
    """Extension extensions<0..2^16-1>: what one message carries, in the order of the wire (RFC 9846 §4.3).

    `message` says which forms apply: the message's name, or "ServerHello12" for a ServerHello of TLS 1.2 or
    older. `raw` has every body by code; `values` what the recognised ones say; `misplaced` the codes that
    are recognised and have no place in this message.
    """

    message: str
    raw: dict[int, bytes] = field(default_factory=dict)
    values: dict[int, Any] = field(default_factory=dict, compare=False, repr=False)
    misplaced: tuple[int, ...] = field(default=(), compare=False, repr=False)

    def get(self, form: ExtensionForm[T]) -> T | None:
        """Return the value of an extension, or None when the message does not carry it."""
        if form.message != self.message:
            raise InternalError(f"{form!r} was looked up in a {self.message}")
        value: T | None = self.values.get(form.code)
        return value

    def __contains__(self, extension: ExtensionForm[Any] | int) -> bool:
        return (extension if isinstance(extension, int) else extension.code) in self.raw

    @property
    def codes(self) -> tuple[int, ...]:
        """The codes in the order of the wire."""
        return tuple(self.raw)

    @classmethod
    def read(cls, reader: Reader, message: str) -> Extensions:
        """Read the block with its length, and each extension that has a form in `message`.

        Unknown codes are kept in `raw` and otherwise ignored. Raises DecodeError for what does not
        parse and for duplicates; IllegalParameter for a recognised extension that a ClientHello,
        CertificateRequest or NewSessionTicket may not carry (for answers see `check_solicited`).
        """
        forms = FORMS[message]
        block = reader.reader16("extensions")
        data = block.data
        # One reader moves over all bodies, because making twelve takes a tenth of the time of a hello.
        body = block.window("", block.position, block.end)
        raw: dict[int, bytes] = {}
        values: dict[int, Any] = {}
        misplaced: list[int] = []
        for code, start, end in block.tagged16("extension_type", "extension_data"):
            if code in raw:
                raise _twice(message, code)
            raw[code] = data[start:end]
            form = forms.get(code)
            if form is not None:
                body.where, body.clause = form.where, form.source
                body.position, body.end = start, end
                values[code] = form.read(body)
                if body.position != end:
                    body.finish()
            elif code in RECOGNISED:
                misplaced.append(code)
        extensions = cls(message, raw, values, tuple(misplaced))
        extensions._check_block()
        return extensions

    def _check_block(self) -> None:
        """Check what concerns the block as a whole."""
        if self.misplaced and self.message in _ASKING:
            self.check_placement()
        if self.message == "ClientHello" and ExtensionType.PRE_SHARED_KEY in self.raw:
            self._check_last(ExtensionType.PRE_SHARED_KEY)

    def _check_last(self, code: int) -> None:
        """Check that pre_shared_key ends a ClientHello, so that the binders end the message.

        "Servers MUST check that it is the last extension and otherwise fail the handshake with an
        "illegal_parameter" alert" (RFC 9846 §4.3.11).
        """
        if next(reversed(self.raw)) != code:
            raise IllegalParameter(
                "pre_shared_key is not the last extension of the ClientHello", clause="RFC 9846 §4.3.11"
            )

    def check_placement(self) -> None:
        """Check that no recognised extension stands where it may not.

        "If an implementation receives an extension which it recognizes and which is not specified for
        the message in which it appears, it MUST abort the handshake with an "illegal_parameter" alert"
        (RFC 9846 §4.3).
        """
        if self.misplaced:
            code = self.misplaced[0]
            raise IllegalParameter(
                f"{name_of(EXTENSIONS, code)} has no place in a {TITLES[self.message]}",
                clause="RFC 9846 §4.3",
                extension=code,
            )

    @classmethod
    def build(
        cls, message: str, items: Iterable[tuple[ExtensionForm[Any], Any] | tuple[int, bytes]]
    ) -> Extensions:
        """Return the extensions to send, in the order given: a form with its value, or a code with its body.

        A code with a body is sent as it is and has no value. ValueError when a code comes twice.
        """
        raw: dict[int, bytes] = {}
        values: dict[int, Any] = {}
        count = 0
        for key, value in items:
            count += 1
            if isinstance(key, int):
                raw[key] = value
            else:
                code = key.code
                values[code] = value
                raw[code] = key.write(value)
        if len(raw) != count:
            raise ValueError("an extension is given twice")
        return cls(message, raw, values)

    def body(self) -> bytes:
        """Return the block with its length."""
        parts: list[bytes] = []
        try:
            for code, body in self.raw.items():
                parts += (_pack_head(code, len(body)), body)
        except StructError:
            raise ValueError("an extension is longer than 65535 bytes") from None
        return vector16(b"".join(parts))


def _twice(message: str, code: int) -> DecodeError:
    """Return the error for "more than one extension of the same type in a given extension block"."""
    return DecodeError(
        f"{TITLES[message]} carries {name_of(EXTENSIONS, code)} twice", clause="RFC 9846 §4.3", extension=code
    )


def check_solicited(answer: Extensions, offered: Container[int]) -> None:
    """Check that an answer has only what was `offered`, and that in its place.

    "Implementations MUST NOT send extension responses [...] if the remote endpoint did not send the
    corresponding extension requests, with the exception of the "cookie" extension in the
    HelloRetryRequest. Upon receiving such an extension, an endpoint MUST abort the handshake with an
    "unsupported_extension" alert" (RFC 9846 §4.3).
    """
    for code in answer.raw:
        if code in offered:
            continue
        if code == ExtensionType.COOKIE and answer.message == "HelloRetryRequest":
            continue
        raise UnsupportedExtension(
            f"{TITLES[answer.message]} answers {name_of(EXTENSIONS, code)}, which was not sent",
            clause="RFC 9846 §4.3",
            extension=code,
        )
    answer.check_placement()
