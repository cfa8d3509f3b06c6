"""Read the traces of RFC 8448 out of its text: `python build.py rfc8448.txt > traces.json`.

Each section becomes a list of steps: who does what, and the fields that the RFC prints with it, in hex. The
RFC says how long each field is, and that is checked.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

SECTIONS = ("3", "4", "5", "6", "7")

_PAGE_BREAK = re.compile(r"\n+Thomson .*\[Page \d+\]\n\f?\n*RFC 8448 .*\n+")
_SECTION = re.compile(r"^(\d+)\.  \S.*$", re.MULTILINE)
_STEP = re.compile(r"^   \{(client|server)\}  ", re.MULTILINE)
_FIELD = re.compile(
    r"^      (?P<name>[A-Za-z][\w ]*?)(?: \((?P<count>\d+) octets?\))?:  (?P<value>.*(?:\n {9}.*)*)",
    re.MULTILINE,
)


def sections(text: str) -> dict[str, str]:
    """The body of each numbered section, page breaks taken out."""
    text = _PAGE_BREAK.sub("\n", text.replace("\r\n", "\n"))
    starts = list(_SECTION.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return {start[1]: text[start.end() : end] for start, end in zip(starts, ends, strict=True)}


def steps(section: str) -> list[dict[str, str]]:
    """The steps of one trace, in order."""
    parts = _STEP.split(section)
    return [step(who, body) for who, body in zip(parts[1::2], parts[2::2], strict=True)]


def step(who: str, body: str) -> dict[str, str]:
    """One step: its title runs to a colon or a blank line."""
    title = re.split(r":\n|\n\n", body, maxsplit=1)[0]
    found = {"who": who, "what": " ".join(title.split())}
    for match in _FIELD.finditer(body):
        found[match["name"]] = value(match)
    return found


def value(match: re.Match[str]) -> str:
    """A field's bytes in hex; "0 (all zero octets)" and "(empty)" are the RFC's words for nothing."""
    text = "".join(match["value"].split())
    if text in ("0(allzerooctets)", "(empty)"):
        text = ""
    data = bytes.fromhex(text)
    if match["count"] is not None and len(data) != int(match["count"]):
        raise ValueError(f"{match['name']}: {len(data)} octets instead of {match['count']}")
    return data.hex()


def main() -> None:
    """Print the traces as JSON."""
    text = sections(Path(sys.argv[1]).read_text(encoding="ascii"))
    json.dump({number: steps(text[number]) for number in SECTIONS}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
