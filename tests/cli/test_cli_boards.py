"""New boards: asked for, checked answer by answer, written once, and built for."""

from __future__ import annotations

import io
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import conv_model
from tinydeploy.board import load_board
from tinydeploy.cli.main import main

Outcome = tuple[int, str, str]
OPTIONS = ["--name", "mine", "--chip", "stm32f746", "--uart", "USART6", "--tx", "PG14"]
OPTIONS += ["--rx", "PG9"]


class Terminal(io.StringIO):
    """Answers of a person."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Outcome]:
    """Runs a command in an empty folder: exit code, stdout, stderr; answers come from a person."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str, answers: str | None = None) -> Outcome:
        stdin = io.StringIO() if answers is None else Terminal(answers)
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, " ".join(err.split())

    return run


def test_options_say_everything(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    code, out, _ = cli(
        "boards", "new", *OPTIONS, "--title", 'My "board"', "--order-code", "STM32F746VGT6",
        "--baud", "921600", "--clock", "25000000", "--clock-kind", "crystal",
    )  # fmt: skip
    assert code == 2  # the PLL wants a multiple of 2 MHz
    assert not list(tmp_path.iterdir())
    code, out, _ = cli(
        "boards", "new", *OPTIONS, "--title", 'My "board"', "--order-code", "STM32F746VGT6",
        "--baud", "921600", "--clock", "24_000_000".replace("_", ""), "--clock-kind", "crystal",
        "--openocd", "board/mine.cfg", "--pyocd", "",
    )  # fmt: skip
    assert code == 0
    assert 'mine: My "board", STM32F746VGT6, Cortex-M7 at 216 MHz' in out
    assert "console USART6, PG14 with AF8, PG9 with AF8, 921600 baud (+0.16%)" in out
    board = load_board(str(tmp_path / "mine.toml"))
    assert (board.external_clock_hz, board.external_crystal) == (24_000_000, True)
    assert board.probes == {"openocd": "board/mine.cfg"}
    assert board.console.baud == 921_600


def test_what_is_built_for_it(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "small.tflite").write_bytes(conv_model((8, 8, 3), 4))
    assert cli("boards", "new", *OPTIONS)[0] == 0
    code, out, _ = cli("boards", "check", "mine.toml")
    assert code == 0
    assert "clock   internal" in out
    assert cli("build", "small.tflite", "--board", "mine.toml", "-q", "-o", "built")[0] == 0
    assert (tmp_path / "built" / "firmware.elf").is_file()


def test_a_file_is_never_overwritten(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("mine")
    code, _, err = cli("boards", "new", *OPTIONS)
    assert code == 1
    assert "mine.toml is there already" in err
    assert (tmp_path / "mine.toml").read_text() == "mine"
    code, _, err = cli("boards", "new", *OPTIONS, "-o", "nowhere/mine.toml")
    assert code == 1
    assert "Is there such a folder?" in err


def test_a_person_is_asked_until_the_answer_is_right(
    cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    answers = (
        "Mine\nstm32h743\nmine\n"  # name: not in capitals, not one that there is
        "\n"  # title
        "stm32h734\nstm32h743\n"  # chip
        "STM32H743VIT6\n"
        "SPI1\nUSART2\n"  # UART
        "PD8\nPD5\nPD6\n"  # its pins
        "fast\n99999999\n460800\n"  # speed
        "9000000\n8000000\nquartz\nsignal\n"  # clock
        "$(id)\nboard/mine.cfg\n\n"  # probes
    )
    code, out, err = cli("boards", "new", answers=answers)
    assert code == 0, err
    for words in (
        "the name 'Mine' must be lower-case",
        "there is a board 'stm32h743'",
        "Did you mean stm32h743?",
        "'SPI1' is not a UART",
        "'PD8' is not the TX pin of USART2. It can be PA2, PD5.",
        "'fast' is no number",
        "99999999 baud cannot be made",
        "clock of 9000000 Hz. It takes multiples of 4000000 up to 48000000",
        "an external clock is no 'quartz'",
        "'$(id)' has characters",
    ):
        assert words in err
    assert "wrote mine.toml" in out
    assert tomllib.loads((tmp_path / "mine.toml").read_text()) == {
        "name": "mine",
        "title": "MINE",
        "chip": "stm32h743",
        "order_code": "STM32H743VIT6",
        "external_clock": {"hz": 8_000_000, "kind": "signal"},
        "console": {"uart": "USART2", "tx": "PD5", "rx": "PD6", "baud": 460_800},
        "probe": {"openocd": "board/mine.cfg", "pyocd": "stm32h743xx"},
    }


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["new"], 2, "--name is missing"),
        (["new", "--name", "mine"], 2, "--chip is missing"),
        (["new", "--name", "mine", "--chip", "stm32f412"], 2, "--uart is missing"),
        (["new", *OPTIONS[:6]], 2, "--tx is missing"),
        (["new", *OPTIONS, "--rx", "PG14"], 2, "--rx: 'PG14' is not the RX pin of USART6"),
        (["new", *OPTIONS, "--clock", "8000000"], 2, "--clock-kind is missing"),
        (["new", *OPTIONS, "--name", "nucleo-h743zi2"], 2, "there is a board 'nucleo-h743zi2'"),
        (["new", *OPTIONS, "--title", "*/"], 2, "--title: '*/' must be"),
        (["check", "mine.toml"], 1, "cannot read board file mine.toml"),
        (["check", "stm32h743"], 2, "stm32h743 is no board file"),
    ],
)
def test_mistakes(
    cli: Callable[..., Outcome], tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    found, _, err = cli("boards", *words)
    assert (found, said in err) == (code, True), err
    assert not list(tmp_path.iterdir())


def test_a_chip_without_choice_of_pins(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    code, out, err = cli("boards", "new", "--name", "mine", "--chip", "an500", "--uart", "UART0")
    assert code == 0, err
    assert "fixed pins" in out
    code, _, err = cli(
        "boards", "new", "--name", "other", "--chip", "an500", "--uart", "UART0", "--tx", "PA1"
    )
    assert code == 2
    assert "leave the entry out" in err
