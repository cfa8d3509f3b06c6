"""Distinguished names, compared by RFC 5280 §7.1: case folded, spaces compressed, any string type."""

from __future__ import annotations

import unicodedata

from lucidtls.trust import der

# One RDN is a sorted tuple of (type, value); a name is a tuple of RDNs.
RelativeName = tuple[tuple[bytes, str | bytes], ...]
CanonicalName = tuple[RelativeName, ...]

EMPTY_NAME = bytes((der.SEQUENCE, 0))
# Stands for the type of an attribute in a name that could not be taken apart.
_OPAQUE = b""

_ENCODINGS = {
    0x0C: "utf-8",  # UTF8String
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # TeletexString; what CAs put into it is Latin-1
    0x16: "ascii",  # IA5String
    0x19: "latin-1",  # GraphicString; this and GeneralString are read as TeletexString is
    0x1A: "ascii",  # VisibleString
    0x1B: "latin-1",  # GeneralString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}

# BOOLEAN, INTEGER, BIT STRING, OCTET STRING, OBJECT IDENTIFIER, ENUMERATED, UTCTime, GeneralizedTime: no text
# equals one of these, so that their bytes say enough.
_NO_TEXT = frozenset({0x01, 0x02, 0x03, 0x04, 0x06, 0x0A, 0x17, 0x18})

# NFKC takes time with the square of a run of combining characters. X.520's upper bounds are far below this.
MAX_FOLDED_SIZE = 1024

# RFC 4518 §2.2, in ASCII: TAB to CR are spaces, the other control characters are nothing.
_ASCII_CONTROLS: dict[int, str | None] = {
    **dict.fromkeys((*range(0x20), 0x7F)),
    **dict.fromkeys(range(0x09, 0x0E), " "),
}
# Beyond ASCII: NEL is a space; these marks, and all control and format characters, are nothing.
_NOTHING = frozenset("\u034f\u180b\u180c\u180d\ufffc")


def canonical_name(name: bytes) -> CanonicalName:
    """Bring a DER Name into a form in which equal names are equal values."""
    try:
        return tuple(_relative_name(body) for _, body in der.children(name))
    except ValueError:
        # Attribute values may be any ASN.1, of which `der` reads only what occurs: such a name equals itself.
        return (((_OPAQUE, name),),)


def is_readable(name: CanonicalName) -> bool:
    """Tell whether all of a name was understood; else a name that differs may mean the same."""
    return all(
        isinstance(value, str) or (kind != _OPAQUE and value[0] in _NO_TEXT)
        for relative in name
        for kind, value in relative
    )


def is_within(name: CanonicalName, subtree: CanonicalName) -> bool:
    """Tell whether `name` begins with all the RDNs of `subtree` (RFC 5280 §7.1)."""
    return name[: len(subtree)] == subtree


def attribute_values(name: CanonicalName, attribute: bytes) -> list[str]:
    """Return the values that a name has of one attribute type, by encoded OID."""
    pairs = (pair for relative in name for pair in relative)
    return [value for kind, value in pairs if kind == attribute and isinstance(value, str)]


def hides_attribute(name: CanonicalName, attribute: bytes) -> bool:
    """Tell whether a name may have a value of one attribute type that `attribute_values` does not return."""
    pairs = (pair for relative in name for pair in relative)
    return any(kind in (attribute, _OPAQUE) and not isinstance(value, str) for kind, value in pairs)


def _relative_name(body: bytes) -> RelativeName:
    pairs = []
    for _, _, start, end in der.elements(body, 0, len(body)):
        _, type_start, type_end = der.element(body, start, end)
        tag, value_start, value_end = der.element(body, type_end, end)
        if value_end != end:
            raise ValueError("an attribute of a name is more than a type and a value")
        pairs.append((body[type_start:type_end], _value(tag, body[value_start:value_end])))
    return tuple(sorted(pairs, key=repr)) if len(pairs) > 1 else tuple(pairs)


def _value(tag: int, contents: bytes) -> str | bytes:
    """Fold one attribute value: RFC 4518's preparation by way of NFKC, case folding and space compression.

    What is not text, or too long for the work to be bounded, stays as it is: bytes, tag first.
    """
    encoding = _ENCODINGS.get(tag)
    if encoding is None:
        return bytes((tag,)) + contents
    try:
        text = contents.decode(encoding)
    except UnicodeDecodeError:
        return bytes((tag,)) + contents
    if text.isascii():
        return " ".join((text if text.isprintable() else text.translate(_ASCII_CONTROLS)).lower().split())
    if len(contents) > MAX_FOLDED_SIZE:
        return bytes((tag,)) + contents
    text = unicodedata.normalize("NFKC", "".join(map(_mapped, text))).casefold()
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _mapped(character: str) -> str:
    """Map one character as RFC 4518 §2.2 does before normalization."""
    if character in "\t\n\v\f\r\x85":
        return " "
    # The two ranges are variation selectors.
    nothing = (
        character in _NOTHING
        or unicodedata.category(character) in ("Cc", "Cf")
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )
    return "" if nothing else character
