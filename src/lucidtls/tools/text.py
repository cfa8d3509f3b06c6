"""Text for people: made printable, cut, counted, and told relative to now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

LONGEST_VALUE = 200
"""Characters of a value that is shown; what is cut off is counted."""


def printable(value: str | bytes, limit: int = LONGEST_VALUE) -> str:
    """Make text of unknown origin safe to show: control characters, bidi marks and ESC become `\\x1b`."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    shown = "".join(letter if letter.isprintable() else _escape(letter) for letter in text[: limit + 1])
    if len(text) <= limit:
        return shown
    shown = "".join(letter if letter.isprintable() else _escape(letter) for letter in text[:limit])
    return f"{shown}…(+{len(text) - limit})"


def _escape(letter: str) -> str:
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def short_hex(data: bytes, octets: int = 8) -> str:
    """Write the first bytes in hex, and how many there are when that is not all."""
    shown = data[:octets].hex(" ")
    return shown if len(data) <= octets else f"{shown} … ({len(data)} bytes)"


def number(value: int) -> str:
    """Write a number with thin groups: 1 512."""
    return f"{value:,}".replace(",", " ")


def count(value: int, noun: str) -> str:
    """Write `1 certificate`, `2 certificates`."""
    return f"{number(value)} {noun}{'' if value == 1 else 's'}"


def moment(when: datetime) -> str:
    """Write a time as ISO 8601 in UTC."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(span: timedelta) -> str:
    """Write a span in the largest unit that fits it: `328 days`, `5 hours`."""
    seconds = abs(int(span.total_seconds()))
    for size, noun in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (seconds >= size and noun == "minute"):
            return count(seconds // size, noun)
    return count(seconds, "second")


def milliseconds(seconds: float) -> str:
    """Write a time that was measured: `13.4 ms`."""
    return f"{seconds * 1000:.1f} ms"
