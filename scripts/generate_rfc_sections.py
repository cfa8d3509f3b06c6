"""Write tests/citations/sections.json: which sections each cited RFC has.

    python scripts/generate_rfc_sections.py SOURCE...

A source is the text of an RFC as the RFC Editor publishes it (`rfc5280.txt` or `rfc5280.txt.gz`), or,
where there is no plain text, its Markdown source with the number in front (`9846=rfc9846.md`). Entries
of RFCs that are not among the sources stay as they are; `null` is for an RFC whose sections are not known
here, and whose citations are therefore taken on trust. Only section numbers are kept, no text.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

# RFCs older than this indent their headings as they like.
INDENTED_BEFORE = 1200
OUTPUT = Path(__file__).parent.parent / "tests" / "citations" / "sections.json"

# A heading starts in the first column; the table of contents and quotations are indented.
_TEXT_HEADING = re.compile(r"^(?:Appendix )?(?P<number>(?:\d{1,2}|[A-Z])(?:\.\d+)*)(?:\.|:| -)? +\S")
_MARKDOWN_HEADING = re.compile(r"^(?P<marks>#+)\s*\S")
_FENCE = re.compile(r"^(~~~+|```+)")


def sections_of_text(text: str, number: int) -> Iterator[str]:
    """Yield the section numbers of an RFC in the RFC Editor's plain text."""
    for line in text.splitlines():
        match = _TEXT_HEADING.match(line.lstrip() if number < INDENTED_BEFORE else line)
        if match and not line.rstrip().endswith("...") and not re.search(r"(\. ){3}|\.{4}", line):
            yield match["number"]


def headings_of_markdown(text: str) -> Iterator[tuple[int, bool]]:
    """Yield (depth, whether in the appendices) for each numbered heading, in order."""
    fenced = appendices = False
    lines = text.partition("\n--- middle")[2].splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if _FENCE.match(line):
            fenced = not fenced
        if line.startswith("--- back"):
            appendices = True
        heading = None if fenced else _MARKDOWN_HEADING.match(line)
        if heading and 'numbered="false"' not in line + following and "unnumbered" not in line + following:
            yield len(heading["marks"]), appendices


def sections_of_markdown(text: str) -> Iterator[str]:
    """Yield the section numbers that kramdown-rfc gives to a Markdown source."""
    counters: list[int] = []
    was_appendix = False
    for depth, appendix in headings_of_markdown(text):
        if appendix and not was_appendix:
            yield from (f"{counters[0] + 1}{part}" for part in ("", ".1", ".2"))  # References come between
            counters, was_appendix = [], True
        counters = (counters + [0] * depth)[:depth]
        counters[-1] += 1
        first = chr(ord("A") + counters[0] - 1) if appendix else str(counters[0])
        yield ".".join([first, *map(str, counters[1:])])


def read_source(source: str) -> tuple[str, list[str]]:
    """Return the RFC's number and its sections for one command-line argument."""
    number, found, name = source.rpartition("=")
    path = Path(name)
    if found:
        return number, list(dict.fromkeys(sections_of_markdown(path.read_text(encoding="utf-8"))))
    match = re.fullmatch(r"rfc(\d+)\.txt(?:\.gz)?", path.name)
    if match is None:
        raise SystemExit(f"{source}: expected rfcN.txt, rfcN.txt.gz or N=FILE.md")
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return match[1], list(dict.fromkeys(sections_of_text(data.decode("utf-8", "replace"), int(match[1]))))


def main(sources: list[str]) -> None:
    """Merge the sections of every source into the data file."""
    known: dict[str, list[str] | None] = {}
    if OUTPUT.exists():
        known = json.loads(OUTPUT.read_text(encoding="utf-8"))
    known.update(read_source(source) for source in sources)
    rows = [f'  "{number}": {json.dumps(known[number])}' for number in sorted(known, key=int)]
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
