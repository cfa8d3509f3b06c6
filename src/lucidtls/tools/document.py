"""What a command shows, as blocks. Each block knows its lines; a line is made of pieces of text with a style.

The styles are words for what a piece means. A renderer in `terminal` turns them into colours, or drops them:
no meaning is carried by colour alone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Style = Literal["", "ok", "warn", "error", "info", "dim", "bold", "client", "server", "secret"]
Span = tuple[str, Style]
Line = tuple[Span, ...]

Mark = Literal["ok", "warn", "error", "info"]
MARKS: dict[Mark, str] = {"ok": "✓", "warn": "!", "error": "✗", "info": "·"}

LABEL_WIDTH = 12
INDENT = "  "


class Block(Protocol):
    """A part of what is shown."""

    def lines(self, width: int) -> Iterable[Line]:
        """The block's lines, none longer than `width` where its text can be broken."""
        ...


def line(*parts: str | Span) -> Line:
    """Make a line; plain strings have no style."""
    return tuple((part, "") if isinstance(part, str) else part for part in parts)


@dataclass(frozen=True, slots=True)
class Heading:
    """The first line: a mark, what happened, and at the right margin a code."""

    mark: Mark
    text: str
    aside: str = ""

    def lines(self, width: int) -> Iterable[Line]:
        """One line, or more when the text is long."""
        room = width - 2 - (len(self.aside) + 2 if self.aside else 0)
        first, *rest = textwrap.wrap(self.text, max(room, 30), break_long_words=False) or [""]
        gap = " " * max(2, width - 2 - len(first) - len(self.aside))
        aside: tuple[Span, ...] = ((gap, ""), (self.aside, "dim")) if self.aside else ()
        yield ((MARKS[self.mark], self.mark), (" ", ""), (first, "bold"), *aside)
        for more in rest:
            yield line(INDENT, (more, "bold"))


@dataclass(frozen=True, slots=True)
class Blank:
    """An empty line."""

    def lines(self, width: int) -> Iterable[Line]:
        """One line."""
        yield ()


@dataclass(frozen=True, slots=True)
class Row:
    """A label and what stands beside it; several values stand below each other."""

    label: str
    values: Sequence[Line | str]

    def lines(self, width: int) -> Iterable[Line]:
        """One line for each value, broken where it is only text."""
        label = f"{self.label} ".ljust(LABEL_WIDTH)
        for value in self.values:
            for part in self._broken(value, width - len(INDENT) - LABEL_WIDTH):
                yield ((INDENT, ""), (label, "dim"), *part)
                label = " " * LABEL_WIDTH

    @staticmethod
    def _broken(value: Line | str, room: int) -> Iterable[Line]:
        if not isinstance(value, str):
            return [value]
        wrapped = textwrap.wrap(value, max(room, 30), break_long_words=False, break_on_hyphens=False)
        return [line(part) for part in wrapped or [""]]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str
    style: Style = ""

    def lines(self, width: int) -> Iterable[Line]:
        """The text, broken at spaces."""
        for part in textwrap.wrap(self.text, width - len(INDENT), break_long_words=False):
            yield line(INDENT, (part, self.style))


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Lines that are shown as they are."""

    text: Sequence[str]
    style: Style = ""

    def lines(self, width: int) -> Iterable[Line]:
        """One line each, unbroken."""
        for part in self.text:
            yield line(INDENT, (part, self.style))


def branches(texts: Sequence[str]) -> list[str]:
    """Draw a list as a branch: ├─ one, ├─ two, └─ three."""
    last = len(texts) - 1
    return [f"{'└─' if place == last else '├─'} {text}" for place, text in enumerate(texts)]


@dataclass(slots=True)
class Document:
    """Everything a command shows, in order."""

    blocks: list[Block] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        """Append blocks."""
        self.blocks.extend(blocks)

    def row(self, label: str, *values: Line | str) -> None:
        """Append a row, unless there is nothing to say."""
        if values:
            self.blocks.append(Row(label, values))

    def lines(self, width: int) -> Iterable[Line]:
        """All lines."""
        for block in self.blocks:
            yield from block.lines(width)
