"""What reaches the screen: marks, widths, colours, and text that came from strangers."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lucidtls.tools.document import Blank, Document, Heading, Paragraph, Verbatim, branches, line
from lucidtls.tools.terminal import PIPE_WIDTH, Terminal
from lucidtls.tools.text import count, duration, milliseconds, moment, number, printable, short_hex


class Stream(io.StringIO):
    """A stream with an encoding, that may say it is a terminal."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__()
        self._encoding = encoding
        self._terminal = terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding."""
        return self._encoding

    def isatty(self) -> bool:
        """Whether somebody is watching."""
        return self._terminal


def document() -> Document:
    """One of each block."""
    made = Document()
    made.add(Heading("error", "it failed " * 20, "LT-X01"), Paragraph("because " * 40), Blank())
    made.row("Label", "value " * 40, line("kept ", ("together", "client")))
    made.row("Nothing")
    made.add(Verbatim(["as it is"]))
    made.row("Tree", *branches(["one", "two"]))
    return made


def shown(colour: Any = "auto", environment: dict[str, str] | None = None, **choices: Any) -> str:
    """What a document looks like on a stream."""
    stream = Stream(**choices)
    Terminal(colour, stdout=stream, stderr=Stream(), environment=environment or {}).show(document())
    return stream.getvalue()


def test_a_pipe_gets_plain_text_of_a_fixed_width() -> None:
    """Text in a pipe has no colours and no line is longer than 100, so that it can be compared and pasted."""
    text = shown()
    assert "\x1b" not in text
    lines = text.splitlines()
    assert max(map(len, lines)) <= PIPE_WIDTH
    assert lines[0].startswith("✗ it failed") and lines[0].endswith("LT-X01")
    assert all(line == line.rstrip() for line in lines)
    assert "  Label       value value" in text
    assert "  Tree        ├─ one\n              └─ two\n" in text
    assert "Nothing" not in text


def test_ascii_terminals_get_words_for_marks() -> None:
    """Where the output knows no more than ASCII, marks become words and nothing fails."""
    text = shown(encoding="ascii")
    assert text.startswith("FAIL it failed")
    assert text.isascii()


@pytest.mark.parametrize(
    ("colour", "environment", "terminal", "coloured"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_who_decides_about_colours(
    colour: str, environment: dict[str, str], terminal: bool, coloured: bool
) -> None:
    """The option decides, then NO_COLOR, FORCE_COLOR and TERM, then whether somebody is watching."""
    pytest.importorskip("rich")
    assert ("\x1b[" in shown(colour, environment, terminal=terminal)) is coloured


def test_colours_change_no_text() -> None:
    """Nothing is said by colour alone: without the colours the text is the same."""
    pytest.importorskip("rich")
    import re

    coloured = shown("always")
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown("never")


def test_without_rich_there_is_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything works without the extra; only the colours are missing."""
    monkeypatch.setattr("lucidtls.tools.terminal.importlib.util.find_spec", lambda name: None)
    assert "\x1b" not in shown("always", terminal=True)


def test_json_is_written_whole() -> None:
    """JSON goes to the standard output as one object, in ASCII where it has to be."""
    for encoding in ("utf-8", "ascii"):
        stream = Stream(encoding)
        Terminal(stdout=stream, stderr=Stream()).emit_json({"name": "grüße"})
        assert json.loads(stream.getvalue()) == {"name": "grüße"}
        assert stream.getvalue().isascii() is (encoding == "ascii")


def test_quiet_is_quiet() -> None:
    """A quiet terminal writes nothing."""
    out, err = Stream(), Stream()
    terminal = Terminal(stdout=out, stderr=err)
    terminal.quiet = True
    terminal.show(document())
    terminal.log(line("x"))
    terminal.say(line("x"))
    assert out.getvalue() == err.getvalue() == ""


# Text


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        ("plain grüße", "plain grüße"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\r\nb\x00", r"a\x0d\x0ab\x00"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("\U000e0041", r"\U000e0041"),
        (b"\xff\xfeok", r"\xff\xfeok"),
        ("x" * 205, "x" * 200 + "…(+5)"),
    ],
)
def test_text_of_strangers_is_made_printable(value: str | bytes, safe: str) -> None:
    """Control characters, bidi marks and invalid bytes are shown as what they are; long values are cut."""
    assert printable(value) == safe
    assert printable(value).isprintable()


def test_numbers_and_times_read_well() -> None:
    """Numbers are grouped, nouns agree, and spans are told in the largest unit that fits."""
    assert number(1512) == "1 512"
    assert [count(value, "byte") for value in (0, 1, 2)] == ["0 bytes", "1 byte", "2 bytes"]
    assert milliseconds(0.01339) == "13.4 ms"
    assert short_hex(b"abc") == "61 62 63"
    assert short_hex(bytes(32)) == "00 00 00 00 00 00 00 00 … (32 bytes)"
    assert moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05Z"
    spans = {
        timedelta(days=328): "328 days",
        timedelta(days=-3): "3 days",
        timedelta(hours=47): "47 hours",
        timedelta(minutes=61): "61 minutes",
        timedelta(seconds=60): "1 minute",
        timedelta(seconds=59): "59 seconds",
    }
    assert {span: duration(span) for span in spans} == spans
