"""Small ONNX models, one or several per operator: what every test of the operators runs over."""

from __future__ import annotations

import numpy as np
from onnx_case import SEQUENCE, VECTOR, chain, conv, floats, ints, node, one, transposed, weights
from onnx_move_cases import MOVES, RESIZES

_BN = {"g": weights(4), "b": weights(4), "m": weights(4), "v": weights(4) ** 2 + floats(0.3)}
_SQUEEZE = {"w": weights(3, 4, 1, 1), "u": weights(4, 3, 1, 1)}

CONVOLUTIONS = {
    "conv": conv(),
    "conv same": conv(auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv same lower": conv(auto_pad="SAME_LOWER", strides=[2, 1]),
    "conv valid": conv(auto_pad="VALID"),
    "conv pads": conv(pads=[1, 0, 2, 3], strides=[2, 1]),
    "conv dilated": conv(pads=[2, 2, 2, 2], dilations=[2, 2]),
    "conv grouped": conv((6, 2, 3, 3), group=2),
    "conv depthwise": conv((8, 1, 3, 3), group=4, pads=[1, 1, 1, 1]),
    "conv no bias": one("Conv", "x w", {"w": weights(5, 4, 2, 3)}),
    "conv 1-D": conv((5, 4, 3), SEQUENCE, pads=[1, 1], strides=[2]),
    "conv 1-D depthwise": conv((4, 1, 3), SEQUENCE, group=4, dilations=[2], pads=[2, 1]),
    "transposed": transposed(),
    "transposed stride": transposed((4, 3, 2, 2), strides=[2, 2]),
    "transposed same": transposed((4, 3, 4, 4), strides=[2, 2], pads=[1, 1, 1, 1]),
    "transposed output padding": transposed(
        strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]
    ),
    "transposed crop": transposed((4, 3, 5, 3), strides=[3, 2], pads=[2, 0, 1, 1]),
    "transposed grouped": transposed((4, 2, 3, 3), group=2, strides=[2, 1]),
    "transposed depthwise": transposed((4, 1, 3, 3), group=4, strides=[2, 2]),
    "transposed dilated": transposed((4, 3, 2, 2), dilations=[2, 1], pads=[1, 0, 1, 0]),
    "transposed more at the end": transposed((4, 3, 2, 2), strides=[3, 3], output_padding=[1, 2]),
    "transposed auto_pad": transposed(strides=[2, 2], auto_pad="SAME_UPPER"),
    "transposed 1-D": transposed((4, 3, 3), SEQUENCE, strides=[2]),
    "transposed relu": chain(
        node("ConvTranspose", "x w", "c", strides=[2, 2]),
        node("Relu", "c", "y"),
        constants={"w": weights(4, 3, 2, 2)},
    ),
    "batch normalization": one("BatchNormalization", "x g b m v", _BN),
    "batch normalization behind relu": chain(
        node("Conv", "x w", "c"),
        node("Relu", "c", "r"),
        node("BatchNormalization", "r g b m v", "y"),
        constants={"w": weights(4, 4, 3, 3), **_BN},
    ),
    "batch normalization of a vector": one("BatchNormalization", "x g b m v", _BN, shape=(1, 4)),
    "batch normalization of a flat picture": chain(
        node("Flatten", "x", "f"),
        node("BatchNormalization", "f g b m v", "n"),
        node("Gemm", "n w", "y"),
        shape=(1, 2, 2, 1),
        constants={"w": weights(4, 3), **_BN},
    ),
    "batch normalization 1-D": one("BatchNormalization", "x g b m v", _BN, shape=SEQUENCE),
}

LINEAR = {
    "gemm": one("Gemm", "x w b", {"w": weights(12, 5), "b": weights(5)}, shape=VECTOR),
    "gemm turned": one(
        "Gemm",
        "x w b",
        {"w": weights(5, 12), "b": weights(1)},
        shape=VECTOR,
        transB=1,
        alpha=0.5,
        beta=2.0,
    ),
    "matmul": one("MatMul", "x w", {"w": weights(12, 5)}, shape=VECTOR),
    "matmul of a sequence": one("MatMul", "x w", {"w": weights(9, 5)}, shape=SEQUENCE),
    "matmul of channels": chain(
        node("Transpose", "x", "t", perm=[0, 2, 1]),
        node("MatMul", "t w", "m"),
        node("Add", "m b", "y"),
        constants={"w": weights(4, 5), "b": weights(5)},
        shape=SEQUENCE,
    ),
    "matmul of a picture": one("MatMul", "x w", {"w": weights(7, 5)}),
    "flatten gemm": chain(
        node("Flatten", "x", "f"),
        node("Gemm", "f w", "y"),
        constants={"w": weights(168, 5)},
    ),
    "flatten relu gemm": chain(
        node("Flatten", "x", "f"),
        node("Relu", "f", "r"),
        node("Gemm", "r w", "y"),
        constants={"w": weights(168, 5)},
    ),
    "flat channels last": chain(
        node("Transpose", "x", "t", perm=[0, 2, 3, 1]),
        node("Reshape", "t s", "f"),
        node("Gemm", "f w", "y"),
        constants={"w": weights(168, 5), "s": ints(-1, 168)},
    ),
}

