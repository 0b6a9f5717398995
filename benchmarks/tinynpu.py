"""`python -m benchmarks.tinynpu`: TinyNPU's simulator against its definition and against LiteRT.

Without options, over the test pictures of the digits default. With --model, over --inputs, int8 as
.npy, or over noise; with --etinynet FOLDER, over evaluation crops of an EtinyNet-1.0, --model or
models/etinynet_1.0_224_int8.tflite in FOLDER, that of `benchmarks.quantization_etinynet`. With
--crops DIR besides, it only writes that folder's calibration crops of 256x256 as pictures.
Bytes are those that the accelerator sends, and those of LiteRT's reference kernels.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.measure import Silence
from benchmarks.quantization_etinynet import Protocol
from tinydeploy.errors import MismatchError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.npu.compiler import compile_graph
from tinydeploy.npu.machine import Machine
from tinydeploy.npu.power import frame_energy_mj, frame_ms
from tinydeploy.npu.reference import run_arithmetic
from tinydeploy.source.make_source import make_source
from tinydeploy.validate.cut_rest import cut_rest
from tinydeploy.validate.quality import quantize_inputs
from tinydeploy.validate.reference import run_reference
from tinydeploy.validate.take_apart import keep_operators

_NOISE = 4
_CROPS, _SIZE = 16, 256
Int8 = NDArray[np.int8]


def measure(tflite: bytes, images: Int8 | None, classes: NDArray[np.int64] | None) -> None:
    """Prints how the results of all images compare.

    Args:
        tflite: The model.
        images: int8 [n, h, w, c]; None for noise.
        classes: The right class of each; None where nobody knows.

    Raises:
        MismatchError: The simulator differs from the definition.
    """
    unfused = read_graph(tflite)
    compiled = compile_graph(fuse_graph(unfused))
    shape = unfused.tensors[unfused.inputs[0]].shape
    if images is None:
        images = np.random.default_rng(0).integers(-128, 128, (_NOISE, *shape[1:]), np.int8)
    boundary = compiled.split.boundary
    machine = Machine()
    machine.load(compiled.program.data)
    machine.run(images[0].tobytes())
    begin = time.perf_counter()
    frames = [machine.run(image.tobytes()).outputs for image in images]
    seconds = (time.perf_counter() - begin) / len(images)
    for number, (image, frame) in enumerate(zip(images, frames, strict=True)):
        values = run_arithmetic(unfused, image, boundary)
        if frame != b"".join(values[tensor].tobytes() for tensor in boundary):
            raise MismatchError(f"image {number}: the simulator differs from the definition")
    cut = keep_operators(tflite, range(len(unfused.tensors)), outputs=boundary)
    outputs = run_reference(cut, [images.reshape(-1, *shape)]).outputs
    exact = np.concatenate([o.reshape(len(images), -1) for o in outputs], axis=1).astype(np.int64)
    found = np.array([np.frombuffer(frame, np.int8) for frame in frames]).astype(np.int64)
    cycles = compiled.walk.cycles
    ends = [_finish(tflite, compiled.split.rest, boundary, made) for made in (found, exact)]
    same = ends[0].argmax(axis=1) == ends[1].argmax(axis=1)
    lines = [
        f"{len(images)} images, {found.shape[1]} bytes each: all equal to the definition",
        f"equal to LiteRT's: {100 * (found == exact).mean():.1f} % of the bytes, largest "
        f"difference {abs(found - exact).max()}, mean {abs(found - exact).mean():.3f}",
        f"same class: {100 * same.mean():.2f} %",
    ]
    if classes is not None:
        right = [100 * (made.argmax(axis=1) == classes).mean() for made in ends]
        lines.append(f"accuracy: {right[0]:.2f} % TinyNPU, {right[1]:.2f} % LiteRT")
    ms, energy = frame_ms(cycles), frame_energy_mj(cycles)
    lines.append(f"{cycles:,} cycles, {ms:.3f} ms, {energy:.4f} mJ a frame by the model")
    lines.append(f"simulated in {1000 * seconds:.2f} ms a frame here")
    sys.stdout.write("\n".join(lines) + "\n")


def _finish(
    tflite: bytes, rest: Graph | None, boundary: tuple[int, ...], results: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The outputs [n, classes] that the microcontroller's part makes of what one tensor holds."""
    if rest is None or rest.inputs != boundary or len(boundary) != 1:
        return results
    shape = rest.tensors[boundary[0]].shape
    inputs = results.astype(np.int8).reshape(-1, *shape)
    outputs = run_reference(cut_rest(tflite, rest), [inputs]).outputs
    return outputs[0].reshape(len(results), -1).astype(np.int64)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tinynpu", description=__doc__)
    parser.add_argument("--model", type=Path, help="an int8 .tflite")
    parser.add_argument("--inputs", type=Path, help="int8 inputs as .npy")
    parser.add_argument("--etinynet", type=Path, metavar="FOLDER", help="the test data")
    parser.add_argument("--crops", type=Path, metavar="DIR", help="for pictures to calibrate with")
    options = parser.parse_args()
    if options.etinynet is not None and options.crops is not None:
        crops = Protocol(options.etinynet).calibration(_SIZE, "all")
        options.crops.mkdir(parents=True, exist_ok=True)
        for number, crop in enumerate(crops):
            Image.fromarray(crop).save(options.crops / f"{number:03}.png")
        return
    if options.etinynet is not None:
        model = options.model or options.etinynet / "models" / "etinynet_1.0_224_int8.tflite"
        graph = read_graph(model.read_bytes())
        size = graph.tensors[graph.inputs[0]].shape[1]
        crops = Protocol(options.etinynet).evaluation(size, "all")[:_CROPS]
        # EtinyNet takes pixels less 128, and the file's scale is 1.
        measure(model.read_bytes(), (crops.astype(np.int16) - 128).astype(np.int8), None)
        return
    if options.model is not None:
        images = None if options.inputs is None else np.load(options.inputs)
        measure(options.model.read_bytes(), images, None)
        return
    source = make_source(None, Silence())
    assert source.samples is not None
    inputs = quantize_inputs(read_graph(source.tflite), source.samples)
    measure(source.tflite, inputs.astype(np.int8), source.classes)


if __name__ == "__main__":
    main()
