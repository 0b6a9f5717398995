"""ONNX files of five exporters become firmware: bit-exact on the host and in the emulated board."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from exported_nets import SHAPE
from onnx_exports import (
    CHANNELS_LAST,
    export_keras,
    export_quantized,
    export_torch,
    random_inputs,
    write_by_hand,
)

from tests.test_pipeline import build, check_report
from tinydeploy.model.float_model import FloatModel
from tinydeploy.quantize.onnx_table import list_onnx_rules
from tinydeploy.quantize.quantize_model import quantize_model
from tinydeploy.source.options import SourceOptions

Export = Callable[[Path], None]

EXPORTS: dict[str, tuple[Export, tuple[int, ...] | None]] = {
    "by hand": (write_by_hand, SHAPE),
    "torch dynamo": (partial(export_torch, dynamo=True), SHAPE),
    "torch script": (partial(export_torch, dynamo=False), SHAPE),
    "keras": (export_keras, CHANNELS_LAST),
    "quantize_static": (partial(export_quantized, per_channel=True), None),
}


def cases() -> list[object]:
    return [
        pytest.param(name, marks=() if name == "by hand" else pytest.mark.slow) for name in EXPORTS
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", cases())
def test_a_file_becomes_firmware(name: str, tmp_path: Path) -> None:
    export, shape = EXPORTS[name]
    path = tmp_path / "net.onnx"
    export(path)
    options = SourceOptions()
    if shape is not None:
        np.save(tmp_path / "data.npy", random_inputs(24, 3, shape))
        options = SourceOptions(data=tmp_path / "data.npy")
    report, folder = build(tmp_path, model=str(path), options=options, board="stm32h743")
    check_report(report, folder)


@pytest.mark.filterwarnings("ignore")
def test_together_they_have_every_operator(tmp_path: Path) -> None:
    """All TFLite operators that ONNX nodes become, as the manual lists them."""
    emitted = set()
    for export in (write_by_hand, EXPORTS["torch script"][0], EXPORTS["quantize_static"][0]):
        path = tmp_path / "net.onnx"
        export(path)
        inputs = random_inputs(8, 3)
        model = FloatModel("net", path.read_bytes(), SHAPE, None, (), inputs)
        interpreter = Interpreter(model_content=quantize_model(model).tflite)
        emitted |= {operator["op_name"] for operator in interpreter._get_ops_details()}
    listed = {builtin for rule in list_onnx_rules() for builtin in rule.builtins}
    assert emitted >= listed
