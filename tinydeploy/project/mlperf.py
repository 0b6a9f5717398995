"""MLPerf Tiny's four tasks: what each model must be like, and what its runner sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tinydeploy.errors import UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.plan import InputForm

Form = Literal["pixels", "int8", "floats"]

# By shapes of input and output; mlcommons/tiny, benchmark/api and the datasets of the runner.
_TASKS: Final[dict[tuple[tuple[int, ...], tuple[int, ...]], tuple[str, Form]]] = {
    ((1, 96, 96, 3), (1, 2)): ("vww01", "pixels"),
    ((1, 32, 32, 3), (1, 10)): ("ic01", "pixels"),
    ((1, 49, 10, 1), (1, 12)): ("kws01", "int8"),
    ((1, 640), (1, 640)): ("ad01", "floats"),
}
_PIXEL_ZERO = -128


@dataclass(frozen=True)
class MlperfTask:
    """What the firmware tells the runner, and what it gets.

    Args:
        model: The runner's name of the task.
        input: Form of the bytes that it sends.
        input_bytes: How many.
    """

    model: str
    input: Form
    input_bytes: int


def find_task(graph: Graph) -> MlperfTask:
    """The task that a model is for, by the shapes of its input and output.

    Raises:
        UsageError: None, or its quantization is none that the runner's inputs can be given to.
    """
    inputs = [graph.tensors[tensor] for tensor in graph.inputs]
    outputs = [graph.tensors[tensor] for tensor in graph.outputs]
    tensors = [*inputs, *outputs]
    shapes = (inputs[0].shape, outputs[0].shape)
    if len(tensors) != 2 or shapes not in _TASKS or any(t.dtype != "int8" for t in tensors):
        known = ", ".join(
            f"{name} {list(taken)} to {list(given)}" for (taken, given), (name, _) in _TASKS.items()
        )
        raise UsageError(
            f"{graph.name} is no model of MLPerf Tiny: it makes {list(shapes[1])} of "
            f"{list(shapes[0])}",
            f"Its tasks, in int8: {known}.",
        )
    model, form = _TASKS[shapes]
    quantization = inputs[0].quantization
    if form == "pixels" and (quantization is None or quantization.zero_point != _PIXEL_ZERO):
        raise UsageError(
            f"{graph.name} does not take pixels minus 128, as MLPerf Tiny's runner sends them",
            "Quantize the model for inputs from 0 on: zero point -128.",
        )
    return MlperfTask(model, form, inputs[0].size * (4 if form == "floats" else 1))


def check_form(form: InputForm) -> None:
    """Raises UsageError where a run would overwrite the input that the runner sends once."""
    if form != "kept":
        raise UsageError(
            f"--firmware mlperf needs --input kept, not {form}",
            "The runner sends an input once for many inferences: nothing may overwrite it.",
        )
