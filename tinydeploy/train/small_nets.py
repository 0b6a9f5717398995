"""Small nets of each kind, trained on the labelled pictures that are at hand.

Each is an architecture of the zoo for 32x32 gray pictures: the deep ones narrow and with stride 1
in their stems, so that their last stages still see some pixels; the plain one, which has few
stages, with stride 2, so that it sees the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from torch import nn

from tinydeploy.errors import UsageError
from tinydeploy.model.float_model import FloatModel
from tinydeploy.train import digits, faces
from tinydeploy.train.classifier import Progress, Recipe
from tinydeploy.train.labeled_data import LabeledData
from tinydeploy.train.train_model import train_model
from tinydeploy.zoo.mobilenet_v1 import MobileNetV1
from tinydeploy.zoo.mobilenet_v2 import MobileNetV2
from tinydeploy.zoo.mobilenet_v3 import MobileNetV3
from tinydeploy.zoo.plain_cnn import PlainCnn
from tinydeploy.zoo.resnet_8 import ResNet8
from tinydeploy.zoo.shufflenet_v2 import ShuffleNetV2
from tinydeploy.zoo.squeezenet import SqueezeNet

_FACES_RECIPE = replace(
    digits.RECIPE,
    epochs=80,
    batch_size=20,
    warmup_epochs=5,
    background=0.0,
)


@dataclass(frozen=True)
class SmallNet:
    """A net to train.

    Args:
        kind: What it stands for.
        build: Makes it, given classes and input channels.
        rate: Factor of the recipe's learning rate; nets without BN need less.
    """

    kind: str
    build: Callable[..., nn.Module]
    rate: float = 1.0


SMALL_NETS: Mapping[str, SmallNet] = {
    "plain_cnn": SmallNet("plain", partial(PlainCnn, stem_stride=2)),
    "resnet_8": SmallNet("residual", partial(ResNet8, 0.5)),
    "mobilenet_v1": SmallNet("depthwise", partial(MobileNetV1, 0.25, stem_stride=1)),
    "mobilenet_v2": SmallNet("inverted residual", partial(MobileNetV2, 0.25, stem_stride=1)),
    "squeezenet": SmallNet("concat", partial(SqueezeNet, "1.1", 0.25, stem_stride=1), 0.3),
    "mobilenet_v3": SmallNet(
        "squeeze-and-excite, hard-swish", partial(MobileNetV3, "small", 0.35, stem_stride=1)
    ),
    "shufflenet_v2": SmallNet("shuffle", partial(ShuffleNetV2, 0.5, stem_stride=1)),
}
DATA: Mapping[str, tuple[Callable[[], LabeledData], Recipe]] = {
    "digits": (digits.load_digits_data, digits.RECIPE),
    "faces": (faces.load_faces_data, _FACES_RECIPE),
}


def load_small_model(
    net: str,
    data: str,
    progress: Callable[[Progress], None] | None = None,
    cache: bool = True,
) -> FloatModel:
    """A small net, trained; takes seconds to a minute, once.

    Args:
        net: A name from SMALL_NETS.
        data: A name from DATA.
        progress: Called behind each epoch of training.
        cache: Keep the weights under `paths.cache_folder()` and use those kept there.

    Returns:
        The model, called net-data, with held-out test pictures.

    Raises:
        UsageError: There is no such net or set.
        MissingDependencyError: What the pictures ship with is not installed.
    """
    for name, known in ((net, SMALL_NETS), (data, DATA)):
        if name not in known:
            raise UsageError(f"'{name}' is none of {', '.join(known)}", "Name one of them.")
    load, recipe = DATA[data]
    pictures = load()
    small = SMALL_NETS[net]
    build = partial(small.build, classes=len(pictures.labels), in_channels=1)
    recipe = replace(recipe, learning_rate=recipe.learning_rate * small.rate)
    return train_model(f"{net}-{data}", build, pictures, recipe, progress, cache)
