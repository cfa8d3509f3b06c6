"""The scope of sessions: which settings they were made under."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from lucidtls.crypto.hashes import SHA256
from lucidtls.wire.codec import vector24


def scope_digest(*parts: str | bytes) -> str:
    """A digest over all parts with their lengths, as 32 hexadecimal digits."""
    data = b"".join(vector24(part.encode() if isinstance(part, str) else part) for part in parts)
    return SHA256.digest(data)[:16].hex()


def settings_of(row: Any) -> tuple[str, ...]:
    """The fields of a frozen row as text that is the same in every process: sets in order."""
    found: list[str] = []
    for field in fields(row):
        value = getattr(row, field.name)
        if isinstance(value, (set, frozenset)):
            value = sorted(value, key=repr)
        found.append(f"{field.name}={value!r}")
    return tuple(found)
