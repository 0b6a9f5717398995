"""The ONNX operators that can be read and those that cannot, in the words of their functions."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

import tinydeploy.quantize.onnx_ops  # noqa: F401 - fills the registry
from tinydeploy.quantize.onnx_constants import FOLDED
from tinydeploy.quantize.onnx_reader import NODE_READERS
from tinydeploy.quantize.onnx_refused import ADVICE


@dataclass(frozen=True)
class OnnxRule:
    """Operators that one function reads.

    Args:
        ops: Their names in ONNX, sorted.
        builtins: The TFLite operators they may become; empty where nothing is computed.
        text: What is read of them, in sentences.
    """

    ops: tuple[str, ...]
    builtins: tuple[str, ...]
    text: str


def list_onnx_rules() -> tuple[OnnxRule, ...]:
    """The operators that can be read, in the order of their names."""
    together: dict[int, list[str]] = {}
    for op in sorted(NODE_READERS):
        together.setdefault(id(NODE_READERS[op]), []).append(op)
    rules = []
    for ops in together.values():
        entry = NODE_READERS[ops[0]]
        text = " ".join((inspect.getdoc(entry.read) or "").split())
        rules.append(OnnxRule(tuple(ops), entry.builtins, text))
    return tuple(rules)


def format_onnx_rules() -> str:
    """Writes docs/onnx.md."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield from _INTRODUCTION.splitlines()
    yield ""
    yield "| ONNX | becomes | |"
    yield "|---|---|---|"
    for rule in list_onnx_rules():
        yield f"| {', '.join(rule.ops)} | {', '.join(rule.builtins) or '-'} | {rule.text} |"
    yield ""
    yield "On constants alone, also: " + ", ".join(sorted(FOLDED - set(NODE_READERS))) + "."
    yield ""
    yield "## Not supported"
    yield ""
    yield "| ONNX | instead |"
    yield "|---|---|"
    by_advice: dict[str, list[str]] = {}
    for op in sorted(ADVICE):
        by_advice.setdefault(ADVICE[op], []).append(op)
    for advice, ops in by_advice.items():
        yield f"| {', '.join(ops)} | {advice} |"


_INTRODUCTION = """\
# ONNX operators

These become int8 TFLite operators (their rules: operators.md), for opsets 11 to 20. One input, any
number of outputs. All nodes that cannot be read are named at once, with their shapes and advice.
This page is what `tinydeploy ops --onnx --markdown` writes.

* **Axes**: ONNX has [N, C, H, W], TFLite [N, H, W, C]; [N, C, L] is stored as a picture of height
  1. Reshape, Transpose, Flatten, Squeeze and Unsqueeze move nothing by themselves: an operator that
  needs another order than the stored one gets a TRANSPOSE, or a GATHER where channels alone change
  places. A plain CNN has none.
* **Outputs** come as they are stored, with a batch of 1: [N, C, H, W] as [N, H, W, C], [N, C, L] as
  [N, L, C]. A Transpose at the end only changes what ONNX calls the axes. Where several axes were
  flattened into one, the elements are in ONNX's order.
* **Constants**: whatever is computed from constants and shapes alone is folded.
* **Several nodes that are one function** of their input are read as that: HardSwish, GELU by Erf or
  Tanh, LeakyRelu by Max, however they are written. x * Sigmoid(x), SiLU, is LOGISTIC and MUL.
* **Bounds** (Relu, Clip, HardSigmoid) go into the operator in front. Where that has no fused
  activation function for them, and int8 does not saturate there anyway, they are MAXIMUM, MINIMUM.
* **Equal scales**: CONCATENATION, MAXIMUM, MINIMUM, pools and whatever moves elements have one
  quantization at all ends. Tensors whose quantization is fixed (the input, LOGISTIC, TANH, SOFTMAX)
  get a QUANTIZE in front of those that join them.
* **QDQ files** (onnxruntime's `quantize_static`) keep their own scales and need no calibration
  data. Activations are int8 or uint8, one scale per tensor; weights int8, symmetric, one scale or
  one per output. Other weights are rounded anew, with the least scales that reach them. LiteRT and
  onnxruntime round differently here and there: `tests/quantize/test_quantize_qdq.py` holds that of
  a small net's outputs more than half are the same, more than 99 % within one step, none beyond
  two. What is deployed is bit-exact to LiteRT, as always."""
