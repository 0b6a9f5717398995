"""Small int8 nets for tests that run generated C: two by hand, and random ones of all ops."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
from builders import Handle, ModelBuilder

from tinydeploy.detection.spec import METADATA_NAME, AnchorSource, DetectionSpec


def classifier(seed: int = 0, labels: Sequence[str] = ("cat", "dog", "none")) -> bytes:
    """One input, a residual block, pooling, a renaming, softmax over three classes."""
    b = ModelBuilder(seed)
    x = b.input((12, 10, 3))
    a = b.pool("MAX_POOL_2D", b.conv(x, 8, activation="RELU"))
    c = b.binary("ADD", b.conv(b.depthwise(a, activation="RELU"), 8, (1, 1)), a)
    d = b.conv(c, 4, stride=(2, 2))
    logits = b.fully_connected(b.reshape(d, (1, 36)), 3)
    return b.finish([b.softmax(logits, beta=0.03 / logits.scale)], labels)


def several_ends(seed: int = 1) -> bytes:
    """Two inputs, three outputs, one made early and one an input renamed; a dead end."""
    b = ModelBuilder(seed)
    x = b.activation((1, 6, 5, 3), 0.1, 3, "first */ input")
    y = b.activation((1, 6, 5, 3), 0.2, -8, "second\\")
    b.inputs += [x.id, y.id]
    early = b.conv(x, 2, (1, 1))
    total = b.binary("ADD", x, y)
    b.conv(total, 5)
    renamed = b.reshape(y, (1, 90))
    return b.finish([early, b.conv(b.depthwise(total), 3), renamed])


def inverted_residuals(seed: int = 2) -> bytes:
    """A small MobileNetV2: expansions in front of depthwise convolutions, one block with a skip."""
    b = ModelBuilder(seed)
    x = b.input((40, 36, 3))
    narrow = b.conv(x, 8, stride=(2, 2), activation="RELU6")
    for channels, stride in ((12, 2), (12, 1)):
        wide = b.conv(narrow, 6 * narrow.shape[3], (1, 1), activation="RELU6")
        seen = b.depthwise(wide, stride=(stride, stride), activation="RELU6")
        made = b.conv(seen, channels, (1, 1))
        narrow = b.binary("ADD", made, narrow) if made.shape == narrow.shape else made
    last = b.mean(b.conv(narrow, 48))
    logits = b.fully_connected(b.reshape(last, (1, 48)), 5)
    return b.finish([b.softmax(logits, beta=0.03 / logits.scale)])


SMALL_DETECTOR = DetectionSpec(
    image_size=(48, 40),
    sources=(
        AnchorSource(8, ((8, 8), (16, 6))),
        AnchorSource(16, ((20, 20), (30.5, 12), (12, 30.5))),
    ),
    classes=("cat", "dog", "bird"),
    score_threshold=0.4,
    max_candidates=30,
    max_detections=6,
)


def detector(seed: int = 3, spec: DetectionSpec = SMALL_DETECTOR) -> bytes:
    """A detector whose sources lie one behind the other; its heads are random, as its boxes are."""
    b = ModelBuilder(seed)
    x = b.conv(b.input((*spec.image_size, 3)), 8, stride=(2, 2), activation="RELU")
    reached, outputs = 2, []
    for source in spec.sources:
        while reached < source.stride:
            x = b.conv(b.depthwise(x, stride=(2, 2)), 12, (1, 1), activation="RELU")
            reached *= 2
        anchors = len(source.anchors)
        outputs.append(b.conv(x, anchors * (len(spec.classes) + 1), (1, 1), scale=0.06))
        outputs.append(b.conv(x, anchors * 4, (1, 1), scale=0.05, zero_point=-7))
    return b.finish(outputs, metadata={METADATA_NAME: spec.to_json().encode()})


def etinynet_ssd(spec: DetectionSpec, seed: int = 4) -> bytes:
    """EtinyNet-1.0 with heads at the ends of its last two stages; random weights, no BNs.

    As int8, BNs behind a ReLU are bounds of the convolution before, and need no RAM.
    """
    b = ModelBuilder(seed)
    x = b.conv(b.input((*spec.image_size, 3)), 32, stride=(2, 2), activation="RELU", scale=0.05)
    x = b.pool("MAX_POOL_2D", x)
    stages = ([32] * 4, [128] * 4, [192] * 3, [256, 256, 512])
    outputs = []
    for number, widths in enumerate(stages):
        for place, width in enumerate(widths):
            stride = 2 if number and not place else 1
            moved = b.depthwise(x, stride=(stride, stride), scale=0.05)
            y = b.conv(moved, width, (1, 1), activation="RELU", scale=0.05)
            if number >= 2 and y.shape == x.shape:
                y = b.binary("ADD", y, x, scale=0.05)
            x = b.depthwise(y, activation="RELU", scale=0.05)
            if number >= 2:
                x = b.binary("ADD", x, y, scale=0.05)
        if number >= 2:
            anchors = len(spec.sources[number - 2].anchors)
            outputs += [
                b.conv(x, anchors * values, (1, 1), scale=0.05)
                for values in (len(spec.classes) + 1, 4)
            ]
    return b.finish(outputs, metadata={METADATA_NAME: spec.to_json().encode()})


def random_net(seed: int) -> bytes:
    """A random chain with skips, of all kinds of ops."""
    rng = random.Random(seed)
    b = ModelBuilder(seed)
    known = [b.input([rng.randrange(1, 14), rng.randrange(1, 14), rng.randrange(1, 9)])]
    for _ in range(rng.randrange(1, 10)):
        source = known[-1] if rng.random() < 0.8 else rng.choice(known)
        known.append(_random_layer(rng, b, source, known))
    last = known[-1]
    ending = rng.choice(("none", "dense", "mean", "softmax"))
    if ending == "dense":
        size = math.prod(last.shape)
        last = b.fully_connected(b.reshape(last, (1, size)), rng.randrange(1, 8))
    elif ending == "mean":
        last = b.mean(last, keep_dims=rng.random() < 0.5)
    elif ending == "softmax":
        last = b.softmax(last)
    outputs = {handle.id: handle for handle in (last, rng.choice(known[1:]))}
    return b.finish(list(outputs.values()))


def _random_layer(
    rng: random.Random, b: ModelBuilder, x: Handle, known: Sequence[Handle]
) -> Handle:
    _, height, width, channels = x.shape
    stride = rng.choice(((1, 1), (1, 1), (2, 2), (2, 1)))
    activation = rng.choice(("NONE", "RELU", "RELU6"))
    kinds = ("conv", "conv", "pooled", "pointwise", "depthwise", "pool", "binary", "clamp", "pad")
    match rng.choice((*kinds, "lookup", "concatenation")):
        case "conv":
            kernel = rng.choice(((2, 2), (3, 3), (5, 3)))
            return b.conv(x, rng.randrange(1, 13), kernel, stride=stride, activation=activation)
        case "pooled" if min(height, width) > 1:
            y = b.conv(x, rng.randrange(1, 13), activation=activation)
            return b.pool("MAX_POOL_2D", y)
        case "depthwise":
            multiplier = rng.choice((1, 1, 2)) if channels < 20 else 1
            return b.depthwise(x, multiplier, stride=stride, activation=activation)
        case "pool":
            builtin = rng.choice(("MAX_POOL_2D", "AVERAGE_POOL_2D"))
            return b.pool(builtin, x, (3, 3), stride=(2, 2), padding="SAME")
        case "binary":
            partners = [y for y in known if y.shape == x.shape]
            return b.binary(rng.choice(("ADD", "SUB", "MUL")), x, rng.choice(partners))
        case "clamp":
            bounds = np.full((1, 1, 1, channels), -20, np.int8)
            return b.maximum(b.conv(x, channels, zero_point=x.zero_point, scale=x.scale), bounds)
        case "pad":
            return b.pad(x, (rng.randrange(3), 1, 0, rng.randrange(2)))
        case "lookup":
            return b.lookup(rng.choice(("LOGISTIC", "TANH", "HARD_SWISH", "QUANTIZE")), x)
        case "concatenation" if channels < 20:
            return b.concatenation([x, x], axis=rng.choice((2, 3)))
        case _:
            return b.conv(x, rng.randrange(1, 13), (1, 1), activation=activation)
