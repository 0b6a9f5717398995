"""A picture of a graph before and after the passes, side by side: an operator a row.

Operators stand below each other in the order in which they run, so that nets of a hundred layers
are as legible as short ones. What goes from one to the next is a line between them; what skips some
goes round them, in lanes beside the boxes. A layer stands beside the last of the operators that
became it, and a bracket joins them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.plan.picture.scene import CAPITAL, LETTER, Box, Label, Scene, Shape

_ROW, _HEIGHT, _WIDTH = 36.0, 28.0, 312.0
_MARGIN, _TOP, _LANE, _STRIPE = 14.0, 62.0, 7.0, 5.0
_LINE, _HEAD = 1.2, 4.0
_LETTERS = int((_WIDTH - _STRIPE - 12) / LETTER)
_INPUT: Final = -1
# Colours by the kind of work.
_COLOURS: Final = {
    "CONV": "#4c7dd4",
    "DEPTHWISE": "#2f9e94",
    "FULLY": "#8a63d2",
    "POOL": "#d9822b",
    "MEAN": "#d9822b",
    "ADD": "#5a9e3d",
    "MUL": "#5a9e3d",
    "SUB": "#5a9e3d",
    "CONCATENATION": "#b8860b",
}
_OTHER, _INPUT_COLOUR = "#9aa4ae", "#59636e"


@dataclass(frozen=True)
class _Node:
    """A box.

    Args:
        row: Its row.
        title: Its first line.
        detail: Its second line.
        hint: What is shown on demand.
        colour: Of its stripe.
        reads: Tensors that go in.
        makes: Tensors that come out.
    """

    row: int
    title: str
    detail: str
    hint: str
    colour: str
    reads: tuple[int, ...]
    makes: tuple[int, ...]


@dataclass(frozen=True)
class _Column:
    """One of the two graphs.

    Args:
        left: The x of its boxes.
        outwards: -1 where its lanes are to the left of the boxes, 1 to the right.
        nodes: Its boxes, by row.
    """

    left: float
    outwards: int
    nodes: tuple[_Node, ...]

    @property
    def side(self) -> float:
        """The x of the edge where lanes begin."""
        return self.left if self.outwards < 0 else self.left + _WIDTH


def draw_graphs(before: Graph, after: Graph) -> Scene:
    """Lays out the picture.

    Args:
        before: The graph as read.
        after: The same graph after the passes.
    """
    first = len(before.inputs)
    rows = {op.outputs[0]: row for row, op in enumerate(before.ops, first)}
    old = _input_nodes(before)
    old += [_node(before, op, rows[op.outputs[0]], op.index, "operator") for op in before.ops]
    new = _input_nodes(after)
    new += [_node(after, op, rows[op.outputs[0]], k, "layer") for k, op in enumerate(after.ops)]
    new.sort(key=lambda node: node.row)
    members = _find_members(before, after)
    brackets = _assign_lanes([(found[0], found[-1]) for found in members.values()])
    lanes = [_assign_lanes([(a, b) for a, b, _ in _list_skips(nodes)]) for nodes in (old, new)]
    widths = [_LANE * (max(each, default=-1) + 2) for each in (*lanes, brackets)]
    left = _Column(_MARGIN + widths[0], -1, tuple(old))
    gap = 18 + widths[2]
    right = _Column(left.left + _WIDTH + gap, 1, tuple(new))
    shapes, labels = [], []
    for column in (left, right):
        for part in (_edges(column), _boxes(column)):
            shapes += part
        labels += _texts(column)
    shapes += _brackets(left.left + _WIDTH, gap, members, brackets, rows)
    title = f"{before.name}: {len(before.ops)} operators become {len(after.ops)} layers"
    note = f"{after.macs:,} MACs, {before.parameters:,} parameters"
    labels += [
        Label(_MARGIN, 20, title),
        Label(_MARGIN, 34, note, colour="quiet"),
        Label(left.left, _TOP - 10, "as read, numbered as in the file", colour="quiet"),
        Label(right.left, _TOP - 10, "as built, numbered as in the report", colour="quiet"),
    ]
    width = right.left + _WIDTH + widths[1] + _MARGIN
    height = _TOP + _ROW * len(old) + _MARGIN
    return Scene(width, height, title, tuple(shapes), tuple(labels))


def _input_nodes(graph: Graph) -> list[_Node]:
    return [
        _Node(
            row,
            "input" if len(graph.inputs) == 1 else f"input {row}",
            _describe_tensor(graph, tensor),
            _hint(graph, tensor, "the model's input"),
            _INPUT_COLOUR,
            (),
            (tensor,),
        )
        for row, tensor in enumerate(graph.inputs)
    ]


def _node(graph: Graph, op: Op, row: int, number: int, word: str) -> _Node:
    tensor = op.outputs[0]
    what = f"{number}  {op.kind}{_describe_window(op)}"
    if tensor in graph.outputs:
        what += "  (output)"
    macs = op.macs(graph)
    facts = f"{word} {number}, {op.kind}, operator {op.index} of the file; {macs:,} MACs"
    return _Node(
        row,
        what,
        _describe_tensor(graph, tensor),
        _hint(graph, tensor, facts),
        _find_colour(op.kind),
        op.inputs,
        op.outputs,
    )


def _describe_window(op: Op) -> str:
    """Kernel and stride, where it has them: ` 3x3 /2`; what else runs in it: ` + MAX_POOL_2D`."""
    weights, stride = getattr(op, "weights", None), getattr(op, "stride", None)
    text = ""
    if stride is not None and weights is not None and weights.ndim == 4:
        text = f" {weights.shape[1]}x{weights.shape[2]}"
        if stride != (1, 1):
            text += f" /{stride[0]}" if stride[0] == stride[1] else f" /{stride[0]}x{stride[1]}"
    pool = getattr(op, "pool", None)
    return f"{text} + {pool.kind}" if isinstance(pool, Op) else text


def _describe_tensor(graph: Graph, tensor: int) -> str:
    """`#22 1x25x5x64 functional/conv2d`, the name's end where it is long."""
    record = graph.tensors[tensor]
    name = record.name.partition(";")[0]  # converters list all ops that became one
    head = f"#{tensor} {'x'.join(map(str, record.shape))}"
    room = _LETTERS - len(head) - 1
    if len(name) > room:
        name = f"..{name[2 - room :]}" if room > 4 else ""
    return f"{head} {name}".rstrip()


