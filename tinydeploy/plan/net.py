"""The graph as the row planner sees it: nodes that make rows of stores out of rows of stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce

from tinydeploy.graph.elementwise import Elementwise
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.lookup import Lookup
from tinydeploy.graph.ops.softmax import Softmax
from tinydeploy.plan.alias import find_owners, renames
from tinydeploy.plan.calls import call_rows, read_rows
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.plan import Plan
from tinydeploy.plan.variants import Variant

ALIGNMENT = 4  # of every place; the kernels read and write words, row tables count in words


@dataclass(frozen=True)
class Store:
    """The bytes of a tensor and of all its other names.

    Args:
        tensor: Id of the tensor that owns them.
        height: Rows.
        row_bytes: Bytes of one row.
        whole: The rows lie one behind the other without gaps: the host reads or writes them, or
            another name of the tensor cuts the bytes into other rows.
        birth: Node that makes it; -1 for an input of the model.
        death: Last node that reads it, its maker where none does; the number of nodes for an
            output of the model.
    """

    tensor: int
    height: int
    row_bytes: int
    whole: bool
    birth: int
    death: int

    @property
    def step(self) -> int:
        """Bytes that one row occupies."""
        return self.row_bytes if self.whole else round_up(self.row_bytes)

    @property
    def size(self) -> int:
        """Bytes that all rows occupy."""
        return round_up(self.height * self.step)


@dataclass(frozen=True, eq=False)
class Read:
    """What a node reads of a store: `rows(first, last)` is what a call reads, (0, 0) if nothing."""

    store: int
    rows: Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Node:
    """An op that computes something.

    Args:
        op: Position in Graph.ops.
        rows: Rows that its calls run over.
        makes: Stores that it makes.
        reads: What it reads, one entry per store.
        in_place: Stores of the output's shape whose rows the output's may take over.
        accumulates: The calls run over rows of the input, the scratch stays between them, and the
            only row of the output comes with the last call.
        variants: The kernels that it may run with.
    """

    op: int
    rows: int
    makes: tuple[int, ...]
    reads: tuple[Read, ...]
    in_place: tuple[int, ...]
    accumulates: bool
    variants: tuple[Variant, ...]

    @property
    def least_scratch(self) -> int:
        """Scratch of the variant that needs least."""
        return round_up(self.variants[0].kernel.scratch_bytes)


@dataclass(frozen=True)
class Net:
    """Nodes in the order of the graph, and stores by the tensor that owns them."""

    nodes: tuple[Node, ...]
    stores: Mapping[int, Store]


def round_up(size: int) -> int:
    """The next multiple of ALIGNMENT."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def make_net(graph: Graph, variants: Mapping[int, tuple[Variant, ...]]) -> Net:
    """Brings a graph into the form that schedules are made from."""
    owners = find_owners(graph)
    computing = [(position, op) for position, op in enumerate(graph.ops) if not renames(op)]
    births = dict.fromkeys(graph.inputs, -1)
    deaths = dict.fromkeys(graph.inputs, -1)
    for number, (_, op) in enumerate(computing):
        births |= dict.fromkeys(op.outputs, number)
        deaths |= {owners[tensor]: number for tensor in (*op.outputs, *op.inputs)}
    deaths |= {owners[tensor]: len(computing) for tensor in graph.outputs}
    host = {*graph.inputs, *graph.outputs}
    whole = {owners[t] for t in owners if t in host or not _same_rows(graph, t, owners[t])}
    stores = {}
    for tensor in dict.fromkeys(owners.values()):
        height, width, channels = graph.tensors[tensor].rows
        stores[tensor] = Store(
            tensor, height, width * channels, tensor in whole, births[tensor], deaths[tensor]
        )
    nodes = tuple(_make_node(graph, k, op, variants[k], owners) for k, op in computing)
    return Net(nodes, stores)


def net_of_plan(graph: Graph, plan: Plan) -> tuple[Net, list[Kernel]]:
    """The net of a planned graph, and its kernels in the order of the nodes."""
    variants = {op: (Variant(kernel, lambda _: 0),) for op, kernel in plan.kernels.items()}
    net = make_net(graph, variants)
    return net, [plan.kernels[node.op] for node in net.nodes]


def _same_rows(graph: Graph, a: int, b: int) -> bool:
    return graph.tensors[a].rows[0] == graph.tensors[b].rows[0]


def _make_node(
    graph: Graph,
    position: int,
    op: Op,
    variants: tuple[Variant, ...],
    owners: Mapping[int, int],
) -> Node:
    kernel = variants[0].kernel
    names: dict[int, list[int]] = {}
    for which, tensor in enumerate(op.inputs):
        names.setdefault(owners[tensor], []).append(which)

    def read(owner: int, inputs: Sequence[int]) -> Read:
        @cache
        def rows(first: int, last: int) -> tuple[int, int]:
            found = (
                _owner_rows(
                    graph, owner, op.inputs[which], read_rows(graph, op, kernel, which, first, last)
                )
                for which in inputs
            )
            return reduce(_join, found)

        return Read(owner, rows)

    return Node(
        op=position,
        rows=call_rows(graph, op, kernel),
        makes=op.outputs,
        reads=tuple(read(owner, inputs) for owner, inputs in names.items()),
        in_place=tuple(owners[tensor] for tensor in _in_place_inputs(graph, op)),
        accumulates=kernel.accumulates,
        variants=variants,
    )


def _owner_rows(graph: Graph, owner: int, tensor: int, rows: tuple[int, int]) -> tuple[int, int]:
    """Rows of a store that hold the given rows of one of its names."""
    begin, end = rows
    if begin == end or _same_rows(graph, owner, tensor):
        return rows
    own = graph.tensors[owner].size // graph.tensors[owner].rows[0]
    other = graph.tensors[tensor].size // graph.tensors[tensor].rows[0]
    return begin * other // own, -(-end * other // own)


def _join(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """The least range that holds both; empty ranges count for nothing."""
    if a[0] == a[1] or b[0] == b[1]:
        return b if a[0] == a[1] else a
    return min(a[0], b[0]), max(a[1], b[1])


def _in_place_inputs(graph: Graph, op: Op) -> Iterator[int]:
    """Inputs that td_kernels.h lets an output take the place of, row by row."""
    if isinstance(op, (Elementwise, Lookup, Softmax)):
        rows = graph.tensors[op.outputs[0]].rows
        for tensor in dict.fromkeys(op.inputs):
            if graph.tensors[tensor].rows == rows:
                yield tensor
