"""State that operators keep from one inference to the next."""

from __future__ import annotations

import numpy as np
import pytest

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.read import read_graph
from tinydeploy.quantize.tflite_writer import TfliteWriter


def svdf(*, rank=1, state=None, dtype="int16", variable=True, shared=False, bias=None, depth=6):
    """A model of an SVDF of 4 filters over 3 steps, or of two that share a state."""
    writer = TfliteWriter()
    x = writer.add_tensor("x", (1, 6), "int8", scales=[0.5])
    weights = np.ones((4, depth), np.int8)
    time = np.ones((4, 3), np.int16)
    kept = writer.add_tensor("kept", state or (1, 12), dtype, scales=[0.1], variable=variable)
    ids = [
        x,
        writer.add_tensor("w", weights.shape, "int8", scales=[0.01], data=weights),
        writer.add_tensor("t", time.shape, "int16", scales=[0.01], data=time),
        -1,
        kept,
    ]
    if bias is not None:
        ids[3] = writer.add_tensor("b", bias.shape, bias.dtype.name, scales=[0.01], data=bias)
    outputs = []
    for number in range(1 + shared):
        outputs.append(
            writer.add_tensor(f"y{number}", (1, 4 // max(rank, 1)), "int8", scales=[0.5])
        )
        writer.add_op("SVDF", ids, [outputs[-1]], {"Rank": rank, "FusedActivationFunction": "RELU"})
    return writer.finish([x], outputs)


def test_its_bytes_are_counted():
    graph = read_graph(svdf(rank=2, bias=np.ones(2, np.int32)))
    assert graph.state_bytes == graph.ops[0].state_bytes == 24
    assert graph.macs == 4 * 6 + 4 * 3
    assert graph.parameters == 4 * 6 + 4 * 3 + 2
    assert graph.stored == (0, graph.outputs[0])  # the state is no activation


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rank": 3}, "its filters are its rank times its units"),
        ({"rank": 0}, "its filters are its rank times its units"),
        ({"depth": 5}, "its input, bias and output match"),
        ({"bias": np.ones(3, np.int32)}, "its input, bias and output match"),
        ({"bias": np.ones(4, np.int64)}, "its input, bias and output match"),
        ({"state": (1, 13)}, "an int16 variable of as many elements"),
        ({"dtype": "int8"}, "an int16 variable of as many elements"),
        ({"shared": True}, "which is not its own"),
    ],
)
def test_what_does_not_fit_is_refused(changes, sentence):
    with pytest.raises(UnsupportedModelError) as caught:
        read_graph(svdf(**changes))
    assert sentence in caught.value.message
    assert caught.value.hint


def test_others_cannot_read_state():
    writer = TfliteWriter()
    x = writer.add_tensor("x", (1, 6), "int8", scales=[0.5])
    kept = writer.add_tensor("kept", (1, 6), "int8", scales=[0.5], variable=True)
    y = writer.add_tensor("y", (1, 6), "int8", scales=[0.5])
    writer.add_op("ADD", [x, kept], [y], {})
    with pytest.raises(UnsupportedModelError, match="reads the state 'kept'"):
        read_graph(writer.finish([x], [y]))


def test_nothing_else_writes_state():
    writer = TfliteWriter()
    x = writer.add_tensor("x", (1, 6), "int8", scales=[0.5])
    kept = writer.add_tensor("kept", (1, 6), "int8", scales=[0.5], variable=True)
    writer.add_op("ADD", [x, x], [kept], {})
    with pytest.raises(UnsupportedModelError, match="is a state variable"):
        read_graph(writer.finish([x], [kept]))
