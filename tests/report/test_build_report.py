"""report.json is valid by its schema, and the schema refuses what is not."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import jsonschema
import pytest

from tinydeploy.report.build_report import (
    SCHEMA_FILE,
    AccuracyFacts,
    BoardFacts,
    BoxFacts,
    BudgetFacts,
    BuildReport,
    ChoiceFacts,
    DetectedPictureFacts,
    DetectionFacts,
    FidelityFacts,
    GroupFacts,
    HeldFacts,
    InferenceFacts,
    LayerFacts,
    MemoryFacts,
    ModelFacts,
    OccupantFacts,
    OriginFacts,
    PeakFacts,
    PlaceFacts,
    PlanFacts,
    PrecisionFacts,
    PreprocessingFacts,
    QuantizationFacts,
    RangeFacts,
    RangesFacts,
    RegionFacts,
    SymbolFacts,
    TensorFacts,
    TimelineFacts,
    ValidationFacts,
)

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def example() -> BuildReport:
    tensor = TensorFacts("in", (1, 8, 8, 1), 0.5, -128)
    place = PlaceFacts(20, 200, 0, 12, None)
    return BuildReport(
        tinydeploy="0.1.0",
        model=ModelFacts(
            "net", "net.tflite", 10, 5, 100, "0" * 64, (tensor,), (tensor,), ("a",),
            PreprocessingFacts((0.0,), (255.0,), "gray", "", 1.0),
        ),
        board=BoardFacts("b", "Board", "chip", "cortex-m7", 480_000_000, 115_200),
        compiler="gcc 12",
        memory=MemoryFacts(
            100, 50, 40, 10, 300, 200, 200, 180, 0, 20, 80, 64,
            (RegionFacts("dtcm", 0x2000_0000, 131072, 300, 200, 200),), "rows", 8,
            PeakFacts(180, 0, "Peak: 180 bytes", (HeldFacts(-1, "in", scratch=False, bytes=180),)),
            TimelineFacts(
                3, 1, (GroupFacts(1, 2, (0,)),),
                (
                    OccupantFacts(
                        "dtcm", -1, "in", (1, 8, 8, 1), scratch=False, bytes=180,
                        rectangles=((0, 180, 0, 3),),
                    ),
                ),
            ),
            (SymbolFacts("net_layer0_weights", "weights", "flash", 40),),
        ),
        budget=BudgetFacts(1000, 1000, met=True),
        inference=InferenceFacts("cortex-m7", 1000, 100.0, 900, 0.01, 300, 40),
        layers=(
            LayerFacts(
                0, "conv", "CONV_2D", "conv_2d_s8", (1, 8, 8, 4), 10, 64, 1000, 900,
                (ChoiceFacts("conv_2d_s8", None, 64, 1100, 1050),),
                (-1,), ((1, 8, 8, 1),), 40, 30, 64, 180,
            ),
        ),
        plans=(PlanFacts("input in the arena", 200, 0, 180, 990, 1000, 950, 0, chosen=True),),
        validation=ValidationFacts(
            bit_exact=True, reference="r", host=place, emulator=place, board=None
        ),
        accuracy=AccuracyFacts(0.98, 0.98, 450, 1, ((0, 0, 450),)),
        fidelity=FidelityFacts(math.inf, 1.0, 450, 1.0, None),
        detection=DetectionFacts(
            PrecisionFacts(0.94, 0.7), PrecisionFacts(0.93, 0.68), 300, 758, 0.5, 0.45,
            (
                DetectedPictureFacts(
                    "detections/picture0.png", None, (BoxFacts("3", 0.9, (1.0, 2.0, 3.5, 4.0)),)
                ),
            ),
        ),
        quantization=(QuantizationFacts("relu", "Conv", 41.5, math.inf, math.nan, 0.001, "int16"),),
        ranges=RangesFacts(
            3,
            (RangeFacts("in", -1, False, "int8", 0.5, -128, -128, 3, 0.0, (0,) * 64),),
        ),
        origin=OriginFacts("tinydeploy build net.tflite", "3.11.7", {"numpy": "2.0"}, "0" * 64),
        seconds={"graph": 0.1},
    )  # fmt: skip


def test_a_full_report_is_valid() -> None:
    content = json.loads(example().to_json())
    VALIDATOR.validate(content)
    assert content["fidelity"]["snr_db"] is None  # JSON has no infinity
    assert content["quantization"][0]["rounding_db"] is None


def test_unknown_parts_are_null() -> None:
    report = dataclasses.replace(
        example(), inference=None, validation=None, accuracy=None, fidelity=None, detection=None
    )
    VALIDATOR.validate(json.loads(report.to_json()))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "other"),
        (("memory", "flash_bytes"), -1),
        (("memory", "flash_bytes"), None),
        (("memory", "input_form"), "whole"),
        (("model", "tflite_sha256"), "xyz"),
        (("accuracy", "int8"), 98.0),
        (("validation", "bit_exact"), "yes"),
        (("memory", "timeline", "peak"), -1),
        (("accuracy", "confusion"), [[1, 2]]),
        (("origin", "firmware_sha256"), ""),
        (("extra",), 1),
    ],
)
def test_the_schema_refuses(path: tuple[str, ...], value: Any) -> None:
    content = json.loads(example().to_json())
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(content)
