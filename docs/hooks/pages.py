"""What mkdocs calls: pages that are made from code, and the README as the first page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from reference_commands import write_commands
from reference_config import write_config_keys
from reference_python import write_python
from reference_schemas import write_schemas

ROOT = Path(__file__).parents[2]


def write_index() -> str:
    """The README, whose links start at the folder above."""
    return (ROOT / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")


PAGES: Mapping[str, Callable[[], str]] = {
    "index.md": write_index,
    "reference/commands.md": write_commands,
    "reference/config.md": write_config_keys,
    "reference/python.md": write_python,
    "reference/schemas.md": write_schemas,
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are no files."""
    for path, write in PAGES.items():
        files.append(File.generated(config, path, content=write()))
    return files
