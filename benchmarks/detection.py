"""The built-in detector: CPU seconds of its training, mAP of float and int8.

    TINYDEPLOY_CACHE=$(mktemp -d) python -m benchmarks.detection

Where the cache holds trained weights, nothing is trained and no seconds are told. The int8 net runs
in the reference interpreter, and its boxes are read as the firmware reads them.
"""

from __future__ import annotations

import sys
import time

from tinydeploy.graph.read import read_graph
from tinydeploy.model.float_model import FloatModel
from tinydeploy.quantize.quantize_model import quantize_model
from tinydeploy.source.make_source import run_float
from tinydeploy.train.detection.scene_model import RECIPE, load_scene_model
from tinydeploy.train.detection.train_detector import DetectorProgress
from tinydeploy.validate.quality import Quality, add_precision, quantize_inputs
from tinydeploy.validate.reference import run_reference


def main() -> None:
    """Trains, quantizes, measures, prints."""
    start = time.process_time()
    seconds = 0.0

    def show(progress: DetectorProgress) -> None:
        nonlocal seconds
        seconds = time.process_time() - start
        if progress.step % (RECIPE.steps // 10) == 0:
            _tell(f"step {progress.step:5} loss {progress.loss:6.3f} {seconds:7.1f} CPU-s")

    model = load_scene_model(show)
    _tell(f"training: {f'{seconds:.0f} CPU-seconds on one thread' if seconds else 'kept'}")
    print_precisions(model)


def print_precisions(model: FloatModel) -> None:
    """A line for the float net, and one for the int8 net."""
    assert model.scenes is not None
    inputs, objects = model.scenes
    tflite = quantize_model(model).tflite
    graph = read_graph(tflite, model.name)
    assert graph.detector is not None
    run = run_reference(tflite, [quantize_inputs(graph, inputs)])
    int8 = [output.reshape(-1, *output.shape[2:]) for output in run.outputs]
    nothing = Quality(None, None, None)
    quality = add_precision(nothing, graph.detector, run_float(model, inputs), int8, objects)
    for name, found in (("float", quality.float_precision), ("int8", quality.int8_precision)):
        assert found is not None
        _tell(
            f"{name:5} mAP@0.5 {100 * found.at_half:.2f} %, mAP@[.5:.95] {100 * found.coco:.2f} %, "
            f"{found.images} scenes, {found.objects} objects"
        )


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
