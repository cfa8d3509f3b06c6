"""Distinguished names, compared by RFC 5280 §7.1: case folded, spaces compressed, any string type."""

from __future__ import annotations

import unicodedata

from lucidtls.trust import der

# One RDN is a sorted tuple of (type, value); a name is a tuple of RDNs.
RelativeName = tuple[tuple[bytes, str | bytes], ...]
CanonicalName = tuple[RelativeName, ...]

EMPTY_NAME = bytes((der.SEQUENCE, 0))

_ENCODINGS = {
    0x0C: "utf-8",  # UTF8String
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # TeletexString; what CAs put into it is Latin-1
    0x16: "ascii",  # IA5String
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}


def canonical_name(name: bytes) -> CanonicalName:
    """Bring a DER Name into a form in which equal names are equal values."""
    try:
        return tuple(_relative_name(body) for _, body in der.children(name))
    except ValueError:
        # Attribute values may be any ASN.1, of which `der` reads only what occurs: such a name equals itself.
        return (((b"", name),),)


def is_within(name: CanonicalName, subtree: CanonicalName) -> bool:
    """Tell whether `name` begins with all the RDNs of `subtree` (RFC 5280 §7.1)."""
    return name[: len(subtree)] == subtree


def attribute_values(name: CanonicalName, attribute: bytes) -> list[str]:
    """Return the values that a name has of one attribute type, by encoded OID."""
    pairs = (pair for relative in name for pair in relative)
    return [value for kind, value in pairs if kind == attribute and isinstance(value, str)]


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
    """Fold one attribute value: RFC 4518's preparation by way of NFKC, case folding and space compression."""
    encoding = _ENCODINGS.get(tag)
    if encoding is None:
        return bytes((tag,)) + contents
    try:
        text = contents.decode(encoding)
    except UnicodeDecodeError:
        return bytes((tag,)) + contents
    if not text.isascii():
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        return " ".join(text.split())
    return " ".join(text.lower().split())