ELEMENTWISE = {
    "relu": one("Relu"),
    "clip": one("Clip", "x a b", {"a": np.float32(-0.5), "b": np.float32(1.25)}),
    "clip below": one("Clip", "x a", {"a": np.float32(-0.5)}),
    "relu6": chain(
        node("Conv", "x w", "c"),
        node("Clip", "c a b", "y"),
        constants={"w": weights(4, 4, 3, 3), "a": np.float32(0), "b": np.float32(6)},
    ),
    "leaky relu": one("LeakyRelu", alpha=0.2),
    "prelu": one("PRelu", "x s", {"s": weights(4, 1, 1)}),
    "prelu one slope": one("PRelu", "x s", {"s": floats(0.25)}),
    "prelu of a vector": one("PRelu", "x s", {"s": weights(12)}, shape=VECTOR),
    "hard sigmoid": one("HardSigmoid", alpha=0.3, beta=0.4),
    "hard sigmoid of a vector": one("HardSigmoid", shape=VECTOR),
    "hard swish": one("HardSwish"),
    "sigmoid": one("Sigmoid"),
    "tanh": one("Tanh"),
    "abs": one("Abs"),
    "exp": one("Exp"),
    "neg": one("Neg"),
    "gelu": one("Gelu", opset=20),
    "gelu tanh": one("Gelu", opset=20, approximate="tanh"),
    "gelu written out": chain(
        node("Div", "x r", "d"),
        node("Erf", "d", "e"),
        node("Add", "e one", "a"),
        node("Mul", "x a", "m"),
        node("Mul", "m half", "y"),
        constants={
            "r": np.float32(2**0.5),
            "one": np.float32(1),
            "half": np.float32(0.5),
        },
    ),
    "gelu tanh written out": chain(
        node("Pow", "x three", "p"),
        node("Mul", "p c", "q"),
        node("Add", "x q", "s"),
        node("Mul", "s r", "u"),
        node("Tanh", "u", "t"),
        node("Add", "t one", "a"),
        node("Mul", "half x", "h"),
        node("Mul", "h a", "y"),
        constants={
            "three": np.float32(3),
            "c": np.float32(0.044715),
            "r": np.float32((2 / np.pi) ** 0.5),
            "one": np.float32(1),
            "half": np.float32(0.5),
        },
    ),
    "hard swish by clip": chain(
        node("Conv", "x w", "v"),
        node("Add", "v three", "a"),
        node("Clip", "a zero six", "c"),
        node("Mul", "v c", "m"),
        node("Div", "m six", "y"),
        constants={
            "w": weights(3, 4, 1, 1),
            "zero": np.float32(0),
            "three": np.float32(3),
            "six": np.float32(6),
        },
    ),
    "hard swish by hard sigmoid": chain(
        node("HardSigmoid", "x", "h", alpha=1 / 6, beta=0.5), node("Mul", "h x", "y")
    ),
    "leaky relu by max": chain(
        node("Mul", "x c", "s"), node("Max", "x s", "y"), constants={"c": np.float32(0.125)}
    ),
    "silu": chain(node("Sigmoid", "x", "s"), node("Mul", "x s", "y")),
    "add": chain(node("Tanh", "x", "t"), node("Add", "x t", "y")),
    "add relu": chain(node("Tanh", "x", "t"), node("Add", "x t", "a"), node("Relu", "a", "y")),
    "add itself": one("Add", "x x"),
    "add channels": one("Add", "x c", {"c": weights(1, 4, 1, 1)}),
    "add number": one("Add", "c x", {"c": floats(0.75)}),
    "add pixels": one("Add", "x c", {"c": weights(6, 7)}),
    "add everything": one("Add", "x c", {"c": weights(4, 6, 7)}),
    "sub": chain(node("Tanh", "x", "t"), node("Sub", "x t", "y")),
    "sub constant": one("Sub", "x c", {"c": weights(4, 1, 1)}),
    "sub from constant": one("Sub", "c x", {"c": weights(4, 1, 1)}),
    "sub from pixels": one("Sub", "c x", {"c": weights(6, 1)}),
    "mul": chain(node("Tanh", "x", "t"), node("Mul", "x t", "y")),
    "mul channels": one("Mul", "x c", {"c": weights(4, 1, 1)}),
    "mul pixels": one("Mul", "x c", {"c": weights(1, 1, 6, 7)}),
    "div": one("Div", "x c", {"c": np.abs(weights(4, 1, 1)) + np.float32(0.5)}),
    "square": one("Pow", "x e", {"e": np.float32(2)}),
    "max": chain(node("Tanh", "x", "t"), node("Max", "x t", "y")),
    "min": chain(node("Neg", "x", "t"), node("Min", "x t", "y")),
    "max constant": one("Max", "x c", {"c": weights(4, 1, 1)}),
    "min constant": one("Min", "c x", {"c": np.float32(0.5)}),
    "max with a sigmoid": chain(node("Sigmoid", "x", "t"), node("Max", "x t", "y")),
    "squeeze and excite": chain(
        node("GlobalAveragePool", "x", "p"),
        node("Conv", "p w", "a"),
        node("Relu", "a", "r"),
        node("Conv", "r u", "e"),
        node("HardSigmoid", "e", "h"),
        node("Mul", "x h", "y"),
        constants=_SQUEEZE,
    ),
    "spatial attention": chain(
        node("ReduceMean", "x", "m", axes=[1], keepdims=1),
        node("Sigmoid", "m", "s"),
        node("Mul", "x s", "y"),
    ),
    "add of a vector": chain(
        node("GlobalAveragePool", "x", "p"),
        node("Flatten", "p", "f"),
        node("Unsqueeze", "f a", "u"),
        node("Add", "x u", "y"),
        constants={"a": ints(2, 3)},
    ),
    "add 1-D": chain(node("Tanh", "x", "t"), node("Add", "x t", "y"), shape=SEQUENCE),
    "mul turned": chain(
        node("Transpose", "x", "t", perm=[0, 1, 3, 2]),
        node("Sigmoid", "t", "s"),
        node("Mul", "t s", "y"),
    ),
}