def _hint(graph: Graph, tensor: int, facts: str) -> str:
    record = graph.tensors[tensor]
    lines = [facts, f"tensor {tensor}: {record.name}", f"{record.dtype} {list(record.shape)}"]
    if record.quantization is not None:
        scale, zero_point = record.affine
        lines.append(f"real value = {scale:g} * (q - {zero_point})")
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in "\n".join(lines))


def _find_colour(kind: str) -> str:
    for word, colour in _COLOURS.items():
        if word in kind and not (word == "CONV" and "DEPTHWISE" in kind):
            return colour
    return _OTHER


def _find_members(before: Graph, after: Graph) -> Mapping[int, list[int]]:
    """Rows of the operators that became each layer of several, by its output."""
    layer = {tensor: op.outputs[0] for op in after.ops for tensor in op.outputs}
    first = len(before.inputs)
    found: dict[int, list[int]] = {}
    for place in reversed(range(len(before.ops))):  # what reads a tensor stands behind its maker
        op = before.ops[place]
        if op.outputs[0] not in layer:
            users = [user for user in before.ops if set(user.inputs) & set(op.outputs)]
            owners = [layer[user.outputs[0]] for user in users if user.outputs[0] in layer]
            if not owners:
                continue
            layer[op.outputs[0]] = owners[0]
        found.setdefault(layer[op.outputs[0]], []).insert(0, first + place)
    return {tensor: rows for tensor, rows in found.items() if len(rows) > 1}


def _list_skips(nodes: Sequence[_Node]) -> list[tuple[int, int, list[int]]]:
    """First row, last row, and rows of all readers, of tensors that go round other boxes."""
    below = {a.row: b.row for a, b in pairwise(nodes)}
    readers: dict[int, list[int]] = {}
    for node in nodes:
        for tensor in node.reads:
            readers.setdefault(tensor, []).append(node.row)
    skips = []
    for node in nodes:
        rows = sorted({row for tensor in node.makes for row in readers.get(tensor, [])})
        far = [row for row in rows if row != below.get(node.row)]
        if far:
            skips.append((node.row, far[-1], far))
    return skips


