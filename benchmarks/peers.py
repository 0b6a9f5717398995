"""What other tools need for the same models; docs/performance.md says how it was counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """Counts for one model; None where there is none.

    Args:
        cmsis_nn: Instructions of TFLite Micro with CMSIS-NN, by core.
        reference: Instructions of TFLite Micro with its reference kernels, Cortex-M7.
        tiny_engine: Instructions of TinyEngine's better variant, Cortex-M7.
        arena: Bytes of TFLite Micro's arena with CMSIS-NN.
        code: Bytes of code and tables of TFLite Micro with CMSIS-NN, without the model, with
            nothing but the kernels that the model needs, for int8 alone.
    """

    cmsis_nn: Mapping[str, int]
    reference: int | None = None
    tiny_engine: int | None = None
    arena: int | None = None
    code: int | None = None


def _cmsis(m7: int, m4: int) -> Mapping[str, int]:
    return {"cortex-m7": m7, "cortex-m4": m4}


PEERS: Mapping[str, Peer] = {
    "mlperf_tiny_vww": Peer(
        _cmsis(24_026_400, 24_102_760), 101_221_920, 19_720_920, 100_708, 51_256
    ),
    "mlperf_tiny_ic": Peer(_cmsis(30_027_280, 29_864_440), 108_658_440, None, 54_996, 49_288),
    "mlperf_tiny_kws": Peer(_cmsis(7_644_040, 7_698_240), 43_613_560, None, 22_820, 51_256),
    "mlperf_tiny_ad": Peer(_cmsis(583_520, 583_240), 1_949_200, 771_920, 2_580, 25_040),
    "person_detect": Peer(_cmsis(22_716_680, 22_929_240), 96_634_120, None, 82_308, 41_384),
    "etinynet_1.0_224": Peer(_cmsis(387_367_560, 389_914_800), None, None, 871_764, 51_672),
}
"""By the model's file name without `_int8.tflite`."""

MEASURED_CYCLES: Mapping[str, Mapping[str, int]] = {
    "mlperf_tiny_vww": {"cortex-m7": 6_664_000, "cortex-m4": 10_671_600},
    "mlperf_tiny_ic": {"cortex-m7": 11_435_200, "cortex-m4": 19_815_600},
    "mlperf_tiny_kws": {"cortex-m7": 3_169_600, "cortex-m4": 5_182_800},
    "mlperf_tiny_ad": {"cortex-m7": 302_400, "cortex-m4": 486_000},
}
"""Cycles of the fastest run that anybody measured on a chip with this core: milliseconds of MLPerf
Tiny's results, closed division, times the clock. Cortex-M7: NUCLEO-H7A3ZI-Q at 280 MHz, 23.8,
40.84, 11.32 and 1.08 ms; Cortex-M4: NUCLEO-L4R5ZI at 120 MHz, 88.93, 165.13, 43.19 and 4.05 ms."""

CMSIS_NN_PER_OP: Mapping[str, tuple[float, float, str]] = {
    "CONV_2D 1x1": (1.9, 2.3, "6.7 at 8 input channels"),
    "CONV_2D 3x3": (1.8, 2.2, "4.1 to 6.3 at 3 input channels"),
    "CONV_2D 10x4": (3.5, 3.5, ""),
    "DEPTHWISE_CONV_2D 3x3": (7.8, 8.6, ""),
    "FULLY_CONNECTED": (2.2, 2.2, ""),
    "ADD": (81, 81, ""),
}
"""Instructions per MAC, or per element for ADD, of TFLite Micro with CMSIS-NN on a Cortex-M7: of
the best layer and the worst, and what is no typical one."""
