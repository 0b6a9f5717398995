"""What layers hold agrees with the plan's peak, and flash is counted by layer."""

from __future__ import annotations

from tests.model_builder import ModelBuilder
from tinydeploy.board import load_board
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.memory import plan_memory
from tinydeploy.project.size import Symbol
from tinydeploy.report.layer_memory import LayerFlash, find_makers, measure_flash, measure_layers


def small_net() -> bytes:
    b = ModelBuilder(1)
    x = b.conv(b.input((12, 12, 3)), 8, (3, 3))
    x = b.conv(b.depthwise(x), 16, (1, 1))
    x = b.reshape(x, (1, 6, 24, 16))
    return b.finish([b.fully_connected(b.mean(x), 4)])


def test_layers_hold_what_the_plan_holds() -> None:
    graph = fuse_graph(read_graph(small_net(), "net"))
    plan = plan_memory(graph, load_board("stm32h743"))
    found = measure_layers(graph, plan)
    assert set(found.live) >= {step.op for step in plan.calls}
    assert found.peak.bytes == max(found.live.values())
    assert found.peak.layer is not None
    assert found.live[found.peak.layer] == found.peak.bytes
    assert sum(held.bytes for held in found.peak.held) >= found.peak.bytes
    sizes = [held.bytes for held in found.peak.held]
    assert sizes == sorted(sizes, reverse=True)
    for held in found.peak.held:
        if not held.scratch:
            assert held.bytes <= found.held[held.layer]


def test_makers_are_found_through_ops_that_only_rename() -> None:
    graph = fuse_graph(read_graph(small_net(), "net"))
    plan = plan_memory(graph, load_board("stm32h743"))
    makers = find_makers(graph, plan)
    (reshape,) = [k for k, op in enumerate(graph.ops) if op.kind == "RESHAPE"]
    assert makers[graph.inputs[0]] == -1
    assert makers[graph.ops[reshape].outputs[0]] == makers[graph.ops[reshape].inputs[0]]
    assert makers[graph.ops[reshape].outputs[0]] == reshape - 1


def test_flash_of_layers_is_what_carries_their_number() -> None:
    graph = fuse_graph(read_graph(small_net(), "net"))
    symbols = [
        Symbol("net_layer1", ".text", "flash", 0, 44),
        Symbol("net_layer1_weights", ".weights", "flash", 0, 100),
        Symbol("net_layer11_weights", ".weights.qspi", "qspi", 0, 7),
        Symbol("net_layer1_sums", ".bss", "dtcm", 0, 1000),
        Symbol("other_net_layer1", ".text", "flash", 0, 1000),
        Symbol("td_mean_s8", ".text", "flash", 0, 1000),
    ]
    assert measure_flash(graph, symbols) == {1: LayerFlash(144, 100), 11: LayerFlash(7, 7)}
