"""MLPerf Tiny's commands under sanitizers: whatever arrives, the next one is answered."""

from __future__ import annotations

import os
import random
import select
import subprocess
from pathlib import Path

import pytest
from board_program import compile_board

from tinydeploy.codegen.environment import render_template
from tinydeploy.paths import FIRMWARE
from tinydeploy.project.mlperf import Form, MlperfTask
from tinydeploy.validate.host import find_host_compiler

INPUT_BYTES = {"pixels": 70, "int8": 70, "floats": 280}

WORDS = (
    *("name", "profile", "timestamp", "db", "db load", "infer", "results", "help", "load"),
    *("0", "1", "3", "-1", "70", "280", "99999999999", "00", "7f80", "zz", "0" * 62, "f" * 70),
    *("", " ", "\\0", "\r\n", "%", "é", "a" * 90),
)


@pytest.fixture(scope="module", params=INPUT_BYTES)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    form: Form = request.param
    folder = tmp_path_factory.mktemp(form)
    text = render_template(
        "project/mlperf_config.h.j2",
        model={"board_literal": '"host"'},
        mlperf=MlperfTask("ic01", form, INPUT_BYTES[form]),
    )
    (folder / "mlperf_config.h").write_text(text)
    source = FIRMWARE / "mlperf" / "mlperf.c"
    flags = [f"-I{folder}", f"-I{source.parent}", "-DRECEIVE=mlperf_receive", str(source)]
    main = Path(__file__).with_name("host_protocol.c")
    compile_board(main, folder / "board", find_host_compiler(), flags)
    return folder / "board"


def make_noise(source: random.Random) -> bytes:
    """A command of random words, a piece of one, or random bytes."""
    text = " ".join(source.choices(WORDS, k=source.randint(1, 4))).encode() + b"%"
    match source.randrange(5):
        case 0:
            return source.randbytes(source.randint(1, 100))
        case 1:
            at = source.randrange(len(text))
            return text[:at] + source.randbytes(1) + text[at + 1 :]
        case 2:
            return b"db load 70%" + b"db load 280%" + text
    return text


def test_nothing_breaks_it(program: Path) -> None:
    source = random.Random(1)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for _ in range(150):
            # A line feed is none of its own: commands end in % alone, 0x00 ends whatever came.
            noise = b"".join(make_noise(source) for _ in range(10))
            process.stdin.write(noise + b"\0name%")
            process.stdin.flush()
            answer = b""
            while not answer.endswith(b"m-name-dut-[host]\r\nm-ready\r\n"):
                assert select.select([process.stdout], [], [], 10)[0], (noise, answer)
                piece = os.read(process.stdout.fileno(), 65536)
                assert piece, (noise, process.wait())
                answer += piece
        process.stdin.close()
        assert process.wait(10) == 0