def _assign_lanes(spans: Sequence[tuple[int, int]]) -> list[int]:
    """A lane for each span of rows, such that those of a lane do not touch; short ones inside."""
    lanes = [0] * len(spans)
    taken: list[list[tuple[int, int]]] = []
    for k in sorted(range(len(spans)), key=lambda k: (spans[k][1] - spans[k][0], spans[k])):
        begin, end = spans[k]
        lane = 0
        while lane < len(taken) and any(a <= end and begin <= b for a, b in taken[lane]):
            lane += 1
        if lane == len(taken):
            taken.append([])
        taken[lane].append((begin, end))
        lanes[k] = lane
    return lanes


def _middle(row: int) -> float:
    return _TOP + _ROW * row + _HEIGHT / 2


def _edges(column: _Column) -> list[Shape]:
    """Lines from box to box; those that skip boxes in lanes, their ends marked."""
    boxes: list[Box] = []
    centre = column.left + _WIDTH / 2
    for upper, lower in pairwise(column.nodes):
        if set(upper.makes) & set(lower.reads):
            top = _middle(upper.row) + _HEIGHT / 2
            bottom = _middle(lower.row) - _HEIGHT / 2
            boxes.append((centre - _LINE / 2, top, _LINE, bottom - top))
            boxes.append((centre - _HEAD / 2, bottom - _HEAD, _HEAD, _HEAD))
    skips = _list_skips(column.nodes)
    lanes = _assign_lanes([(first, last) for first, last, _ in skips])
    for (first, last, readers), lane in zip(skips, lanes, strict=True):
        x = column.side + column.outwards * _LANE * (lane + 1)
        left, width = min(x, column.side), abs(x - column.side)
        top, bottom = _middle(first) + 6, _middle(last) - 6
        boxes.append((x - _LINE / 2, top, _LINE, bottom - top))
        boxes.append((left, top - _LINE / 2, width, _LINE))
        for row in readers:
            y = _middle(row) - 6
            boxes.append((left, y - _LINE / 2, width, _LINE))
            head = column.side - _HEAD if column.outwards < 0 else column.side
            boxes.append((head, y - _HEAD / 2, _HEAD, _HEAD))
    return [Shape("quiet", tuple(boxes))] if boxes else []


def _boxes(column: _Column) -> list[Shape]:
    shapes = []
    for node in column.nodes:
        top = _middle(node.row) - _HEIGHT / 2
        shapes.append(Shape("faint", ((column.left, top, _WIDTH, _HEIGHT),), node.hint))
        shapes.append(Shape(node.colour, ((column.left, top, _STRIPE, _HEIGHT),)))
    return shapes


def _texts(column: _Column) -> list[Label]:
    labels = []
    for node in column.nodes:
        x, y = column.left + _STRIPE + 6, _middle(node.row)
        labels.append(Label(x, y - 3, _show(node.title)))
        labels.append(Label(x, y + CAPITAL + 2, _show(node.detail), colour="quiet"))
    return labels


def _show(text: str) -> str:
    """Printable ASCII that fits into a box."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:_LETTERS]


def _brackets(
    x: float,
    gap: float,
    members: Mapping[int, Sequence[int]],
    lanes: Sequence[int],
    rows: Mapping[int, int],
) -> list[Shape]:
    """From the operators that became one layer to the layer."""
    boxes: list[Box] = []
    for (tensor, found), lane in zip(members.items(), lanes, strict=True):
        at = x + 9 + _LANE * lane
        boxes.append((at, _middle(found[0]), _LINE, _middle(found[-1]) - _middle(found[0]) + _LINE))
        boxes += [(x, _middle(row), at - x, _LINE) for row in found]
        boxes.append((at, _middle(rows[tensor]), x + gap - at, _LINE))
    return [Shape("ink", tuple(boxes))] if boxes else []
