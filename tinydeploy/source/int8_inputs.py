"""Inputs for an int8 .tflite, made as its metadata or the user say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydeploy.errors import UnsupportedModelError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.normalization import read_normalization
from tinydeploy.source.options import PREPROCESSING, SourceOptions, check_options
from tinydeploy.source.source import Watch

if TYPE_CHECKING:
    from tinydeploy.model.float_model import InputData


def load_int8_inputs(
    graph: Graph, tflite: bytes, options: SourceOptions, watch: Watch
) -> InputData:
    """Inputs of a model with one input, channels in front.

    Args:
        graph: The model as read.
        tflite: The file.
        options: What the user says: the data, and what the file does not tell of preprocessing.
        watch: Told what was assumed.

    Raises:
        UsageError: There are no data, or options that do not fit.
        InputFileError: The data cannot be used.
        UnsupportedModelError: The model has several inputs.
    """
    from tinydeploy.model.choose_preprocessing import choose_preprocessing
    from tinydeploy.model.load_data import ARRAY_ADVICE, is_array_file, load_data
    from tinydeploy.model.picture_folder import ADVICE

    options = options.read_preprocess()
    inside = ("is for float nets", f"{graph.name} has weights and ranges inside: leave it out.")
    check_options(options, PREPROCESSING | {"data"}, {"": inside})
    if len(graph.inputs) != 1:
        raise UnsupportedModelError(
            f"{graph.name} has {len(graph.inputs)} inputs", "Only models with one are inspected."
        )
    stored = graph.tensors[graph.inputs[0]].shape
    shape = (1, stored[-1], *stored[1:-1])
    takes_pictures = len(stored) == 4 and stored[-1] in (1, 3)
    data = options.data
    if data is None:
        advice = ADVICE if takes_pictures else ARRAY_ADVICE
        raise UsageError(
            f"{graph.name} is int8: it shows how its tensors use their range on inputs only",
            f"Use --data PATH. {advice}",
        )
    said = read_normalization(tflite)
    if said is not None and takes_pictures and said.fits(stored[-1]):
        options = options.fill(said.say())
    preprocessing = None
    if takes_pictures and not (options.pictures.empty and is_array_file(data)):
        preprocessing, note = choose_preprocessing(stored[-1], options.pictures)
        watch.note(note)
    outputs = graph.tensors[graph.outputs[0]].shape
    found = load_data(
        data, preprocessing, shape, outputs[-1], channels_last=options.layout != "nchw"
    )
    for note in found.notes:
        watch.note(note)
    return found
