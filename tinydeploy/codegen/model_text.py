"""What the templates of a model's sources show: every decision made, only text left to write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from tinydeploy.codegen.c_data import format_array
from tinydeploy.codegen.constants import Constants, split_constants
from tinydeploy.codegen.detection import DetectionText, describe_detection
from tinydeploy.codegen.layer import LayerCode, LayerContext, SharedCall, emit_layer
from tinydeploy.codegen.pixels import describe_pixels
from tinydeploy.codegen.schedule_text import FED_STEPS, StretchText, describe_schedule
from tinydeploy.codegen.text import c_comment, c_float, c_int, c_string, c_type
from tinydeploy.errors import InternalError
from tinydeploy.graph.graph import Graph, round_state
from tinydeploy.graph.op import Op
from tinydeploy.graph.tensor import UNQUANTIZED
from tinydeploy.plan.alias import find_owners, renames
from tinydeploy.plan.plan import FEED, InputForm, Plan, Rows

# td_tensor's table counts in words of 4 bytes, in a uint16.
_TABLE_UNIT = 4
_TABLE_END = 1 << 16
# Layers with the same call: with fewer, what they save is not worth a further call each time.
_SHARED_FROM = 8


@dataclass(frozen=True)
class ArenaText:
    """The array that holds the activations in one memory."""

    symbol: str
    memory: str
    size: int


@dataclass(frozen=True)
class TensorText:
    """A td_tensor.

    Args:
        symbol: Its name.
        comment: Shape and name in the file.
        arena: Symbol of the arena.
        offset: Bytes from the arena's start to row 0, or to what its table counts from.
        table: Name of the row table; "NULL" without one.
        table_definition: The row table; empty without one.
        pitch: Bytes from row to row.
        height: Rows.
        width: Pixels of a row.
        channels: Elements of a pixel.
        shown: It lies in a buffer of the host, which is known when that shows it.
    """

    symbol: str
    comment: str
    arena: str
    offset: int
    table: str
    table_definition: str
    pitch: int
    height: int
    width: int
    channels: int
    shown: bool


@dataclass(frozen=True)
class LayerText:
    """The function of one layer, its multiplications, and the constants that it alone uses.

    Args:
        symbol: Of the function.
        comment: Op and shapes.
        macs: Multiplications.
        code: C text.
        constants: Of the layer alone.
        places: Input, output and scratch, of a call that layers can share.
        caller: The function that calls the kernel for several layers, or empty.
    """

    symbol: str
    comment: str
    macs: int
    code: LayerCode
    constants: Constants
    places: str
    caller: str = ""

    @property
    def statements(self) -> str:
        """What the function does."""
        if not self.caller:
            return self.code.call
        return f"{self.caller}(first, last, &{self.symbol}_op, &{self.symbol}_places);"


@dataclass(frozen=True)
class PortText:
    """An input or an output.

    Args:
        suffix: "" for the only or first one, "_<i>" for those named by number.
        comment: Shape and name in the file.
        tensor: Symbol of its td_tensor.
        names: Symbols of all td_tensors that lie where it lies.
        c_type: Of its elements.
        item_bytes: Bytes of one element.
        size: Elements.
        row_count: Rows that it has.
        row_size: Elements of one.
        rank: Number of dimensions.
        shape: Dimensions, separated by commas.
        scale: Float literal; empty for integers, which are what they are.
        zero_point: Integer literal, in brackets if negative; empty for integers.
    """

    suffix: str
    comment: str
    tensor: str
    names: tuple[str, ...]
    c_type: str
    item_bytes: int
    size: int
    row_count: int
    row_size: int
    rank: int
    shape: str
    scale: str
    zero_point: str


@dataclass(frozen=True)
class ModelText:
    """One model.

    Args:
        name: Prefix of symbols.
        macro: Prefix of macros.
        input_form: How the host gives the input.
        labels: String literals.
        pixels: How pictures become the input, in sentences.
        inputs: The first under its plain name, then, if there are several, all by number.
        outputs: Likewise.
        layer_count: Number of positions in the graph; layers are numbered below it.
        arena_bytes: Bytes of all arenas.
        state_bytes: Bytes that are kept from one inference to the next.
        arenas: One per memory.
        tensors: Those that layers read or write, and inputs and outputs.
        layers: In the order of the graph.
        calls: Number of calls of layers in one inference.
        fed: Those calls that are made as rows of the input come.
        schedule: All others.
        detection: How the outputs become boxes; None where they show none.
    """

    name: str
    macro: str
    input_form: InputForm
    labels: tuple[str, ...]
    pixels: tuple[str, ...]
    inputs: tuple[PortText, ...]
    outputs: tuple[PortText, ...]
    layer_count: int
    arena_bytes: int
    state_bytes: int
    arenas: tuple[ArenaText, ...]
    tensors: tuple[TensorText, ...]
    layers: tuple[LayerText, ...]
    calls: int
    fed: tuple[StretchText, ...]
    schedule: tuple[StretchText, ...]
    detection: DetectionText | None

    @property
    def input_count(self) -> int:
        """Number of inputs of the model."""
        return max(1, len(self.inputs) - 1)

    @property
    def output_count(self) -> int:
        """Number of outputs of the model."""
        return max(1, len(self.outputs) - 1)

    @property
    def input_types(self) -> tuple[str, ...]:
        """C types of the inputs' elements, each once."""
        return tuple(dict.fromkeys(port.c_type for port in self.inputs))

    @property
    def callers(self) -> Mapping[str, SharedCall]:
        """The functions that call a kernel for several layers."""
        return {
            layer.caller: layer.code.shared
            for layer in self.layers
            if layer.caller and layer.code.shared
        }

    @property
    def tables(self) -> tuple[StretchText, ...]:
        """The parts of the schedule that are tables."""
        return tuple(stretch for stretch in (*self.fed, *self.schedule) if stretch.table)

    @property
    def table_layers(self) -> tuple[str, ...]:
        """The function of each layer that a table calls, NULL for others, up to the last.

        One NULL where there is a table that calls none.
        """
        called = {layer for stretch in self.tables for layer in stretch.table[::2]} - {
            self.layer_count
        }
        return tuple(
            layer_symbol(self.name, layer) if layer in called else "NULL"
            for layer in range(max(called, default=0) + 1)
        )

    @property
    def every_input(self) -> tuple[PortText, ...]:
        """Each input once."""
        return self.inputs[1:] or self.inputs

    @property
    def every_output(self) -> tuple[PortText, ...]:
        """Each output once."""
        return self.outputs[1:] or self.outputs

    @property
    def table_type(self) -> str:
        """C type of the entries of tables."""
        largest = max((value for stretch in self.tables for value in stretch.table), default=0)
        return "uint8_t" if largest < 256 else "uint16_t"


