from __future__ import annotations

from builders import ModelBuilder

from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.graph.text import format_graph


def test_text_tells_everything():
    b = ModelBuilder(1)
    y = b.pool("MAX_POOL_2D", b.conv(b.input((8, 8, 4)), 6, activation="RELU"))
    y = b.lookup("TANH", b.fully_connected(y, 2))
    text = format_graph(fuse_graph(read_graph(b.finish([y], labels=["yes", "no"]), "tiny")))
    lines = text.splitlines()
    assert lines[0] == "tiny: 3 ops, 14,016 MACs, 416 parameters"
    assert lines[1:4] == ["inputs: %0", "outputs: %8", "labels: yes, no"]
    assert "op 0: CONV_2D (operator 0) %0 -> %4, 13,824 MACs" in lines
    assert any(line.startswith("    weights: int8 6x3x3x4 in [-12") for line in lines)
    assert "    padding: (1, 1, 1, 1)" in lines
    assert "    pool: MAX_POOL_2D (operator 1)" in lines
    assert "    pool.kernel: (2, 2)" in lines
    assert "op 2: TANH (operator 3) %7 -> %8, 0 MACs" in lines
    assert "    function: 'TANH'" in lines
    assert "tensor %0: int8 1x8x8x4, 0.05000000074505806 * (q - -3), 'input0'" in lines
