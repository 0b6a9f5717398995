"""Coverage-guided fuzzing of the parsers: `make fuzz-parsers SECONDS=600 PARSERS=tflite`.

Each parser gets its time in a process of its own, under atheris (libFuzzer): an exception that is
not one of our errors, 5 seconds for one input or 1 GB of memory end it, and the input is kept as
fuzz_failure_<parser>_<kind>-<hash>. It belongs into tests/fuzz/crashers/<parser>/ when mended.
"board" is the board's side of the serial protocol, in C: compiled by clang for libFuzzer itself,
under AddressSanitizer and UndefinedBehaviorSanitizer.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("tflite", "float_tflite", "onnx", "params", "toml", "rules", "frames", "board")
CLANG = ("clang", "clang-19", "clang-16", "clang-14")
HANG_S, MEMORY_MB, LONGEST = 5, 1024, 16384


def main() -> int:
    """Fuzzes the parsers one after the other; the exit code says whether one failed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("parsers", nargs="*", metavar="PARSER", help=f"of {', '.join(NAMES)}")
    options.add_argument("--seconds", type=int, default=600, help="for each parser")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--child", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.child:
        run_atheris(arguments.child[0], arguments.child[1:])
    failed = [
        name
        for name in arguments.parsers or NAMES
        if not fuzz_parser(name, arguments.seconds, arguments.seed)
    ]
    _say(f"failed: {', '.join(failed)}" if failed else "no crash, no hang, no memory over 1 GB")
    return 1 if failed else 0


def fuzz_parser(name: str, seconds: int, seed: int) -> bool:
    """Runs one parser for so long; says what libFuzzer counted."""
    from parser_seeds import list_words, make_seeds

    with tempfile.TemporaryDirectory(prefix="tinydeploy-corpus-") as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, data in enumerate(make_seeds(name)):
            (corpus / f"seed{number}").write_bytes(data)
        words = Path(folder) / "words"
        dictionary = ["".join(f"\\x{byte:02x}" for byte in word) for word in list_words(name)]
        words.write_text("".join(f'"{word}"\n' for word in dictionary))
        flags = (
            f"-max_total_time={seconds}", f"-seed={seed}", f"-timeout={HANG_S}",
            f"-rss_limit_mb={MEMORY_MB}", f"-max_len={LONGEST}", "-print_final_stats=1",
            f"-artifact_prefix=fuzz_failure_{name}_", *([f"-dict={words}"] if dictionary else ()),
        )  # fmt: skip
        program = [sys.executable, __file__, "--child", name]
        if name == "board":
            program = [str(_compile_board(Path(folder)))]
        command = [*program, *flags, str(corpus)]
        paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            check=False, env=paths,
        )  # fmt: skip
        found = len(list(corpus.iterdir()))
    lines = run.stdout.splitlines()
    figures = dict(line[6:].split(": ") for line in lines if line.startswith("stat::"))
    edges = [line.split("cov: ")[1].split()[0] for line in lines if "cov: " in line]
    _say(
        f"{name}: {int(figures.get('number_of_executed_units', 0)):,} inputs in {seconds} s, "
        f"{edges[-1] if edges else 0} branches reached, {found} inputs that reach others, "
        f"{figures.get('peak_rss_mb', '?')} MB, {'sound' if run.returncode == 0 else 'FAILED'}"
    )
    if run.returncode:
        _say("\n".join(line for line in lines if not line.startswith(("#", "INFO:"))))
    return run.returncode == 0


def _compile_board(folder: Path) -> Path:
    """The board's side of the protocol, for libFuzzer; only clang has it."""
    from board_program import compile_board

    clang = next(filter(None, map(shutil.which, CLANG)), None)
    if clang is None:
        sys.exit("board: there is no clang. Try: apt-get install clang, or PARSERS without board")
    flags = ("-fsanitize=fuzzer", "-Wno-unused-function")
    source = Path(__file__).with_name("board_script.c")
    compile_board(source, folder / "board", [clang], flags)
    return folder / "board"


def run_atheris(name: str, flags: list[str]) -> None:
    """In the child process: watches the branches of our code and never returns."""
    import atheris

    with atheris.instrument_imports(include=["tinydeploy", "tflite", "flatbuffers", "tomllib"]):
        from parsers import try_parser

    atheris.Setup([sys.argv[0], *flags], lambda data: try_parser(name, data) and None)
    atheris.Fuzz()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
