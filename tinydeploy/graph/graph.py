"""The graph: what lies at the waist of the hourglass, read from an int8 .tflite file."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.detection.postprocess import Detector
from tinydeploy.detection.spec import DetectionSpec
from tinydeploy.graph.normalization import Normalization
from tinydeploy.graph.op import Op
from tinydeploy.graph.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Graph:
    """Ops in executable order over the tensors of one subgraph.

    Tensor ids are the indices in the .tflite file and keep their meaning through all passes: a pass
    replaces or merges ops and never renumbers or adds tensors. A tensor that no op of `ops` writes
    any more has been fused away. So every stored tensor can be compared with the reference
    interpreter's by its id.

    Args:
        name: C identifier; the prefix of every symbol of the generated model.
        tensors: All tensors, by id.
        ops: In an order in which every op's inputs exist when it runs.
        inputs: Ids of the model's inputs.
        outputs: Ids of the model's outputs.
        labels: Class names from the file's metadata; empty where it has none. A detector's are
            without the background.
        normalization: How pictures become the first input, from there; None where it has none.
        detector: How the outputs become boxes, from there; None where it says nothing of boxes.
    """

    name: str
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    labels: tuple[str, ...] = ()
    normalization: Normalization | None = None
    detector: Detector | None = None

    @property
    def detection(self) -> DetectionSpec | None:
        """What a detector's outputs mean; None where the file has nothing of that."""
        return None if self.detector is None else self.detector.spec

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(op.macs(self) for op in self.ops)

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(op.parameters() for op in self.ops)

    @property
    def state_bytes(self) -> int:
        """Bytes that are kept from one inference to the next, each op's rounded up to words."""
        return sum(round_state(op.state_bytes) for op in self.ops)

    def keeper(self, position: int) -> int:
        """Position of the op whose state the op at a position works with: most often itself."""
        made = self.ops[position].keeper
        found = (k for k, op in enumerate(self.ops) if made in op.outputs)
        return position if made is None else next(found)

    @property
    def stored(self) -> tuple[int, ...]:
        """Ids of the activations that ops write or the model takes in, by first appearance."""
        return tuple(dict.fromkeys((*self.inputs, *(t for op in self.ops for t in op.outputs))))


def round_state(size: int) -> int:
    """Bytes that the state of an op occupies: whole words."""
    return -(-size // 4) * 4
