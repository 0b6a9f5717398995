"""Pages from templates: all text is escaped, and scripts but the page's own are forbidden."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from tinydeploy import __version__
from tinydeploy.report.page import words

_FOLDER = Path(__file__).parent


def render_page(template: str, **views: object) -> str:
    """Fills in a template of this folder with frozen dataclasses."""
    return _make_environment().get_template(template).render(**views)


@cache
def _make_environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
        finalize=_print,
    )
    environment.filters |= {
        "count": words.show_count,
        "large": words.show_large,
        "size": words.show_size,
        "share": words.show_percent,
        "shape": words.show_shape,
        "decibels": words.show_decibels,
        "real": words.show_real,
    }
    script = _read("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {
        "style": Markup(_read("page.css")),
        "script": Markup(script),
        "script_digest": f"sha256-{digest}",
        "version": __version__,
    }
    return environment


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _print(value: Any) -> Any:
    """What an expression writes: text of reports may hold characters that files cannot."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "".join(c if c.isprintable() or c == "\n" else "?" for c in value)
    return value
