"""The page of what may be called from Python: signatures and docstrings of the code."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from textwrap import dedent
from typing import Any

from markdown_text import escape

_INTRO = """\
# Python

Made from signatures and docstrings. What is not on this page may change at any time.
"""
_CHAPTERS = {
    "Build": (
        "tinydeploy.pipeline.BuildRequest",
        "tinydeploy.source.options.SourceOptions",
        "tinydeploy.pipeline.build_image",
        "tinydeploy.pipeline.BuildResult",
        "tinydeploy.pipeline.plan_model",
        "tinydeploy.cli.console.StageView",
    ),
    "Quantize": (
        "tinydeploy.quantize.quantize_model.quantize_model",
        "tinydeploy.quantize.quantize_model.QuantizedModel",
        "tinydeploy.quantize.recipe.Recipe",
    ),
    "Boards, emulated and real": (
        "tinydeploy.board.load_board",
        "tinydeploy.emulate.emulated_board.EmulatedBoard",
        "tinydeploy.emulate.qemu.QemuBoard",
        "tinydeploy.link.client.BoardClient",
    ),
    "Errors": (
        "tinydeploy.errors.TinydeployError",
        "tinydeploy.errors.UsageError",
        "tinydeploy.errors.InputFileError",
        "tinydeploy.errors.UnsupportedModelError",
        "tinydeploy.errors.MissingDependencyError",
        "tinydeploy.errors.BudgetError",
        "tinydeploy.errors.MismatchError",
    ),
}
_SECTIONS = ("Args", "Returns", "Raises", "Yields")


def write_python() -> str:
    """The page."""
    lines = [_INTRO]
    for chapter, names in _CHAPTERS.items():
        lines += [f"## {chapter}", ""]
        for name in names:
            lines += _describe(name)
    return "\n".join(lines) + "\n"


def _describe(path: str) -> Iterator[str]:
    module, _, name = path.rpartition(".")
    thing = getattr(importlib.import_module(module), name)
    yield from (f"### {name}", "", f"`from {module} import {name}`", "")
    yield from _code(name, thing, shown=not _is_error(thing))
    yield from format_docstring(inspect.getdoc(thing) or "")
    if not inspect.isclass(thing):
        return
    for member, method in _methods(thing):
        yield from (f"#### {name}.{member}", "")
        yield from _code(member, method, shown=not isinstance(method, property))
        yield from format_docstring(inspect.getdoc(method) or "")


def _is_error(thing: Any) -> bool:
    return inspect.isclass(thing) and issubclass(thing, Exception)


def _methods(cls: type) -> list[tuple[str, Any]]:
    """Public methods and properties that the class itself defines and describes."""
    own = [
        (name, member)
        for name, member in vars(cls).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, property))
        and inspect.getdoc(member)
    ]
    return [] if _is_error(cls) else own


def _code(name: str, thing: Callable[..., Any], *, shown: bool) -> Iterator[str]:
    if not shown:
        return
    signature = inspect.signature(thing)
    parts = [_parameter(each) for each in signature.parameters.values() if each.name != "self"]
    result = signature.return_annotation
    ends = "" if inspect.isclass(thing) or result is inspect.Signature.empty else f" -> {result}"
    line = f"{name}({', '.join(parts)}){ends}"
    if len(line) > 88:
        line = f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){ends}"
    yield from ("```python", line, "```", "")


def _parameter(parameter: inspect.Parameter) -> str:
    """As in the source; an object that a factory makes is shown by its type's name."""
    star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = f"{star}{parameter.name}: {parameter.annotation}"
    if parameter.default is parameter.empty:
        return text
    if repr(parameter.default) == "<factory>":
        return f"{text} = {parameter.annotation}()"
    return f"{text} = {parameter.default!r}"


def format_docstring(text: str) -> Iterator[str]:
    """Google's style as Markdown: sections as lists, code that is set in as fences."""
    parts = re.split(rf"^({'|'.join(_SECTIONS)}):\n", text, flags=re.MULTILINE)
    yield from (_fence(parts[0].strip()), "")
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        yield from (f"**{title}**", "")
        block = inspect.cleandoc(body)
        if title in ("Returns", "Yields"):
            yield from (escape(block), "")
            continue
        for item in re.split(r"\n(?=\S)", block):
            head, _, rest = " ".join(item.split()).partition(": ")
            yield f"* `{head}`: {escape(rest)}"
        yield ""


def _fence(text: str) -> str:
    """Paragraphs; those that are set in are code."""
    parts = re.split(r"(?m)((?:^    .*\n?)+)", text)
    parts[::2] = map(escape, parts[::2])
    parts[1::2] = [f"```python\n{dedent(part).rstrip()}\n```\n" for part in parts[1::2]]
    return "".join(parts)
