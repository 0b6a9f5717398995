"""The manual's tables are those of the definition, and its program does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from tinydeploy.npu.assembler import assemble
from tinydeploy.npu.isa import FEATURE_LIMIT, IMAGE_LIMIT, MEMORY_BYTES
from tinydeploy.npu.machine import Machine
from tinydeploy.npu.manual import fill_page
from tinydeploy.npu.power import PUBLISHED_POWER

PAGE = Path(__file__).parents[2] / "docs" / "tinynpu.md"


def test_tables_are_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == fill_page(page), "python -m tinydeploy.npu.manual docs/tinynpu.md"


def test_numbers_are_those_of_the_definition() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for number in (MEMORY_BYTES, FEATURE_LIMIT, IMAGE_LIMIT):
        assert f"{number:,}" in page
    assert f"{PUBLISHED_POWER.active_mw} mW" in page
    assert f"{PUBLISHED_POWER.idle_mw} mW" in page


def test_the_manuals_program_inverts() -> None:
    page = PAGE.read_text(encoding="utf-8")
    (text,) = re.findall(r"^    \.image.*?\n\n", page, re.DOTALL | re.MULTILINE)
    machine = Machine()
    machine.load(assemble(text).data)
    image = np.arange(-24, 24, dtype=np.int8)
    assert machine.run(image.tobytes()).outputs == (~image).tobytes()
