"""The graph as the row planner sees it: nodes that make rows of stores out of rows of stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.plan.alias import find_owners, renames
from tinydeploy.plan.calls import call_rows, read_rows
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.overlay import Overlay, find_overlays
from tinydeploy.plan.plan import FEED, InputForm, Plan
from tinydeploy.plan.variants import Variant

_NO_KERNEL = Kernel("")  # where the host pushes rows
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
        outside: They lie in a buffer of the host and take no room.
        birth: Node that makes it; -1 for an input of the model that is there from the start.
        death: Last node that reads it, its maker where none does; the number of nodes for an
            output of the model.
    """

    tensor: int
    height: int
    row_bytes: int
    whole: bool
    outside: bool
    birth: int
    death: int

    @property
    def step(self) -> int:
        """Bytes of the arena that one row occupies."""
        if self.outside:
            return 0
        return self.row_bytes if self.whole else round_up(self.row_bytes)

    @property
    def size(self) -> int:
        """Bytes of the arena that all rows occupy."""
        return round_up(self.height * self.step)


@dataclass(frozen=True, eq=False)
class Read:
    """What a node reads of a store: `rows(first, last)` is what a call reads, (0, 0) if nothing."""

    store: int
    rows: Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Node:
    """An op that computes something, or the host that pushes rows of the input.

    Args:
        op: Position in Graph.ops; FEED for the host, the first node where there is one.
        rows: Rows that its calls run over.
        makes: Stores that it makes.
        reads: What it reads, one entry per store.
        overlays: Stores whose rows the output's rows may take the place of, see overlay.py.
        accumulates: The calls run over rows of the input, the scratch stays between them, and the
            only row of the output comes with the last call.
        variants: The kernels that it may run with.
    """

    op: int
    rows: int
    makes: tuple[int, ...]
    reads: tuple[Read, ...]
    overlays: tuple[Overlay, ...]
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


def make_net(
    graph: Graph, variants: Mapping[int, tuple[Variant, ...]], input_form: InputForm = "arena"
) -> Net:
    """Brings a graph into the form that schedules are made from."""
    owners = find_owners(graph)
    feeds = (_make_feed(graph),) if input_form == "rows" else ()
    computing = [(position, op) for position, op in enumerate(graph.ops) if not renames(op)]
    births = dict.fromkeys(graph.inputs, len(feeds) - 1)
    deaths = dict(births)
    for number, (_, op) in enumerate(computing, start=len(feeds)):
        births |= dict.fromkeys(op.outputs, number)
        deaths |= {owners[tensor]: number for tensor in (*op.outputs, *op.inputs)}
    deaths |= {owners[tensor]: len(feeds) + len(computing) for tensor in graph.outputs}
    host = {*graph.outputs} if feeds else {*graph.inputs, *graph.outputs}
    whole = {owners[t] for t in owners if t in host or not _same_rows(graph, t, owners[t])}
    outside = set(graph.inputs) if input_form == "kept" else set()
    stores = {}
    for tensor in dict.fromkeys(owners.values()):
        stores[tensor] = Store(
            tensor=tensor,
            height=graph.tensors[tensor].rows[0],
            row_bytes=graph.tensors[tensor].row_bytes,
            whole=tensor in whole,
            outside=tensor in outside,
            birth=births[tensor],
            death=deaths[tensor],
        )
    nodes = (_make_node(graph, k, op, variants[k], owners) for k, op in computing)
    return Net((*feeds, *nodes), stores)


def net_of_plan(graph: Graph, plan: Plan) -> tuple[Net, list[Kernel]]:
    """The net of a planned graph, and its kernels in the order of the nodes."""
    variants = {op: (Variant(kernel, lambda _: 0),) for op, kernel in plan.kernels.items()}
    net = make_net(graph, variants, plan.input_form)
    return net, [plan.kernels.get(node.op, _NO_KERNEL) for node in net.nodes]


def _same_rows(graph: Graph, a: int, b: int) -> bool:
    return graph.tensors[a].rows[0] == graph.tensors[b].rows[0]


def _make_feed(graph: Graph) -> Node:
    """The host: it makes the rows of the only input out of nothing and costs nothing."""
    (tensor,) = graph.inputs
    return Node(
        op=FEED,
        rows=graph.tensors[tensor].rows[0],
        makes=(tensor,),
        reads=(),
        overlays=(),
        accumulates=False,
        variants=(Variant(_NO_KERNEL, lambda _: 0),),
    )


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
        overlays=_find_overlays(graph, op, variants, owners),
        accumulates=kernel.accumulates,
        variants=variants,
    )


def _find_overlays(
    graph: Graph, op: Op, variants: Sequence[Variant], owners: Mapping[int, int]
) -> tuple[Overlay, ...]:
    """Those of all variants, of rows that owner and tensor share."""
    of_each = [set(find_overlays(graph, op, variant.kernel)) for variant in variants]
    common = set.intersection(*of_each)
    return tuple(
        Overlay(owners[overlay.tensor], overlay.shift)
        for overlay in sorted(common, key=lambda overlay: op.inputs.index(overlay.tensor))
        if _same_rows(graph, overlay.tensor, owners[overlay.tensor])
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
