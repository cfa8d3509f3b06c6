"""Every place where the code cites an RFC names a section that exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SECTIONS: dict[str, list[str] | None] = json.loads(
    (Path(__file__).parent / "sections.json").read_text(encoding="utf-8")
)

_SECTION = r"[A-Z0-9]+(?:\.[0-9]+)*"
# `RFC 9846 §4.3.8`, `RFC 9846 §5.1 and §5.2`, `RFC 9846 Appendix A.1`; a citation may run over a line's end.
_CITATION = re.compile(
    rf"RFC\s+(?P<rfc>\d+)(?P<sections>(?:(?:,|;|\s+and|\s+or)?\s+(?:#\s*)?(?:§§?|Appendix\s+)\s?{_SECTION}(?:[–-]{_SECTION})?)*)"
)


def citations(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield each citation in a text as (RFC number, section), or (RFC number, None) for a whole RFC."""
    for match in _CITATION.finditer(text):
        sections = re.findall(rf"(?:§|Appendix\s+|[–-])\s?({_SECTION})", match["sections"])
        yield from ((match["rfc"], section) for section in sections or [None])


def unresolved(text: str) -> list[str]:
    """List the citations of a text that name a section which is not known to exist."""
    wrong: list[str] = []
    for rfc, section in citations(text):
        known = SECTIONS.get(rfc, [])
        if section is not None and known is not None and section not in known:
            wrong.append(f"RFC {rfc} §{section}")
    return wrong


def test_every_cited_section_exists() -> None:
    """The code cites RFC 9846 and its companions by sections that these documents have."""
    wrong = {
        f"{path.relative_to(ROOT)}: {citation}"
        for folder in ("src", "docs", "tests")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".py", ".md"} and path != Path(__file__)
        for citation in unresolved(path.read_text(encoding="utf-8"))
    }
    assert not wrong, "\n".join(sorted(wrong))


def test_a_wrong_section_is_noticed() -> None:
    """RFC 9846 has a section on key shares, §4.3.8, and none numbered §4.9.9."""
    assert unresolved("as in RFC 9846 §4.3.8 and §4.3.9") == []
    assert unresolved("as in RFC 9846 §4.9.9") == ["RFC 9846 §4.9.9"]
    assert unresolved("RFC 9846\n    # §4.3.8, §77") == ["RFC 9846 §77"]
    assert unresolved("see RFC 9846 Appendix A.3") == ["RFC 9846 §A.3"]


def test_the_engine_cites_its_sources() -> None:
    """The messages of TLS are defined by an RFC, and the code that reads them says by which."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    assert "9846" in {rfc for rfc, _ in citations(code)}