def describe_model(graph: Graph, plan: Plan) -> ModelText:
    """Decides everything that the sources of a model say."""
    name = graph.name
    arenas = tuple(
        ArenaText(arena_symbol(name, arena.memory), arena.memory, arena.size)
        for arena in plan.arenas
    )
    computing = {k: op for k, op in enumerate(graph.ops) if not renames(op)}
    used = dict.fromkeys(
        (
            *graph.inputs,
            *(tensor for op in computing.values() for tensor in (*op.inputs, *op.outputs)),
            *graph.outputs,
        )
    )
    stretches = [_number_feed(s, len(graph.ops)) for s in describe_schedule(plan.steps)]
    return ModelText(
        name=name,
        macro=name.upper(),
        input_form=plan.input_form,
        labels=tuple(c_string(label) for label in graph.labels),
        pixels=describe_pixels(graph),
        inputs=_describe_ports(graph, graph.inputs, used),
        outputs=_describe_ports(graph, graph.outputs, used),
        layer_count=len(graph.ops),
        arena_bytes=plan.arena_bytes,
        state_bytes=graph.state_bytes,
        arenas=arenas,
        tensors=_share_tables(_describe_tensor(graph, plan, plan.rows[t]) for t in sorted(used)),
        layers=_share_calls(_describe_layer(graph, plan, k, op) for k, op in computing.items()),
        calls=len(plan.calls),
        fed=tuple(s for s in stretches if s.symbol == FED_STEPS),
        schedule=tuple(s for s in stretches if s.symbol != FED_STEPS),
        detection=describe_detection(graph, plan),
    )


def arena_symbol(name: str, memory: str) -> str:
    """C name of the arena of a model in a memory."""
    return f"{name}_arena_{memory}"


def tensor_symbol(tensor: int) -> str:
    """C name of a td_tensor; it is seen in model.c alone."""
    return f"tensor{tensor}"


def layer_symbol(name: str, position: int) -> str:
    """C name of the function of the layer at a position of Graph.ops."""
    return f"{name}_layer{position}"


def _number_feed(stretch: StretchText, number: int) -> StretchText:
    """In a table the input has a number behind those of all layers."""
    return replace(stretch, table=tuple(number if v == FEED else v for v in stretch.table))


def _describe_ports(
    graph: Graph, tensors: tuple[int, ...], used: Collection[int]
) -> tuple[PortText, ...]:
    plain = _describe_port(graph, tensors[0], used, "")
    if len(tensors) == 1:
        return (plain,)
    return (plain, *(_describe_port(graph, t, used, f"_{i}") for i, t in enumerate(tensors)))


