"""Functions of one number that exporters write out: HardSwish, GELU and the like in several nodes.

A node's output that depends on one activation by operators on each element alone is a function of
it, whatever its nodes are. It is evaluated at some places and compared with what TFLite has one
operator for. So every way to write GELU is recognized, with Erf or Tanh, in any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.evaluate_elementwise import evaluate_elementwise
from tinydeploy.quantize.network import Activation
from tinydeploy.quantize.onnx_reader import Node

Numbers = NDArray[np.float64]
Function = Callable[..., Numbers]

# Where functions are compared: with the corners of HardSwish, and far enough for all to be flat.
_PLACES = np.concatenate([np.linspace(-12, 12, 385), [-3.0, 0.0, 3.0]])
_PLACES.setflags(write=False)
_TOLERANCE = 1e-5

# Nodes between a function and what it is a function of: GELU by Tanh has nine.
_MOST_SOURCES = 12

_ERF = np.vectorize(math.erf, otypes=[np.float64])

# Functions of nodes that a decomposition may have; attributes by keyword.
_FUNCTIONS: dict[str, Function] = {
    "Abs": np.abs,
    "Add": np.add,
    "Cast": lambda x, **_: x,
    "Clip": lambda x, low=-np.inf, high=np.inf, **a: np.clip(
        x, a.get("min", low), a.get("max", high)
    ),
    "Div": np.divide,
    "Erf": _ERF,
    "Exp": np.exp,
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: np.clip(alpha * x + beta, 0, 1),
    "Identity": lambda x: x,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Pow": np.power,
    "Reciprocal": np.reciprocal,
    "Relu": lambda x: np.maximum(x, 0),
    "Sigmoid": lambda x: 0.5 * (1 + np.tanh(0.5 * x)),
    "Sqrt": np.sqrt,
    "Sub": np.subtract,
    "Tanh": np.tanh,
}

_KINDS: tuple[Any, ...] = ("HARD_SWISH", "GELU", "GELU_TANH", "LOGISTIC", "TANH")


def find_functions(
    nodes: Sequence[Node], constants: Mapping[str, NDArray[Any]]
) -> dict[str, tuple[str, Activation]]:
    """The tensors that are a known function of another one.

    Args:
        nodes: In order.
        constants: Values known.

    Returns:
        By name the tensor it is a function of, and which; a layer between the ONNX names.
    """
    found: dict[str, tuple[str, Activation]] = {}
    values: dict[str, dict[str, Numbers]] = {}  # tensor -> source -> values at the places
    for node in nodes:
        if node.op not in _FUNCTIONS or len(node.outputs) != 1:
            continue
        operands = [_operand(name, values, constants) for name in node.inputs if name]
        sources = [operand for operand in operands if isinstance(operand, dict)]
        if not sources or None in operands:
            continue
        made = {}
        shared = [s for s in sources[0] if all(s in other for other in sources[1:])]
        for source in shared[-_MOST_SOURCES:]:
            arguments = [o[source] if isinstance(o, dict) else o for o in operands]
            result = _evaluate(node, arguments)
            if result is not None:
                made[source] = result
        for source, result in made.items():
            # One node on the source itself is read as what it is.
            is_single = all(name == source or name in constants for name in node.inputs)
            layer = None if is_single else _recognize(result, source, node.output)
            if layer is not None:
                found[node.output] = source, layer
        values[node.output] = made
    return found


def _operand(
    name: str, values: dict[str, dict[str, Numbers]], constants: Mapping[str, NDArray[Any]]
) -> dict[str, Numbers] | float | None:
    """A number, or an activation's values by what it is a function of; None for other constants."""
    constant = constants.get(name)
    if constant is not None:
        return float(constant.item()) if constant.size == 1 else None
    return {**values.get(name, {}), name: _PLACES}


def _evaluate(node: Node, arguments: list[Any]) -> Numbers | None:
    if len(arguments) > (3 if node.op == "Clip" else 2):  # numpy would write into a third
        return None
    known = {k: v for k, v in node.attributes.items() if k in ("alpha", "beta", "min", "max")}
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(_FUNCTIONS[node.op](*arguments, **known), np.float64)
    except (TypeError, ValueError):  # a damaged file: other inputs or attributes
        return None
    return result if result.shape == _PLACES.shape else None


def _recognize(values: Numbers, source: str, output: str) -> Activation | None:
    """The activation that has these values."""
    candidates = [Activation((source,), output, kind) for kind in _KINDS]
    slope = float(values[0] / _PLACES[0]) if np.isfinite(values[0]) else 0.0
    if 0 < slope < 1:
        candidates.append(Activation((source,), output, "LEAKY_RELU", slope))
    places = _PLACES.astype(np.float32)
    for candidate in candidates:
        wanted = evaluate_elementwise(candidate, [places])
        if np.allclose(values, wanted, rtol=1e-6, atol=_TOLERANCE):
            return candidate
    return None
