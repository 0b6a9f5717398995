"""Variables of a model (VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, CALL_ONCE) as a flow of data.

In the file, operators name a variable by a handle, and may read and assign it in any order. What
counts from one inference to the next is what the first reading finds and what the last assignment
leaves. These two become a ReadVariable and an AssignVariable; whatever else is read is known
already, and becomes another name of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InputFileError, UnsupportedModelError
from tinydeploy.graph.tensor import Tensor
from tinydeploy.graph.tflite_file import Operator, Subgraph, TfliteFile

VARIABLE_OPERATORS = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")
_ADVICE = (
    "Let the model initialize each variable once with constants, and read and assign it in its main"
    " graph."
)
_GONE = Operator("", "", (), (), {})

Name = tuple[object, object]
"""Container and name of a variable."""


@dataclass
class _Use:
    """What has happened to a variable so far.

    Args:
        initial: Its first values.
        reading: The operator that reads what the last inference left, if there is one.
        value: Tensor that has the variable's present values; None before it is read or assigned.
        assigned: The last operator that assigns it.
    """

    initial: Tensor
    reading: int | None = None
    value: int | None = None
    assigned: int | None = None


@dataclass
class _Walk:
    """The file as it becomes, operator by operator."""

    file: TfliteFile
    operators: list[Operator]
    tensors: list[Tensor]
    uses: dict[Name, _Use] = field(default_factory=dict)

    def add(self, tensor: Tensor) -> int:
        """A tensor behind those of the file."""
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def use(self, names: Mapping[int, Name], index: int) -> _Use:
        """The variable that an operator reads or assigns."""
        operator = self.operators[index]
        label = f"{operator.builtin} (operator {index})"
        name = names.get(operator.inputs[0]) if operator.inputs else None
        if name is None:
            raise InputFileError(f"{label} has no variable's handle", "Export the model again.")
        if name not in self.uses:
            raise UnsupportedModelError(
                f"{label} uses the variable {_text(name)}, which nothing has initialized before",
                _ADVICE,
            )
        return self.uses[name]


def join_variables(file: TfliteFile) -> TfliteFile:
    """The file with its variables as operators whose inputs and outputs are tensors of values.

    READ_VARIABLE has the initial values as its input, a constant behind the file's own tensors.
    ASSIGN_VARIABLE has the new values and those that were read; its output is the handle, now a
    tensor of one element that nobody reads. Operators that have become superfluous have no output.

    Args:
        file: Any file; its operators are not trusted.

    Raises:
        UnsupportedModelError: A variable is initialized with something else than constants, or used
            before.
    """
    if not any(operator.builtin in VARIABLE_OPERATORS for operator in file.operators):
        return file
    walk = _Walk(file, list(file.operators), list(file.tensors))
    names = _handles(file.operators)
    _check_handles(file, names)
    for index, operator in enumerate(file.operators):
        if operator.builtin == "CALL_ONCE":
            for name, values in _initial_values(file, index).items():
                walk.uses.setdefault(name, _Use(values))
        elif operator.builtin == "READ_VARIABLE":
            _read(walk, index, walk.use(names, index))
        elif operator.builtin == "ASSIGN_VARIABLE":
            _assign(walk, index, walk.use(names, index))
        if operator.builtin in ("CALL_ONCE", "VAR_HANDLE"):
            walk.operators[index] = _GONE
    kept = [made for use in walk.uses.values() if (made := _keep(walk, use)) is not None]
    return replace(
        file, operators=tuple(walk.operators), tensors=tuple(walk.tensors), kept=tuple(kept)
    )


def _handles(operators: tuple[Operator, ...]) -> dict[int, Name]:
    """Which variable each handle stands for."""
    return {
        operator.outputs[0]: (operator.options.get("Container"), operator.options.get("SharedName"))
        for operator in operators
        if operator.builtin == "VAR_HANDLE"
    }


def _check_handles(file: TfliteFile, names: Mapping[int, Name]) -> None:
    """Handles are for operators of variables alone."""
    others = [o for o in file.operators if o.builtin not in VARIABLE_OPERATORS]
    ends = {*file.inputs, *file.outputs, *(t for o in others for t in (*o.inputs, *o.outputs))}
    values = {t for o in file.operators if o.builtin == "ASSIGN_VARIABLE" for t in o.inputs[1:]}
    read = {t for o in file.operators if o.builtin == "READ_VARIABLE" for t in o.outputs}
    if not names.keys().isdisjoint(ends | values | read):
        raise InputFileError(
            "a variable's handle is used as if it were an activation", "Export the model again."
        )


def _initial_values(file: TfliteFile, index: int) -> dict[Name, Tensor]:
    """What the graph that a CALL_ONCE runs gives to variables."""
    number = int(file.operators[index].options.get("InitSubgraphIndex", 0))
    if not 1 <= number <= len(file.others):
        raise InputFileError(
            f"CALL_ONCE (operator {index}) runs graph {number} of {1 + len(file.others)}",
            "Export the model again.",
        )
    graph: Subgraph = file.others[number - 1]
    names = _handles(graph.operators)
    found: dict[Name, Tensor] = {}
    for operator in graph.operators:
        if operator.builtin == "VAR_HANDLE":
            continue
        constant = operator.builtin == "ASSIGN_VARIABLE" and len(operator.inputs) == 2
        name = names.get(operator.inputs[0]) if constant else None
        value = operator.inputs[1] if constant else -1
        if name is None or value < 0 or graph.tensors[value].data is None:
            raise UnsupportedModelError(
                f"the graph that CALL_ONCE (operator {index}) runs does more than assign constants"
                f" to variables: {operator.builtin}",
                _ADVICE,
            )
        found[name] = graph.tensors[value]
    return found


def _read(walk: _Walk, index: int, use: _Use) -> None:
    """Reads what the last inference left, or gives another name to what is known by now."""
    operator = walk.operators[index]
    if use.value is None:
        use.reading, use.value = index, operator.outputs[0]
        inputs = (walk.add(use.initial),)
        walk.operators[index] = replace(operator, inputs=inputs)
    else:
        walk.operators[index] = replace(operator, builtin="RESHAPE", inputs=(use.value,))


def _assign(walk: _Walk, index: int, use: _Use) -> None:
    """Notes the value; the operator itself is gone unless it turns out to be the last."""
    inputs = walk.operators[index].inputs
    if len(inputs) != 2 or inputs[1] < 0:
        raise InputFileError(
            f"ASSIGN_VARIABLE (operator {index}) has no value to assign", "Export the model again."
        )
    use.value, use.assigned = inputs[1], index
    walk.operators[index] = _GONE


def _keep(walk: _Walk, use: _Use) -> int | None:
    """Puts the last assignment back where a later inference reads it; the tensor that it makes."""
    if use.reading is None or use.assigned is None or use.value is None:
        return None
    (read,) = walk.operators[use.reading].outputs[:1]
    if use.value == read:
        return None
    value = walk.tensors[use.value]
    operator = walk.file.operators[use.assigned]
    made = operator.inputs[0]
    walk.tensors[made] = replace(
        walk.tensors[made], shape=(1,), dtype=value.dtype, quantization=value.quantization
    )
    walk.operators[use.assigned] = replace(operator, inputs=(use.value, read), outputs=(made,))
    return made


def initial_bytes(values: Tensor) -> NDArray[np.int8]:
    """The bytes of a variable's first values."""
    assert values.data is not None  # what CALL_ONCE assigns is constant
    return np.ascontiguousarray(values.data).reshape(-1).view(np.int8)


def _text(name: Name) -> str:
    text = name[1]
    return repr(text.decode("utf-8", "replace") if isinstance(text, bytes) else "")
