"""The scope of sessions: which settings they were made under."""

from __future__ import annotations

from lucidtls.crypto.hashes import SHA256
from lucidtls.wire.codec import vector24


def scope_digest(*parts: str | bytes) -> str:
    """A digest over all parts with their lengths, as 32 hexadecimal digits."""
    data = b"".join(vector24(part.encode() if isinstance(part, str) else part) for part in parts)
    return SHA256.digest(data)[:16].hex()
