"""What every source of a float network ends in: the ONNX bytes, and what its inputs mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.objects import Objects
from tinydeploy.detection.spec import DetectionSpec
from tinydeploy.errors import InternalError

Color = Literal["rgb", "bgr", "gray"]
Fit = Literal["center-crop", "stretch"]


@dataclass(frozen=True)
class Preprocessing:
    """From a picture to the network's input: fit to size, then (pixel - mean) / std per channel.

    Mean and std are in units of the pixel (0 to 255), as TFLite's metadata (NormalizationOptions)
    has them; `from_unit` takes those of a net trained on pixel / 255.

    Args:
        mean: Subtracted, one per channel.
        std: Divided by, one per channel, positive.
        color: Order of the channels; "gray" has one.
        fit: How a picture gets its size. "center-crop": the shorter side is scaled to
            size / crop_fraction, rounded up, then the centre is cut out. "stretch": both sides are
            scaled to size.
        crop_fraction: Part of the shorter side that a centre crop keeps.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    color: Color = "rgb"
    fit: Fit = "center-crop"
    crop_fraction: float = 0.875

    def __post_init__(self) -> None:
        channels = 1 if self.color == "gray" else 3
        if len(self.mean) != channels or len(self.std) != channels:
            raise InternalError(
                f"{self.color} needs {channels} means and stds, not {self.mean}, {self.std}"
            )
        if min(self.std) <= 0 or not 0 < self.crop_fraction <= 1:
            raise InternalError(
                f"std {self.std} or crop fraction {self.crop_fraction} is out of range"
            )

    @classmethod
    def from_unit(
        cls,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        color: Color = "rgb",
        fit: Fit = "center-crop",
        crop_fraction: float = 0.875,
    ) -> Preprocessing:
        """The preprocessing (pixel / 255 - mean) / std."""
        return cls(
            tuple(255 * m for m in mean), tuple(255 * s for s in std), color, fit, crop_fraction
        )

    @property
    def channels(self) -> int:
        """Number of input channels."""
        return len(self.mean)

    @property
    def value_range(self) -> tuple[float, float]:
        """Least and greatest input value that any pixel of any channel can give."""
        low = min((0 - m) / s for m, s in zip(self.mean, self.std, strict=True))
        high = max((255 - m) / s for m, s in zip(self.mean, self.std, strict=True))
        return low, high

    @property
    def int8_quantization(self) -> tuple[float, int] | None:
        """The (scale, zero point) under which the int8 input is exactly the pixel minus 128.

        q = value / scale + zero_point with value = (pixel - mean) / std is pixel - 128 just if
        scale = 1 / std and zero_point = mean - 128: one mean, a whole number, and one std for all
        channels. None where that fails.
        """
        mean, std = self.mean[0], self.std[0]
        same = set(self.mean) == {mean} and set(self.std) == {std}
        if not same or mean != round(mean) or not 0 <= mean <= 255:
            return None
        return 1 / std, round(mean) - 128

    def normalize(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network's input for a picture, or several, that already have its size.

        Args:
            image: uint8 [..., H, W, C] in the order of `color`; where C is 1 it may be left out.

        Returns:
            float32 [..., C, H, W].
        """
        if self.channels == 1 and image.shape[-1] != 1:
            image = image[..., None]
        if image.dtype != np.uint8 or image.ndim < 3 or image.shape[-1] != self.channels:
            raise InternalError(
                f"expected uint8 [..., H, W, {self.channels}], got {image.dtype} {image.shape}"
            )
        mean, std = np.array(self.mean, np.float64), np.array(self.std, np.float64)
        values = ((image - mean) / std).astype(np.float32)
        return np.ascontiguousarray(np.moveaxis(values, -1, -3))


class LabeledInputs(NamedTuple):
    """Inputs and what they show.

    Args:
        inputs: float32 [n, ...], preprocessed.
        classes: int64 [n], indices into the network's output.
    """

    inputs: NDArray[np.float32]
    classes: NDArray[np.int64]


class LabeledScenes(NamedTuple):
    """Inputs of a detector and what they show.

    Args:
        inputs: float32 [n, C, H, W], preprocessed.
        objects: Of each.
    """

    inputs: NDArray[np.float32]
    objects: tuple[Objects, ...]


@dataclass(frozen=True, eq=False)
class InputData:
    """What a network is calibrated on and tested with.

    Args:
        calibration: float32 [n, ...], preprocessed inputs.
        test: Labelled inputs, disjoint from the calibration; None where the classes are not known.
        labels: Names of all classes, where they are known.
        notes: What the user should know: files skipped and the like.
    """

    calibration: NDArray[np.float32]
    test: LabeledInputs | None = None
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FloatModel:
    """A float network ready to be quantized. One input; its batch dimension is free.

    Args:
        name: Name of the model; file and symbol names are made from it.
        onnx: The serialized ONNX model.
        input_shape: (1, C, H, W), or (1, features).
        preprocessing: How pictures become inputs; None where inputs are no pictures, or where it is
            not known: then the range of the input is that of the calibration.
        labels: Name of each output class; empty where they are not known.
        calibration: float32 [n, *input_shape[1:]], inputs from which ranges are measured.
        test: Labelled inputs, disjoint from the calibration; None where there are none.
        export_error: Largest difference between ONNX's and the original's outputs, as a fraction
            of their range; None where the original was ONNX.
        notes: What the user should know of how the model was made, one sentence each.
        detection: What the outputs of a detector mean; None for other nets.
        scenes: Test inputs of a detector, disjoint from the calibration; None where there are none.
    """

    name: str
    onnx: bytes
    input_shape: tuple[int, ...]
    preprocessing: Preprocessing | None
    labels: tuple[str, ...]
    calibration: NDArray[np.float32]
    test: LabeledInputs | None = None
    export_error: float | None = None
    notes: tuple[str, ...] = ()
    detection: DetectionSpec | None = None
    scenes: LabeledScenes | None = None

    def __post_init__(self) -> None:
        arrays = {"calibration": self.calibration}
        if self.test is not None:
            arrays["test"] = self.test.inputs
            if self.test.classes.shape != (len(self.test.inputs),):
                raise InternalError(
                    f"{len(self.test.inputs)} test inputs, classes {self.test.classes.shape}"
                )
        if self.scenes is not None:
            arrays["scenes"] = self.scenes.inputs
            if len(self.scenes.objects) != len(self.scenes.inputs):
                raise InternalError(f"{self.name}: scenes and objects differ in number")
        for name, array in arrays.items():
            if array.dtype != np.float32 or array.shape[1:] != self.input_shape[1:]:
                raise InternalError(
                    f"{name} of {self.name}: {array.dtype} {array.shape} is not {self.input_shape}"
                )
        if self.preprocessing and self.preprocessing.channels != self.input_shape[1]:
            raise InternalError(f"{self.name}: preprocessing and input disagree on the channels")
