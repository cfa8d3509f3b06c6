"""Configuration of Sphinx, and the pages that are made from the code's own tables."""

from __future__ import annotations

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

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
intersphinx_mapping: dict[str, tuple[str, str | None]] = {}


def write_pages(_app: Sphinx) -> None:
    """Write the pages that come from the code's tables, before Sphinx reads its sources."""
    generated_pages.write(HERE / "generated")


def setup(app: Sphinx) -> None:
    """Hook the generated pages in."""
    app.connect("builder-inited", write_pages)
