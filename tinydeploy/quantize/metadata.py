"""Standard TFLite metadata: what the input's pixels become and what the outputs mean.

Written by hand against the public schema `metadata_schema.fbs` (file identifier M001, every field
used is of version 1.0.0), field ids as there. A file with metadata holds

* a metadata entry named TFLITE_METADATA whose buffer is a ModelMetadata flatbuffer. Its one
  SubGraphMetadata describes the model's first input and first output:
  - input_tensor_metadata[0].process_units[0].options = NormalizationOptions(mean, std), such that
    the net's real-valued input is (x - mean) / std for pixels x of 0 to 255, per channel;
    .content = ImageProperties(color_space, default_size) for pictures;
  - output_tensor_metadata[0].associated_files[0] = AssociatedFile("labels.txt",
    type TENSOR_AXIS_LABELS), where there are labels;
* a zip archive behind the flatbuffer's last byte (readers of .tflite ignore what follows, readers
  of zip what precedes), where there are labels or pictures. Its member `labels.txt` is UTF-8 with
  one label per line, in the order of the output's last axis, every line ended by a line feed. Its
  member `preprocess.toml`, which input_tensor_metadata[0].associated_files lists, holds the whole
  preprocessing, with what the standard has no field for: `color = "bgr"`, how a picture gets its
  size. `tinydeploy build --preprocess` reads such files.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flatbuffers import Builder

from tinydeploy.model.float_model import Preprocessing

METADATA_NAME = "TFLITE_METADATA"
LABELS_FILE = "labels.txt"
RULES_FILE = "preprocess.toml"

_DESCRIPTIONS = 1  # enum AssociatedFileType
_TENSOR_AXIS_LABELS = 2  # enum AssociatedFileType
_COLOR_SPACES = {"": 0, "RGB": 1, "GRAYSCALE": 2}  # enum ColorSpaceType
_IMAGE_PROPERTIES = 2  # union ContentProperties
_NORMALIZATION_OPTIONS = 1  # union ProcessUnitOptions


@dataclass(frozen=True)
class Normalization:
    """How pixels become the net's real-valued input: (x - mean) / std.

    Args:
        mean: One value per channel, or one for all, in units of the 0..255 pixel.
        std: As many as mean, in the same units.
        color_space: "RGB", "GRAYSCALE", or empty where the input is no picture.
        size: (height, width) of the picture; (0, 0) where the input is none.
        rules: Text of the preprocess.toml to carry along; empty for none.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    color_space: str = ""
    size: tuple[int, int] = (0, 0)
    rules: str = ""


def describe_preprocessing(
    preprocessing: Preprocessing | None, input_shape: Sequence[int]
) -> Normalization | None:
    """The normalization of pictures.

    Args:
        preprocessing: None where inputs are no pictures.
        input_shape: (1, C, H, W).
    """
    if preprocessing is None:
        return None
    height, width = input_shape[2:]
    color = preprocessing.color
    resize = "stretch" if preprocessing.fit == "stretch" else "crop"
    lines = [
        f"mean = {[float(number) for number in preprocessing.mean]}",
        f"std = {[float(number) for number in preprocessing.std]}",
        f'color = "{color}"',
        f'resize = "{resize}"',
        *([f"crop_fraction = {float(preprocessing.crop_fraction)}"] if resize == "crop" else []),
    ]
    return Normalization(
        preprocessing.mean,
        preprocessing.std,
        {"rgb": "RGB", "gray": "GRAYSCALE", "bgr": ""}[color],  # the standard knows no BGR
        (height, width),
        "".join(f"{line}\n" for line in lines),
    )


