"""Protocol versions by code point."""

from typing import Final

TLS12: Final = 0x0303
"""Also the legacy_version of every TLS 1.3 hello (RFC 9846 §4.2.2)."""

TLS13: Final = 0x0304
