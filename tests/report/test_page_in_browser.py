"""The page in Chromium: no errors, sorting, hints, the keyboard, and no scrolling to the side."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.programs import require_program
from tests.report.sample_accelerated import make_accelerated
from tests.report.sample_report import make_report
from tests.report.test_page import HOSTILE
from tinydeploy.check.compare import compare_builds
from tinydeploy.check.compare_page import write_comparison_page
from tinydeploy.report.build_report import BuildReport
from tinydeploy.report.page.accelerated_page import write_accelerated_page
from tinydeploy.report.page.page import write_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS = (1280, 400)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require_program("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, report: BuildReport) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(write_page(report), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def accelerated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("accelerated") / "report.html"
    path.write_text(write_accelerated_page(*make_accelerated()), encoding="utf-8")
    return path


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, file: Path, complaints: list[str]) -> Iterator[Page]:
    page = open_page(browser, file, complaints)
    yield page
    page.close()
    assert not complaints


def open_page(browser: Browser, file: Path, complaints: list[str], **options: Any) -> Page:
    page = browser.new_page(**options)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    inside = ("file:", "data:image/png;")
    page.on("request", lambda r: r.url.startswith(inside) or complaints.append(r.url))
    page.goto(file.as_uri())
    return page


@pytest.mark.parametrize("kind", ["file", "accelerated_file"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_keeps_to_the_scheme(
    browser: Browser,
    complaints: list[str],
    width: int,
    scheme: Any,
    kind: str,
    request: pytest.FixtureRequest,
) -> None:
    file: Path = request.getfixturevalue(kind)
    size: Any = {"width": width, "height": 900}
    page = open_page(browser, file, complaints, viewport=size, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
    paper = np.median(picture)
    assert paper > 240 if scheme == "light" else paper < 30
    assert np.ptp(picture) > 150  # there is something on it
    page.close()
    assert not complaints


def test_tables_are_sorted_by_mouse_and_by_keyboard(page: Page, report: BuildReport) -> None:
    def column(name: str) -> list[str]:
        heads = page.locator("#layers th").all_inner_texts()
        number = next(k for k, text in enumerate(heads) if text.startswith(name)) + 1
        return page.locator(f"#layers tbody td:nth-child({number})").all_inner_texts()

    def numbers(name: str) -> list[int]:
        return [int(text.split()[0].replace(",", "")) for text in column(name)]

    instructions = [layer.instructions or 0 for layer in report.layers]
    assert numbers("Instructions") == instructions != sorted(instructions, reverse=True)
    head = page.get_by_role("button", name="Instructions").first
    head.click()
    assert numbers("Instructions") == sorted(instructions, reverse=True)
    assert page.locator("#layers th[aria-sort=descending]").inner_text() == "Instructions"
    head.focus()
    page.keyboard.press("Enter")
    assert numbers("Instructions") == sorted(instructions)
    assert page.locator("#layers th[aria-sort=ascending]").count() == 1
    page.keyboard.press("Enter")
    assert numbers("Instructions") == instructions
    assert page.locator("#layers th[aria-sort]").count() == 0
    page.get_by_role("button", name="Layer", exact=True).click()
    kinds = [text.split()[0] for text in column("Layer")]
    assert kinds == sorted(kinds)


def test_pointing_at_a_tensor_says_what_it_is(page: Page, report: BuildReport) -> None:
    hint = page.locator("#hint")
    assert not hint.is_visible()
    number = max(
        range(len(report.memory.timeline.occupants)),
        key=lambda k: report.memory.timeline.occupants[k].bytes,
    )
    occupant = report.memory.timeline.occupants[number]
    mark = page.locator("#memory .mark").nth(number)
    mark.hover()
    assert f"{occupant.bytes:,} bytes at most" in hint.inner_text()
    page.mouse.move(0, 0)
    assert not hint.is_visible()


def test_tensors_are_walked_through_by_keyboard(page: Page) -> None:
    marks = page.locator("#memory .mark")
    marks.first.focus()
    page.keyboard.press("ArrowRight")
    hint = page.locator("#hint")
    first = hint.inner_text()
    assert "bytes at most" in first
    assert page.locator("#memory .mark[tabindex='0']").count() == 1
    page.keyboard.press("ArrowRight")
    assert hint.inner_text() != first
    page.keyboard.press("Home")
    assert marks.first.evaluate("mark => mark === document.activeElement")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash").startswith("#layer-")
    page.keyboard.press("Escape")
    assert not hint.is_visible()


def test_the_page_of_a_build_with_an_accelerator(
    browser: Browser, accelerated_file: Path, complaints: list[str]
) -> None:
    page = open_page(browser, accelerated_file, complaints)
    hint = page.locator("#hint")
    page.locator("#timeline .mark").first.hover()
    assert "STEM of layer 0 (CONV_2D)" in hint.inner_text()
    page.locator("#timeline .mark").first.focus()
    page.keyboard.press("ArrowRight")
    assert "layer 1 " in hint.inner_text()
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#layer-1"
    sizes = page.locator("img").evaluate_all("all => all.map((image) => image.naturalWidth)")
    assert len(sizes) == 4
    assert all(size > 100 for size in sizes)  # shown, so the policy lets them
    page.get_by_role("button", name="Cycles").click()
    cells = page.locator("#split tbody td:nth-child(7)")
    cycles = cells.evaluate_all("all => all.filter((c) => c.dataset.v).map((c) => +c.dataset.v)")
    assert cycles == sorted(cycles, reverse=True)
    page.close()
    assert not complaints


def test_it_can_be_printed(page: Page) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("width", WIDTHS)
def test_two_builds_fit_beside_each_other(
    browser: Browser, tmp_path: Path, report: BuildReport, complaints: list[str], width: int
) -> None:
    for name, each in (("a", report), ("b", make_report(24))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(each.to_json(), encoding="utf-8")
    path = tmp_path / "compare.html"
    comparison = compare_builds(tmp_path / "a", tmp_path / "b")
    path.write_text(write_comparison_page(comparison), encoding="utf-8")
    page = open_page(browser, path, complaints, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.get_by_role("button", name="Flash").click()
    cells = page.locator("table.sortable tbody td:nth-child(6)")
    changes = cells.evaluate_all("cells => cells.map((cell) => Number(cell.dataset.v))")
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > 0
    page.close()
    assert not complaints


def test_hostile_names_do_nothing(browser: Browser, tmp_path: Path, complaints: list[str]) -> None:
    path = tmp_path / "report.html"
    path.write_text(write_page(make_report(rename=HOSTILE)), encoding="utf-8")
    page = browser.new_page()
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    page.locator("#memory .mark").first.hover()
    assert page.locator("#hint").is_visible()
    assert page.locator("#hint img, #hint script").count() == 0
    page.close()
    assert not complaints
