"""What the report says of the kernels that could run a layer."""

from __future__ import annotations

from model_builder import ModelBuilder

from tinydeploy.board import load_board
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.kernels import choose_kernels
from tinydeploy.report.choices import list_choices


def test_choices() -> None:
    """The chosen kernel comes first, then each other form and portable C, once each."""
    b = ModelBuilder()
    x = b.depthwise(b.conv(b.input((12, 12, 8)), 16))
    graph = fuse_graph(read_graph(b.finish([b.softmax(b.fully_connected(x, 10))])))
    board = load_board("stm32h743")
    kernels = choose_kernels(graph, board)
    found = {}
    for position, kernel in kernels.items():
        choices = list_choices(graph, graph.ops[position], kernel, board)
        found[graph.ops[position].builtin] = choices
        assert (choices[0].kernel, choices[0].scratch_bytes) == (kernel.stem, kernel.scratch_bytes)
        assert len({(choice.kernel, choice.form) for choice in choices}) == len(choices)
        assert all(choice.instructions_estimated > 0 for choice in choices)
    forms = {choice.form for choice in found["CONV_2D"]}
    assert forms == {None, "single", "paired", "square", "direct"}
    assert all(choice.cycles_estimated > 0 for choice in found["CONV_2D"])
    fast, portable = found["DEPTHWISE_CONV_2D"]
    assert (fast.form, portable.form) == ("3x3_stride1", None)
    assert fast.instructions_estimated < portable.instructions_estimated
    assert [choice.kernel for choice in found["SOFTMAX"]] == ["softmax_s8"]
