"""ONNX models of the operators that move elements, and of Resize."""

from __future__ import annotations

import numpy as np
from onnx_case import SEQUENCE, VECTOR, Case, chain, ints, node, one, resize, resize_to, weights

MOVES = {
    "concat": chain(node("Tanh", "x", "t"), node("Concat", "x t", "y", axis=1)),
    "concat of convolutions": chain(
        node("Conv", "x w", "a"),
        node("Relu", "a", "r"),
        node("Conv", "x v", "b"),
        node("Concat", "r b", "y", axis=1),
        constants={"w": weights(3, 4, 1, 1), "v": weights(2, 4, 1, 1)},
    ),
    "concat rows": chain(node("Relu", "x", "t"), node("Concat", "x t x", "y", axis=-2)),
    "concat vectors": chain(
        node("Relu", "x", "t"), node("Concat", "x t", "y", axis=1), shape=VECTOR
    ),
    "split": Case(
        (node("Split", "x s", "a b", axis=1), node("Relu", "a", "y")),
        {"s": ints(1, 3)},
        outputs=("y", "b"),
    ),
    "split evenly": Case(
        (node("Split", "x", "a b", axis=1), node("Add", "a b", "y")), {}, opset=12
    ),
    "split opset 18": Case(
        (node("Split", "x", "a b c", axis=3, num_outputs=3), node("Relu", "c", "y")),
        {},
        opset=18,
        outputs=("y", "b"),
    ),
    "slice": one("Slice", "x s e a", {"s": ints(1, 0), "e": ints(4, -1), "a": ints(1, 3)}),
    "slice steps": one(
        "Slice",
        "x s e a t",
        {"s": ints(-1, 0), "e": ints(-99, 99), "a": ints(2, 3), "t": ints(-1, 2)},
    ),
    "gather": one("Gather", "x i", {"i": ints(3, 0, -1, 0)}, axis=1),
    "gather one": one("Gather", "x i", {"i": np.int64(2)}, axis=1),
    "gather rows": one("Gather", "x i", {"i": ints(5, 1)}, axis=2),
    "pad": one("Pad", "x p", {"p": ints(0, 0, 1, 2, 0, 0, 0, 1)}),
    "pad channels": one("Pad", "x p v", {"p": ints(0, 1, 0, 0, 0, 2, 0, 0), "v": np.float32(0.5)}),
    "pad and crop": one("Pad", "x p", {"p": ints(0, 0, -1, 2, 0, 0, 0, -3)}),
    "pad reflect": one("Pad", "x p", {"p": ints(0, 0, 1, 2, 0, 0, 3, 1)}, mode="reflect"),
    "pad edge": one("Pad", "x p", {"p": ints(0, 0, 1, 2, 0, 0, 0, 1)}, mode="edge"),
    "pad wrap": one("Pad", "x p", {"p": ints(0, 0, 1, 2, 0, 0, 0, 1)}, mode="wrap", opset=19),
    "pad axes": one("Pad", "x p - a", {"p": ints(1, 2), "a": ints(-1)}, opset=18),
    "transpose": chain(
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t w", "y"),
        constants={"w": weights(3, 7, 3, 3)},
    ),
    "transpose at the end": chain(
        node("Relu", "x", "r"), node("Transpose", "r", "y", perm=[0, 3, 1, 2])
    ),
    "transpose there and back": chain(
        node("Transpose", "x", "t", perm=[0, 2, 3, 1]),
        node("Relu", "t", "r"),
        node("Transpose", "r", "y", perm=[0, 3, 1, 2]),
    ),
    "reshape": one("Reshape", "x s", {"s": ints(1, 2, 12, 7)}),
    "reshape across": one("Reshape", "x s", {"s": ints(0, 8, 21)}),
    "flatten": one("Flatten"),
    "squeeze": chain(
        node("GlobalAveragePool", "x", "p"),
        node("Squeeze", "p a", "s"),
        node("Unsqueeze", "s b", "y"),
        constants={"a": ints(2, 3), "b": ints(1)},
    ),
    "channel shuffle": chain(
        node("Reshape", "x a", "r"),
        node("Transpose", "r", "t", perm=[0, 2, 1, 3, 4]),
        node("Reshape", "t b", "y"),
        constants={"a": ints(-1, 2, 2, 6, 7), "b": ints(-1, 4, 6, 7)},
    ),
    "channel shuffle and split": Case(
        (
            node("Relu", "x", "v"),
            node("Reshape", "v a", "r"),
            node("Transpose", "r", "t", perm=[0, 2, 1, 3, 4]),
            node("Reshape", "t b", "u"),
            node("Split", "u", "p q", axis=1),
            node("Add", "p q", "y"),
        ),
        {"a": ints(-1, 2, 2, 6, 7), "b": ints(-1, 4, 6, 7)},
        opset=12,
    ),
    "depth to space": one("DepthToSpace", blocksize=2),
    "pixel shuffle": one("DepthToSpace", blocksize=2, mode="CRD"),
    "space to depth": one("SpaceToDepth", blocksize=2, shape=(1, 2, 4, 6)),
    "softmax": one("Softmax", axis=1),
    "softmax of a vector": one("Softmax", shape=VECTOR),
    "softmax of rows": one("Softmax", axis=2),
    "softmax opset 11": one("Softmax", shape=VECTOR, opset=11),
    "softmax of a picture opset 11": one("Softmax", opset=11, snr=15),
    "identity": chain(
        node("Identity", "x", "i"),
        node("Dropout", "i", "d"),
        node("Cast", "d", "c", to=1),
        node("Relu", "c", "y"),
    ),
    "detection head": chain(
        node("Transpose", "x", "t", perm=[0, 2, 3, 1]),
        node("Reshape", "t s", "r"),
        node("Softmax", "r", "y", axis=2),
        constants={"s": ints(0, -1, 2)},
    ),
}

RESIZES = {
    "nearest": resize(
        mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    ),
    "nearest default": resize(mode="nearest"),
    "nearest half": resize((1, 1, 0.5, 0.5), mode="nearest", shape=(1, 4, 6, 8)),
    "nearest odd": resize_to(
        (1, 4, 9, 5), mode="nearest", coordinate_transformation_mode="half_pixel"
    ),
    "nearest aligned": resize_to(
        (1, 4, 11, 13),
        mode="nearest",
        coordinate_transformation_mode="align_corners",
        nearest_mode="round_prefer_ceil",
    ),
    "nearest up": resize_to(
        (1, 4, 10, 10),
        mode="nearest",
        nearest_mode="ceil",
        coordinate_transformation_mode="asymmetric",
    ),
    "nearest 1-D": resize(
        (1, 1, 3),
        SEQUENCE,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    ),
    "linear": resize(mode="linear"),
    "linear torch": resize(mode="linear", coordinate_transformation_mode="pytorch_half_pixel"),
    "linear aligned": resize(mode="linear", coordinate_transformation_mode="align_corners"),
    "linear asymmetric": resize(mode="linear", coordinate_transformation_mode="asymmetric"),
    "linear down": resize_to((1, 4, 3, 4), mode="linear"),
    "linear 1-D": resize((1, 1, 2), SEQUENCE, mode="linear"),
}
