"""Showing things: plain text in pipes and files, colours on a terminal when `rich` is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TextIO

from lucidtls.tools.document import Document, Line, Style

Colour = Literal["auto", "always", "never"]

PIPE_WIDTH = 100
WIDEST = 120

RICH_STYLES: dict[Style, str] = {
    "ok": "default",
    "warn": "yellow",
    "error": "bold red",
    "info": "default",
    "dim": "dim",
    "bold": "bold",
    "client": "green",
    "server": "blue",
    "secret": "magenta",
}

# What is written instead where the output knows no more than ASCII.
_ASCII = str.maketrans(
    {
        "✓": "OK",
        "✗": "FAIL",
        "·": "-",
        "—": "-",
        "…": "...",
        "├": "|",
        "└": "`",
        "─": "-",
        "→": "->",
        "←": "<-",
        "━": "=",
    }
)


class Terminal:
    """The two streams of a command. Results go to `show` or `emit_json`, everything else to `log`."""

    def __init__(
        self,
        colour: Colour = "auto",
        *,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self._colour = colour
        self._environment = environment
        self._lock = threading.Lock()
        self.quiet = False

    def show(self, document: Document) -> None:
        """Write a result."""
        if not self.quiet:
            self._write(self._stdout, document.lines(self._width(self._stdout)))

    def emit_json(self, value: Mapping[str, Any]) -> None:
        """Write the JSON object that is the whole standard output of a command with `--json`."""
        self._stdout.write(json.dumps(value, indent=2, ensure_ascii=not _knows_unicode(self._stdout)) + "\n")
        self._stdout.flush()

    def log(self, *lines: Line) -> None:
        """Write lines about what is going on; several threads may."""
        if not self.quiet:
            self._write(self._stderr, lines)

    def say(self, *lines: Line) -> None:
        """Write lines of a result that grows while one waits; several threads may."""
        if not self.quiet:
            self._write(self._stdout, lines)

    def coloured(self, stream: TextIO) -> bool:
        """Whether colours go to this stream: the option, then NO_COLOR, FORCE_COLOR, TERM and the stream
        decide.
        """
        if self._colour != "auto":
            wanted = self._colour == "always"
        elif self._environment.get("NO_COLOR") or self._environment.get("TERM") == "dumb":
            wanted = False
        else:
            wanted = bool(self._environment.get("FORCE_COLOR")) or stream.isatty()
        return wanted and importlib.util.find_spec("rich") is not None

    def _width(self, stream: TextIO) -> int:
        if not stream.isatty():
            return PIPE_WIDTH
        return max(60, min(WIDEST, shutil.get_terminal_size().columns - 1))

    def _write(self, stream: TextIO, lines: Iterable[Line]) -> None:
        with self._lock:
            if self.coloured(stream):
                _write_rich(stream, lines)
            else:
                _write_plain(stream, lines)
            stream.flush()


def _knows_unicode(stream: TextIO) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return encoding.lower().replace("_", "-").startswith("utf")


def _write_plain(stream: TextIO, lines: Iterable[Line]) -> None:
    unicode = _knows_unicode(stream)
    for spans in lines:
        text = "".join(text for text, _ in spans).rstrip()
        if not unicode:
            encoding = stream.encoding or "ascii"
            text = text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
        stream.write(text + "\n")


def _write_rich(stream: TextIO, lines: Iterable[Line]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, force_terminal=True, highlight=False, soft_wrap=True)
    for spans in lines:
        text = Text()
        for part, style in spans:
            text.append(part, style=RICH_STYLES.get(style, "default") if style else "default")
        console.print(text)
