from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tinydeploy.errors import UsageError
from tinydeploy.model.float_model import LabeledInputs
from tinydeploy.train.digits import RECIPE, load_digits_data
from tinydeploy.train.small_nets import SMALL_NETS, load_small_model
from tinydeploy.train.train_model import make_weights_key, train_model
from tinydeploy.zoo.mobilenet_v2 import MobileNetV2
from tinydeploy.zoo.plain_cnn import PlainCnn

PLAIN = partial(PlainCnn, 0.25, classes=10, in_channels=1)


@pytest.fixture(scope="module")
def data():
    return load_digits_data()


def test_the_key_tells_nets_recipes_and_data_apart(data):
    fewer = replace(data, train=LabeledInputs(data.train.inputs[1:], data.train.classes[1:]))
    keys = [
        make_weights_key(PLAIN, data, RECIPE),
        make_weights_key(partial(PLAIN, stem_stride=2), data, RECIPE),
        make_weights_key(partial(PlainCnn, 0.5, classes=10, in_channels=1), data, RECIPE),
        make_weights_key(partial(MobileNetV2, 0.25, classes=10, in_channels=1), data, RECIPE),
        make_weights_key(PLAIN, data, replace(RECIPE, seed=1)),
        make_weights_key(PLAIN, fewer, RECIPE),
    ]
    assert len(set(keys)) == len(keys)
    assert make_weights_key(partial(PLAIN), data, RECIPE) == keys[0]


def test_a_model_carries_what_it_was_made_of(data, monkeypatch, tmp_path):
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path))
    few = replace(data, train=LabeledInputs(data.train.inputs[:64], data.train.classes[:64]))
    recipe = replace(RECIPE, epochs=1)
    model = train_model("net", PLAIN, few, recipe)
    assert (model.name, model.input_shape, model.labels) == ("net", (1, 1, 32, 32), data.labels)
    assert model.preprocessing == data.preprocessing
    np.testing.assert_array_equal(model.calibration, few.train.inputs)
    np.testing.assert_array_equal(model.test.inputs, data.test.inputs)
    assert model.export_error < 1e-5
    (kept,) = tmp_path.glob("net-*.weights")
    before = kept.stat().st_mtime_ns
    again = train_model("net", PLAIN, few, recipe)
    assert again.onnx == model.onnx
    assert kept.stat().st_mtime_ns == before


def test_small_nets_are_of_six_kinds_at_least():
    assert len({net.kind for net in SMALL_NETS.values()}) >= 6


@pytest.mark.parametrize(("net", "data"), [("alexnet", "digits"), ("plain_cnn", "imagenet")])
def test_unknown_names(net, data):
    with pytest.raises(UsageError, match="is none of"):
        load_small_model(net, data)
