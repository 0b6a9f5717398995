"""Operators of TFLite that cannot be deployed, and why: the end of the user's message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NO_KERNEL: Final = "LiteRT's reference has no int8 kernel of it"
_INDICES: Final = (
    "its output are indices of several elements: make the scores the output, and let the "
    "application pick"
)
_DECODING: Final = (
    "it decodes boxes in float32: export the model without it, with boxes and scores as outputs, "
    "and let the application decode the few that count"
)
_STATE: Final = (
    "of operators that keep state, SVDF, UNIDIRECTIONAL_SEQUENCE_LSTM and variables are supported"
)

REFUSED: Final[Mapping[str, str]] = {
    "TOPK_V2": _INDICES,
    **dict.fromkeys(
        (
            *("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"),
            "custom operator 'TFLite_Detection_PostProcess'",
        ),
        _DECODING,
    ),
    "WHERE": "the size of its output depends on values",
    "DYNAMIC_UPDATE_SLICE": "where it writes is known at run time alone",
    "LSTM": _STATE,
    **dict.fromkeys(
        ("FLOOR_DIV", "FLOOR_MOD", "REDUCE_PROD"), "LiteRT's reference takes bytes for the numbers"
    ),
    "DEQUANTIZE": "it makes float32, which is supported at the end of a model alone",
    "CAST": "it makes another type than int8",
    **dict.fromkeys(
        ("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"),
        "it makes a batch of several, other than for a dilated convolution",
    ),
    **dict.fromkeys(
        (
            *("ATAN2", "CEIL", "CONV_3D", "COS", "CUMSUM", "ELU", "FLOOR", "L2_POOL_2D", "POW"),
            *("REVERSE_SEQUENCE", "ROUND", "SIGN", "SIN", "SQUARE", "ZEROS_LIKE"),
        ),
        _NO_KERNEL,
    ),
}
"""By builtin name. What is not here is not supported yet."""
