"""Builds models and gathers what their reports and their images say of speed and size."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.plan.kernel import Optimize

SUFFIX = "_int8.tflite"

# Files of firmware/kernels/cores/ by kernel, by how their names begin.
_CORES = {
    "conv_2d_gemm_s8": ("gemm_",),
    "conv_2d_pair_s8": ("pair",),
    "depthwise_conv_2d_planar_s8": ("planar",),
    "fully_connected_packed_s8": ("dense_",),
    "add_linear_s8": ("linear_sum", "bound"),
    "add_table_s8": ("bound",),
    "mul_fours_s8": ("product", "bound"),
    "mean_s8": ("sums",),
    "average_pool_2d_global_s8": ("sums",),
}


@dataclass(frozen=True)
class LayerType:
    """Layers of one kind in one model.

    Args:
        name: The op, with the size of its window.
        layers: How many there are.
        work: MACs, or, where the op has none, elements of its input or output, of the larger one.
        has_macs: Whether `work` is MACs.
        instructions: Of all of them, exact.
        cycles: Estimated.
        scratch: Bytes of the most demanding.
        code: Bytes of machine code of their kernels, which other kinds may share.
    """

    name: str
    layers: int
    work: int
    has_macs: bool
    instructions: int
    cycles: int
    scratch: int
    code: int


@dataclass(frozen=True)
class Measurement:
    """One model on one board.

    Args:
        model: Its file name without the suffix.
        core: Core of the board.
        macs: Of one inference.
        instructions: Of one inference, exact.
        cycles: Estimated.
        code: Bytes of machine code of the whole firmware.
        flash: Bytes of the whole image.
        weights: Bytes of weights in it.
        parameters: Weights of the net, a byte each.
        channels: Output channels, and units, of layers with weights.
        arena: Bytes of RAM for activations and scratch.
        scratch: Bytes of scratch of the most demanding layer.
        types: By kind of layer.
        kernel_code: Bytes of machine code by file of firmware/kernels/.
    """

    model: str
    core: str
    macs: int
    instructions: int
    cycles: int
    code: int
    flash: int
    weights: int
    parameters: int
    channels: int
    arena: int
    scratch: int
    types: tuple[LayerType, ...]
    kernel_code: Mapping[str, int]


class Silence:
    """Follows a build without a word."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Shows nothing of it."""
        yield

    def detail(self, text: str) -> None:
        """Says nothing."""

    def note(self, text: str) -> None:
        """Says nothing."""


def measure_model(path: Path, board: str, optimize: Optimize = "balanced") -> Measurement:
    """Builds a model, proves the image, runs it in the emulated board.

    Args:
        path: An int8 .tflite.
        board: Name of the board.
        optimize: As `tinydeploy build --optimize`.

    Raises:
        TinydeployError: The build fails, or a byte differs from the reference.
    """
    with tempfile.TemporaryDirectory(prefix="tinydeploy-") as temporary:
        folder = Path(temporary) / "out"
        request = BuildRequest(board=board, model=str(path), output=folder, optimize=optimize)
        report = build_image(request, Silence()).report
        kernel_code = code_by_file(folder / "firmware.elf")
    graph = fuse_graph(read_graph(path.read_bytes(), "model"))
    weighted = [op for op in graph.ops if isinstance(op, Convolution | FullyConnected)]
    found: dict[str, LayerType] = {}
    for layer in report.layers:
        op = graph.ops[layer.index]
        name = _name_type(op)
        elements = max(graph.tensors[tensor].size for tensor in (op.inputs[0], *op.outputs))
        new = LayerType(
            name=name,
            layers=1,
            work=layer.macs or elements,
            has_macs=layer.macs > 0,
            instructions=layer.instructions or 0,
            cycles=layer.cycles_estimated or 0,
            scratch=layer.scratch_bytes,
            code=code_of_kernel(layer.kernel, kernel_code),
        )
        found[name] = _join(found[name], new) if name in found else new
    if report.inference is None:
        raise AssertionError("a build without an emulated run measures nothing")
    return Measurement(
        model=path.name.removesuffix(SUFFIX),
        core=report.board.cpu,
        macs=report.model.macs,
        instructions=report.inference.instructions,
        cycles=report.inference.cycles_estimated or 0,
        code=report.memory.code_bytes,
        flash=report.memory.flash_bytes,
        weights=report.memory.weights_bytes,
        parameters=sum(op.weights.size for op in weighted),
        channels=sum(op.channels for op in weighted),
        arena=report.memory.arena_bytes,
        scratch=report.memory.scratch_bytes,
        types=tuple(found.values()),
        kernel_code=kernel_code,
    )


def _name_type(op: Op) -> str:
    if isinstance(op, Convolution):
        height, width = op.kernel
        pooled = " + MAX_POOL_2D" if op.pool is not None else ""
        return f"{op.builtin} {height}x{width}{pooled}"
    return op.builtin


def _join(one: LayerType, other: LayerType) -> LayerType:
    return replace(
        one,
        layers=one.layers + other.layers,
        work=one.work + other.work,
        instructions=one.instructions + other.instructions,
        cycles=one.cycles + other.cycles,
        scratch=max(one.scratch, other.scratch),
        code=max(one.code, other.code),
    )


def code_of_kernel(stem: str, kernel_code: Mapping[str, int]) -> int:
    """Bytes of a kernel and of its core loops in an image, from `code_by_file`."""
    own = (f"{stem}.c", *(f"cores/{core}" for core in _CORES.get(stem, ())))
    return sum(size for name, size in kernel_code.items() if name.startswith(own))


def code_by_file(elf: Path) -> Mapping[str, int]:
    """Bytes of functions by source file of firmware/kernels/, from the image's line tables."""
    with elf.open("rb") as stream:
        file = ELFFile(stream)
        sizes = {
            symbol["st_value"] & ~1: symbol["st_size"]
            for section in file.iter_sections()
            if isinstance(section, SymbolTableSection)
            for symbol in section.iter_symbols()
            if symbol["st_info"]["type"] == "STT_FUNC"
        }
        dwarf = file.get_dwarf_info()
        found: Counter[str] = Counter()
        for unit in dwarf.iter_CUs():
            attribute = unit.get_top_DIE().attributes.get("DW_AT_name")
            name = attribute.value.decode() if attribute else ""
            program = dwarf.line_program_for_CU(unit)
            if "kernels/" not in name or program is None:
                continue
            entries = program.get_entries()
            starts = {
                entry.state.address
                for entry in entries
                if entry.state and not entry.state.end_sequence  # which belongs to what follows
            }
            found[name.split("kernels/")[-1]] += sum(sizes.get(start, 0) for start in starts)
    return {name: size for name, size in sorted(found.items()) if size}