POOLS = {
    "max pool": one("MaxPool", kernel_shape=[2, 3], strides=[2, 1]),
    "max pool padded": one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "max pool same": one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    "max pool ceil": one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "max pool ceil padded": one(
        "MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1
    ),
    "max pool 1-D": one("MaxPool", kernel_shape=[3], strides=[2], shape=SEQUENCE),
    "average pool": one("AveragePool", kernel_shape=[2, 2], strides=[2, 2]),
    "average pool of all": one("AveragePool", kernel_shape=[6, 7]),
    "average pool behind a convolution": chain(
        node("Conv", "x w", "c"),
        node("AveragePool", "c", "y", kernel_shape=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1),
        constants={"w": weights(5, 4, 3, 3)},
    ),
    "linear behind a convolution": chain(
        node("Conv", "x w", "c"),
        node("Resize", "c - s", "y", mode="linear"),
        constants={"w": weights(5, 4, 3, 3), "s": floats(1, 1, 0.5, 0.6)},
    ),
    "average pool same": one(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"
    ),
    "average pool not counted": one(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "average pool counted": one(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "average pool ceil": one("AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "average pool ceil counted": one(
        "AveragePool",
        kernel_shape=[3, 2],
        strides=[2, 2],
        pads=[1, 0, 1, 1],
        ceil_mode=1,
        count_include_pad=1,
        opset=19,
    ),
    "average pool 1-D": one("AveragePool", kernel_shape=[3], pads=[1, 1], shape=SEQUENCE),
    "global average pool": one("GlobalAveragePool"),
    "global average pool 1-D": one("GlobalAveragePool", shape=SEQUENCE),
    "global max pool": one("GlobalMaxPool"),
    "mean": one("ReduceMean", axes=[2, 3], keepdims=0),
    "mean opset 18": one("ReduceMean", "x a", {"a": ints(-1, -2)}, opset=18),
    "mean of channels": one("ReduceMean", axes=[1], keepdims=0),
    "mean of rows": one("ReduceMean", axes=[2], keepdims=1),
    "mean of all": one("ReduceMean", axes=[1, 2, 3], keepdims=0),
    "mean 1-D": one("ReduceMean", axes=[2], keepdims=0, shape=SEQUENCE),
}

CASES = {**CONVOLUTIONS, **LINEAR, **ELEMENTWISE, **POOLS, **MOVES, **RESIZES}
