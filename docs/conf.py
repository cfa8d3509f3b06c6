"""Configuration of Sphinx, and the pages that are made from the code's own tables."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent)]

from docs import generated_pages  # noqa: E402

project = "lucidtls"
author = "the lucidtls contributors"
copyright = "2026, the lucidtls contributors"
release = "0.1.0.dev0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.intersphinx"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns: list[str] = []

html_theme = "furo"
html_title = "lucidtls"
nitpicky = False

_SINGLE_BACKTICKS = re.compile(r"(?<![`:])`([^`]+)`(?!`)")

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
intersphinx_mapping: dict[str, tuple[str, str | None]] = {}


def write_pages(_app: Sphinx) -> None:
    """Write the pages that come from the code's tables, before Sphinx reads its sources."""
    generated_pages.write(HERE / "generated")


def as_restructured_text(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    """Let docstrings stay plain: `code` in single backticks, structs and indented lines as they are."""
    converted: list[str] = []
    literal = structure = False
    for line in lines:
        structure = structure or line.startswith(("struct {", "enum {", "opaque "))
        listed = bool(converted) and converted[-1].lstrip().startswith("- ")
        shown_as_is = structure or (line.startswith("    ") and not listed)
        if shown_as_is and not literal:
            converted += ["", "::", ""]
        elif literal and not shown_as_is:
            converted.append("")
        literal = shown_as_is or (literal and not line.strip())
        converted.append(f"    {line}" if literal else _SINGLE_BACKTICKS.sub(r"``\1``", line))
        structure = structure and not line.startswith("}")
    lines[:] = converted


def setup(app: Sphinx) -> None:
    """Hook in the generated pages and the reading of docstrings."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", as_restructured_text)
