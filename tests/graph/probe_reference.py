"""Runs files one after the other in LiteRT's reference: python probe_reference.py FILES.

Says for each whether it could: a line "ok" or "no", which a file that kills the process leaves out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


def runs(model: bytes) -> bool:
    try:
        interpreter = Interpreter(
            model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
        )
        interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            interpreter.set_tensor(detail["index"], np.ones(detail["shape"], detail["dtype"]))
        interpreter.invoke()
    except (RuntimeError, ValueError):
        return False
    return True


if __name__ == "__main__":
    for path in sys.argv[1:]:
        sys.stdout.write("ok\n" if runs(Path(path).read_bytes()) else "no\n")
        sys.stdout.flush()
