"""Which operators random graphs had, and which values of each attribute that a file may give one.

Every operator that can be deployed has a line in ATTRIBUTES: a value that is listed there and never
seen is told, so a generator that stops making something does not go unnoticed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tinydeploy.graph.op_table import activation_type
from tinydeploy.graph.ops import OPS, WIDE_OPS
from tinydeploy.graph.tensor import Tensor
from tinydeploy.graph.tflite_file import Operator, TfliteFile, parse_tflite

Look = Callable[[Operator, TfliteFile], str]


@dataclass(frozen=True)
class Attribute:
    """Something that a file says of an operator.

    Args:
        name: For the table.
        values: Classes of values, all of which are wanted.
        look: Finds the class.
    """

    name: str
    values: tuple[str, ...]
    look: Look


def _input(operator: Operator, file: TfliteFile, which: int) -> Tensor | None:
    there = which < len(operator.inputs) and operator.inputs[which] >= 0
    return file.tensors[operator.inputs[which]] if there else None


def _option(name: str, shown: str, *values: str, first: int = 0) -> Attribute:
    """An enumeration; `values` by number, from `first` on."""
    return Attribute(shown, values, lambda op, _: values[int(op.options.get(name, first)) - first])


def _size(shown: str, *names: str) -> Attribute:
    """Two numbers of a window."""

    def look(op: Operator, _: TfliteFile) -> str:
        a, b = (int(op.options.get(name, 1)) for name in names)
        return "unequal" if a != b else "1" if a == 1 else "more"

    return Attribute(shown, ("1", "more", "unequal"), look)


def _given(shown: str, which: int) -> Attribute:
    return Attribute(
        shown, ("yes", "no"), lambda op, file: "yes" if _input(op, file, which) else "no"
    )


def _given_constant(shown: str, which: int) -> Attribute:
    def look(op: Operator, file: TfliteFile) -> str:
        tensor = _input(op, file, which)
        assert tensor
        return "computed" if tensor.data is None else "constant"

    return Attribute(shown, ("constant", "computed"), look)


def _scales(which: int) -> Attribute:
    def look(op: Operator, file: TfliteFile) -> str:
        weights = _input(op, file, which)
        assert weights
        assert weights.quantization
        return "one" if len(weights.quantization.scales) == 1 else "per channel"

    return Attribute("weights' scales", ("one", "per channel"), look)


def _groups(op: Operator, file: TfliteFile) -> str:
    x, weights = _input(op, file, 0), _input(op, file, 1)
    assert x
    assert weights
    return "1" if x.shape[3] == weights.shape[3] else "more"


def _multiplier(op: Operator, file: TfliteFile) -> str:
    x, weights = _input(op, file, 0), _input(op, file, 1)
    assert x
    assert weights
    return "1" if x.shape[3] == weights.shape[3] else "more"


def _operands(op: Operator, file: TfliteFile) -> str:
    first, second = _input(op, file, 0), _input(op, file, 1)
    assert first
    assert second
    if first.data is not None:
        return "constant first"
    if second.data is not None:
        return "constant second"
    return "alike" if first.shape == second.shape else "broadcast"


def _sign(number: float) -> str:
    return "from behind" if number < 0 else "from the front"


def _constant(which: int) -> Look:
    def look(op: Operator, file: TfliteFile) -> str:
        tensor = _input(op, file, which)
        assert tensor
        assert tensor.data is not None
        return _sign(float(tensor.data.min())) if tensor.size else "none"

    return look


def _axis_constant(which: int) -> Attribute:
    return Attribute("axis", ("from the front", "from behind"), _constant(which))


def _mask(name: str, shown: str) -> Attribute:
    return Attribute(
        shown, ("none", "some"), lambda op, _: "some" if op.options.get(name) else "none"
    )


def _enlarges(op: Operator, file: TfliteFile) -> str:
    x = _input(op, file, 0)
    assert x
    y = file.tensors[op.outputs[0]]
    return "enlarged" if y.size > x.size else "reduced or equal"


def _corners(op: Operator, _: TfliteFile) -> str:
    corners, half = op.options.get("AlignCorners"), op.options.get("HalfPixelCenters")
    return "corners" if corners else "half pixels" if half else "neither"


def _padded(op: Operator, file: TfliteFile) -> str:
    return "channels too" if _changes_channels(op, file) else "edges"


def _changes_channels(op: Operator, file: TfliteFile) -> bool:
    x = _input(op, file, 0)
    assert x
    return x.shape[-1] != file.tensors[op.outputs[0]].shape[-1]


_AXIS = Attribute(
    "axis", ("from the front", "from behind"), lambda op, _: _sign(op.options.get("Axis", 0))
)
_FUSED = _option("FusedActivationFunction", "activation", "NONE", "RELU", "RELU_N1_TO_1", "RELU6")
_PADDING = _option("Padding", "padding", "SAME", "VALID")
_STRIDE = _size("stride", "StrideH", "StrideW")
_DILATION = _size("dilation", "DilationHFactor", "DilationWFactor")
_WINDOW = _size("window", "FilterHeight", "FilterWidth")
_KEEP = _option("KeepDims", "keeps dimensions", "no", "yes")
_OPERANDS = Attribute(
    "operands", ("alike", "broadcast", "constant first", "constant second"), _operands
)
_RESIZED = (
    Attribute("pixels", ("neither", "corners", "half pixels"), _corners),
    Attribute("size", ("enlarged", "reduced or equal"), _enlarges),
)
_INDICES = Attribute(
    "indices", ("int32", "int64"), lambda op, file: file.tensors[op.outputs[0]].dtype
)
_EXTREMUM = Attribute("operands", ("alike", "constant second"), _operands)

# What rules do not allow.
_REFUSED = {
    ("CONV_2D (int16)", "groups", "more"),
    ("LEAKY_RELU (int16)", "alpha", "below 0"),
}

_CHOSEN = _given_constant("third operand", 2)

ATTRIBUTES: Mapping[str, tuple[Attribute, ...]] = {
    "ABS": (),
    "ADD": (_FUSED, _OPERANDS),
    "ARG_MAX": (_axis_constant(1), _INDICES),
    "ARG_MIN": (_axis_constant(1), _INDICES),
    "ASSIGN_VARIABLE": (),
    "AVERAGE_POOL_2D": (_FUSED, _PADDING, _STRIDE, _WINDOW),
    "BATCH_MATMUL": (
        _option("AdjX", "first turned", "no", "yes"),
        _option("AdjY", "second turned", "no", "yes"),
        _given_constant("second operand", 1),
    ),
    "BROADCAST_TO": (),
    "CONCATENATION": (
        _AXIS,
        Attribute("inputs", ("1", "more"), lambda op, _: "1" if len(op.inputs) == 1 else "more"),
    ),
    "CONV_2D": (
        *(_FUSED, _PADDING, _STRIDE, _DILATION, _scales(1)),
        Attribute("groups", ("1", "more"), _groups),
    ),
    "DEPTHWISE_CONV_2D": (
        *(_FUSED, _PADDING, _STRIDE, _DILATION, _scales(1), _given("bias", 2)),
        Attribute("multiplier", ("1", "more"), _multiplier),
    ),
    "DEPTH_TO_SPACE": (_option("BlockSize", "block", "2", "3", first=2),),
    "DIV": (_FUSED, _given_constant("divisor", 1)),
    "EQUAL": (_OPERANDS,),
    "EXP": (),
    "EXPAND_DIMS": (_axis_constant(1),),
    "FULLY_CONNECTED": (
        *(_FUSED, _scales(1), _given("bias", 2)),
        _option("KeepNumDims", "keeps dimensions", "no", "yes"),
    ),
    "GATHER": (
        _AXIS,
        Attribute(
            "indices", ("a list", "a number"),
            lambda op, file: "a list" if file.tensors[op.inputs[1]].shape else "a number",
        ),
    ),
    "GELU": (_option("Approximate", "approximate", "no", "yes"),),
    "GREATER": (_OPERANDS,),
    "GREATER_EQUAL": (_OPERANDS,),
    "HARD_SWISH": (),
    "L2_NORMALIZATION": (),
    "LEAKY_RELU": (
        Attribute(
            "alpha", ("below 0", "0 to 1", "above 1"),
            lambda op, _: "below 0" if (a := op.options["Alpha"]) < 0 else "0 to 1" if a <= 1
            else "above 1",
        ),
    ),
    "LESS": (_OPERANDS,),
    "LESS_EQUAL": (_OPERANDS,),
    "LOG": (),
    "LOGICAL_AND": (),
    "LOGICAL_NOT": (),
    "LOGICAL_OR": (),
    "LOGISTIC": (),
    "LOG_SOFTMAX": (),
    "MAXIMUM": (_EXTREMUM,),
    "MAX_POOL_2D": (_FUSED, _PADDING, _STRIDE, _WINDOW),
    "MEAN": (_KEEP, _axis_constant(1)),
    "MINIMUM": (_EXTREMUM,),
    "MIRROR_PAD": (_option("Mode", "mode", "REFLECT", "SYMMETRIC"),),
    "MUL": (_FUSED, _OPERANDS),
    "NEG": (),
    "NOT_EQUAL": (_OPERANDS,),
    "PACK": (_AXIS,),
    "PAD": (Attribute("padded", ("edges", "channels too"), _padded),),
    "PADV2": (Attribute("padded", ("edges", "channels too"), _padded),),
    "PRELU": (),
    "QUANTIZE": (),
    "READ_VARIABLE": (),
    "REDUCE_MAX": (_KEEP, _axis_constant(1)),
    "REDUCE_MIN": (_KEEP, _axis_constant(1)),
    "RELU": (),
    "RELU6": (),
    "RELU_0_TO_1": (),
    "RELU_N1_TO_1": (),
    "RESHAPE": (
        Attribute(
            "shape", ("constant", "computed"),
            lambda op, file: "constant" if file.tensors[op.inputs[1]].data is not None
            else "computed",
        ),
    ),
    "RESIZE_BILINEAR": _RESIZED,
    "RESIZE_NEAREST_NEIGHBOR": _RESIZED,
    "REVERSE_V2": (_axis_constant(1),),
    "RSQRT": (),
    "SELECT": (_CHOSEN,),
    "SELECT_V2": (_CHOSEN,),
    "SLICE": (
        Attribute(
            "sizes", ("numbers", "the rest"),
            lambda op, file: "the rest" if _constant(2)(op, file) == "from behind" else "numbers",
        ),
    ),
    "SOFTMAX": (
        Attribute(
            "beta", ("1", "other"), lambda op, _: "1" if op.options["Beta"] == 1 else "other"
        ),
    ),
    "SPACE_TO_DEPTH": (_option("BlockSize", "block", "2", "3", first=2),),
    "SPLIT": (_axis_constant(0),),
    "SPLIT_V": (_axis_constant(2),),
    "SQRT": (),
    "SQUARED_DIFFERENCE": (_OPERANDS,),
    "SQUEEZE": (),
    "STRIDED_SLICE": (
        *(_mask("BeginMask", "mask of begins"), _mask("EndMask", "mask of ends")),
        _mask("ShrinkAxisMask", "mask of single elements"),
        Attribute("strides", ("from the front", "from behind"), _constant(3)),
    ),
    "SUB": (_FUSED, _OPERANDS),
    "SUM": (_KEEP, _axis_constant(1)),
    "SVDF": (),
    "TANH": (),
    "TILE": (),
    "TRANSPOSE": (),
    "TRANSPOSE_CONV": (_FUSED, _PADDING, _STRIDE, _scales(1), _given("bias", 3)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (),
    "UNPACK": (_AXIS,),
}  # fmt: skip


class CoverageTable:
    """Counts what was seen, graph by graph; operators of int16 and of float32 by themselves."""

    def __init__(self) -> None:
        self.graphs: Counter[str] = Counter()
        self._seen: Counter[tuple[str, str, str]] = Counter()

    def add(self, model: bytes) -> None:
        """Counts a graph's operators."""
        file = parse_tflite(model)
        activations = {*file.inputs, *(t for op in file.operators for t in op.outputs)}
        found = set()
        for op in file.operators:
            tensors = [file.tensors[t] for t in (*op.inputs, *op.outputs) if t >= 0]
            dtype = activation_type(tensors)
            if any(tensor.dtype == "float32" for tensor in tensors):
                found.add(_row(op.builtin, "float32"))
                continue
            row = _row(op.builtin, dtype)
            found.add(row)
            if not any(file.tensors[t].dtype == dtype for t in op.inputs if t in activations):
                continue  # arithmetic of shapes
            for attribute in ATTRIBUTES.get(op.builtin, ()):
                self._seen[row, attribute.name, attribute.look(op, file)] += 1
        self.graphs.update(found)

    def list_counts(self) -> dict[str, object]:
        """All counts, for JSON."""
        return {"graphs": self.graphs, "seen": [[*key, n] for key, n in self._seen.items()]}

    def add_counts(self, counts: Mapping[str, Any]) -> None:
        """Adds what `list_counts` told."""
        self.graphs.update(counts["graphs"])
        for *key, n in counts["seen"]:
            self._seen[tuple(key)] += n

    def list_unseen(self) -> Iterator[str]:
        """What is in ATTRIBUTES and was in no graph."""
        for row, builtin in _list_rows():
            if not self.graphs[row]:
                yield row
                continue
            for attribute, value in _list_values(row, builtin):
                if not self._seen[row, attribute.name, value]:
                    yield f"{row}: {attribute.name} {value}"

    def format(self) -> str:
        """The table, in Markdown."""
        lines = [
            "| operator | graphs | attributes: operators that had each |",
            "|---|---|---|",
        ]
        for row, builtin in _list_rows():
            cells: dict[str, list[str]] = {}
            for attribute, value in _list_values(row, builtin):
                count = f"{value} {self._seen[row, attribute.name, value]:,}"
                cells.setdefault(attribute.name, []).append(count)
            text = "; ".join(f"{name}: {', '.join(counts)}" for name, counts in cells.items())
            lines.append(f"| {row} | {self.graphs[row]:,} | {text} |")
        reals = sorted(row for row in self.graphs if row.endswith("(float32)"))
        lines += [f"| {row} | {self.graphs[row]:,} | |" for row in reals]
        return "\n".join(lines)


def _row(builtin: str, dtype: str) -> str:
    return builtin if dtype == "int8" else f"{builtin} ({dtype})"


def _list_rows() -> Iterator[tuple[str, str]]:
    """Rows of the table, and their operators."""
    rows = [(_row(builtin, "int8"), builtin) for builtin in OPS]
    yield from sorted([*rows, *((_row(builtin, "int16"), builtin) for builtin in WIDE_OPS)])


def _list_values(row: str, builtin: str) -> Iterator[tuple[Attribute, str]]:
    """Values of attributes that an operator of this type may have."""
    for attribute in ATTRIBUTES[builtin]:
        for value in attribute.values:
            if (row, attribute.name, value) not in _REFUSED:
                yield attribute, value
