import hashlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tinydeploy.model.count import Counts, count_model
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.train import digits
from tinydeploy.train.digits import load_digits_data, load_digits_model
from tinydeploy.zoo.etinynet import EtinyNet


def test_data_are_split_by_class_and_disjoint():
    data = load_digits_data()
    assert (len(data.train.inputs), len(data.test.inputs)) == (1347, 450)
    for part in data.train, data.test:
        assert part.inputs.shape[1:] == digits.INPUT_SHAPE[1:]
        assert part.inputs.dtype == np.float32
        shares = np.bincount(part.classes) / len(part.classes)
        assert len(shares) == 10
        assert 0.09 < shares.min() < shares.max() < 0.11
    train = {picture.tobytes() for picture in data.train.inputs}
    assert not any(picture.tobytes() in train for picture in data.test.inputs)


def test_inputs_are_pixels_under_the_int8_quantization():
    scale, zero_point = digits.PREPROCESSING.int8_quantization
    inputs = load_digits_data().train.inputs
    quantized = inputs / np.float32(scale) + zero_point
    np.testing.assert_allclose(quantized, np.rint(quantized), atol=1e-4)
    assert (np.rint(quantized).min(), np.rint(quantized).max()) == (-128, 127)


def test_the_preprocessing_has_the_mean_and_std_of_the_data():
    pixels = load_digits().data * 255 / 16
    assert pixels.mean() == pytest.approx(digits.PREPROCESSING.mean[0], abs=0.5)
    assert pixels.std() == pytest.approx(digits.PREPROCESSING.std[0], abs=0.5)


def test_the_network_is_a_small_etinynet():
    counts = count_model(EtinyNet(digits.CONFIG), digits.INPUT_SHAPE)
    assert counts == Counts(29_706, 31_690, 293_440, 311_232)


def test_the_trained_model(digits_model):
    assert digits_model.name == "etinynet-digits"
    assert digits_model.labels == tuple("0123456789")
    assert digits_model.notes == ()
    assert digits_model.export_error < 1e-5
    logits = run_onnx(digits_model.onnx, digits_model.test.inputs)
    assert logits.shape == (450, 10)
    accuracy = float((logits.argmax(1) == digits_model.test.classes).mean())
    assert accuracy >= 0.975


def test_calibration_comes_from_the_training_part(digits_model):
    train = {picture.tobytes() for picture in load_digits_data().train.inputs}
    assert len(digits_model.calibration) == 512
    assert all(picture.tobytes() in train for picture in digits_model.calibration)
    np.testing.assert_array_equal(digits_model.test.inputs, load_digits_data().test.inputs)


def test_a_second_call_does_not_train(digits_model, digits_cache):
    def refuse(progress):
        raise AssertionError("trained again")

    again = load_digits_model(refuse)
    assert hashlib.sha256(again.onnx).digest() == hashlib.sha256(digits_model.onnx).digest()
    # Other workers of the test run may be at their first call, which ends in the same file.
    assert len(list(digits_cache.glob(f"{digits.NAME}-*.weights"))) == 1


def test_an_interrupt_leaves_nothing_behind(monkeypatch, tmp_path):
    def interrupt(progress):
        assert (progress.epoch, progress.epochs) == (1, digits.RECIPE.epochs)
        raise KeyboardInterrupt

    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path / "cache"))
    with pytest.raises(KeyboardInterrupt):
        load_digits_model(interrupt)
    assert not (tmp_path / "cache").exists()