def write_metadata(name: str, normalization: Normalization | None, *, has_labels: bool) -> bytes:
    """The ModelMetadata flatbuffer.

    Raises:
        ValueError: A normalization whose parts do not fit together.
    """
    builder = Builder(1024)
    inputs = _offsets(builder, [_input_metadata(builder, normalization)])
    outputs = _offsets(builder, [_output_metadata(builder, has_labels=has_labels)])
    subgraph = _table(builder, 7, {2: inputs, 3: outputs})
    subgraphs = _offsets(builder, [subgraph])
    name_ = builder.CreateString(name)
    min_parser_version = builder.CreateString("1.0.0")
    builder.Finish(_table(builder, 8, {0: name_, 3: subgraphs, 7: min_parser_version}), b"M001")
    return bytes(builder.Output())


def append_files(model: bytes, labels: Sequence[str], normalization: Normalization | None) -> bytes:
    """The file with an archive of labels and rules behind it, if any; the same bytes each time.

    Raises:
        ValueError: A label with a line break in it.
    """
    for label in labels:
        if "\n" in label or "\r" in label:
            raise ValueError(f"label {label!r} has a line break")
    files = {
        LABELS_FILE: "".join(f"{label}\n" for label in labels),
        RULES_FILE: "" if normalization is None else normalization.rules,
    }
    if not any(files.values()):
        return model
    stream = io.BytesIO()
    stream.write(model)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            if text:
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.create_system = 3  # else it differs between operating systems
                archive.writestr(entry, text.encode())
    return stream.getvalue()


def _input_metadata(builder: Builder, normalization: Normalization | None) -> int:
    name = builder.CreateString("input")
    if normalization is None:
        return _table(builder, 7, {0: name})
    if len(normalization.mean) != len(normalization.std) or not normalization.mean:
        raise ValueError("a normalization needs mean and std, as many values of each")
    if normalization.color_space not in _COLOR_SPACES:
        raise ValueError(f"unknown colour space {normalization.color_space!r}")
    mean, std = _floats(builder, normalization.mean), _floats(builder, normalization.std)
    options = _table(builder, 2, {0: mean, 1: std})
    unit = _table(builder, 2, {1: options}, uint8={0: _NORMALIZATION_OPTIONS})
    fields = {0: name, 4: _offsets(builder, [unit])}
    if normalization.color_space:
        height, width = normalization.size
        size = _table(builder, 2, {}, uint32={0: width, 1: height})
        color = _COLOR_SPACES[normalization.color_space]
        image = _table(builder, 2, {1: size}, uint8={0: color})
        fields[3] = _table(builder, 3, {1: image}, uint8={0: _IMAGE_PROPERTIES})
    if normalization.rules:
        text = "How a picture becomes the input."
        fields[6] = _associated_file(builder, RULES_FILE, text, _DESCRIPTIONS)
    return _table(builder, 7, fields)


def _output_metadata(builder: Builder, *, has_labels: bool) -> int:
    fields = {0: builder.CreateString("output")}
    if has_labels:
        text = "Class names in the order of the output's last axis."
        fields[6] = _associated_file(builder, LABELS_FILE, text, _TENSOR_AXIS_LABELS)
    return _table(builder, 7, fields)


def _associated_file(builder: Builder, name: str, text: str, kind: int) -> int:
    """A vector of one AssociatedFile."""
    offsets = {0: builder.CreateString(name), 1: builder.CreateString(text)}
    return _offsets(builder, [_table(builder, 4, offsets, uint8={2: kind})])


def _table(
    builder: Builder,
    fields: int,
    offsets: Mapping[int, int],
    *,
    uint8: Mapping[int, int] | None = None,
    uint32: Mapping[int, int] | None = None,
) -> int:
    """A table of so many fields, values by field id (a small enumerator is its byte's uint8)."""
    builder.StartObject(fields)
    for field, value in offsets.items():
        builder.PrependUOffsetTRelativeSlot(field, value, 0)
    for field, value in (uint8 or {}).items():
        builder.PrependUint8Slot(field, value, 0)
    for field, value in (uint32 or {}).items():
        builder.PrependUint32Slot(field, value, 0)
    return int(builder.EndObject())


def _offsets(builder: Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _floats(builder: Builder, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return int(builder.EndVector())