def _describe_port(graph: Graph, tensor: int, used: Collection[int], suffix: str) -> PortText:
    height, width, channels = graph.tensors[tensor].rows
    owners = find_owners(graph)
    facts = graph.tensors[tensor]
    quantization = None if facts.dtype in UNQUANTIZED else facts.quantization
    if quantization is None and facts.dtype not in UNQUANTIZED:
        raise InternalError(f"tensor {tensor} at the model's end is not quantized")
    return PortText(
        suffix=suffix,
        comment=_describe_shape(graph, tensor),
        tensor=tensor_symbol(tensor),
        names=tuple(tensor_symbol(t) for t in sorted(used) if owners[t] == owners[tensor]),
        c_type=c_type(facts.dtype),
        item_bytes=facts.item_bytes,
        size=facts.size,
        row_count=height,
        row_size=width * channels,
        rank=len(facts.shape),
        shape=", ".join(map(str, facts.shape)),
        scale="" if quantization is None else c_float(quantization.scale),
        zero_point="" if quantization is None else c_int(quantization.zero_point),
    )


def _describe_shape(graph: Graph, tensor: int) -> str:
    facts = graph.tensors[tensor]
    shape = "x".join(map(str, facts.shape))
    return f"{shape} {c_comment(facts.name, 60)}".rstrip()


def _describe_tensor(graph: Graph, plan: Plan, rows: Rows) -> TensorText:
    height, width, channels = graph.tensors[rows.tensor].rows
    symbol = tensor_symbol(rows.tensor)
    places = () if rows.table is None else rows.table
    table = tuple((place - rows.offset) // _TABLE_UNIT for place in places)
    if any(unit >= _TABLE_END for unit in table):
        raise InternalError(
            f"a row of tensor {rows.tensor} lies too far from the others for its table"
        )
    return TensorText(
        symbol=symbol,
        comment=_describe_shape(graph, rows.tensor),
        arena=arena_symbol(graph.name, rows.memory),
        offset=rows.offset,
        table=f"{symbol}_rows" if table else "NULL",
        table_definition=format_array("uint16_t", f"{symbol}_rows", table) if table else "",
        pitch=rows.pitch,
        height=height,
        width=width,
        channels=channels,
        shown=rows.memory not in {arena.memory for arena in plan.arenas},
    )


def _share_tables(tensors: Iterable[TensorText]) -> tuple[TensorText, ...]:
    """Equal tables once: those of layers in place, for one."""
    shared: dict[str, str] = {}
    found = []
    for tensor in tensors:
        content = tensor.table_definition.partition(" = ")[2]
        name = shared.setdefault(content, tensor.table)
        if name != tensor.table:
            tensor = replace(tensor, table=name, table_definition="")
        found.append(tensor)
    return tuple(found)


def _describe_layer(graph: Graph, plan: Plan, position: int, op: Op) -> LayerText:
    symbol = layer_symbol(graph.name, position)
    scratch = plan.scratch.get(position)
    context = LayerContext(
        graph=graph,
        prefix=symbol,
        tensors={t: f"&{tensor_symbol(t)}" for t in (*op.inputs, *op.outputs)},
        scratch=f"{arena_symbol(graph.name, scratch.memory)} + {scratch.offset}"
        if scratch
        else "NULL",
        kernel=plan.kernels[position],
        state=_place_state(graph, position),
    )
    code = emit_layer(op, context)
    sources = ", ".join("x".join(map(str, graph.tensors[t].shape)) for t in op.inputs)
    results = ", ".join(_describe_shape(graph, t) for t in op.outputs)
    comment = c_comment(f"{op.kind}: {sources} -> {results}", 110)
    ends = (*op.inputs[:1], *op.outputs[:1])
    places = (*(context.tensors[t] for t in ends), context.scratch)
    return LayerText(
        symbol,
        comment,
        op.macs(graph),
        code,
        split_constants(code.constants),
        ", ".join(places),
    )


def _place_state(graph: Graph, position: int) -> str:
    """C expression for where the op at a position keeps its state; "NULL" where it has none."""
    keeper = graph.keeper(position)
    if not graph.ops[keeper].state_bytes:
        return "NULL"
    before = sum(round_state(op.state_bytes) for op in graph.ops[:keeper])
    return f"{graph.name}_state + {before}"


def _share_calls(layers: Iterable[LayerText]) -> tuple[LayerText, ...]:
    """Names a function for each call that many layers share: 28 bytes of code less for each."""
    layers = tuple(layers)
    uses = Counter(layer.code.shared for layer in layers)
    return tuple(
        replace(layer, caller=f"call_{shared.function.removeprefix('td_')}")
        if (shared := layer.code.shared) and uses[shared] >= _SHARED_FROM
        else layer
        for layer in layers
    )
