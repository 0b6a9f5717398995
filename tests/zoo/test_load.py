import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.model.picture import read_input
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.zoo.load import load_float_model
from tinydeploy.zoo.registry import create_model

PUBLISHED = "etinynet/etinynet-1.0-imagenet.params"
DETECTOR = "etinynet/etinynet-ssd-one-class.params"


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory):
    """Pictures that ship with scikit-image and scikit-learn."""
    data = pytest.importorskip("skimage.data")
    from sklearn.datasets import load_sample_image

    folder = tmp_path_factory.mktemp("pictures")
    for name in ("chelsea", "coffee", "rocket", "camera"):
        Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
    Image.fromarray(load_sample_image("china.jpg")).save(folder / "china.png")
    return folder


@pytest.fixture(scope="session")
def published(shared_data, picture_folder):
    return load_float_model("etinynet-1.0", shared_data / PUBLISHED, picture_folder)


@pytest.mark.parametrize(
    ("picture", "index", "probability"),
    [
        ("chelsea", 285, 0.80),
        ("coffee", 967, 0.86),
        ("rocket", 657, 0.35),
        ("camera", 872, 0.98),
        ("china", 497, 0.30),
    ],
)
def test_published_weights_know_well_known_pictures(
    published, picture_folder, picture, index, probability
):
    inputs = read_input(
        picture_folder / f"{picture}.png", published.preprocessing, published.input_shape
    )
    logits = run_onnx(published.onnx, inputs)[0].astype(np.float64)
    probabilities = np.exp(logits - logits.max())
    probabilities /= probabilities.sum()
    assert probabilities.argmax() == index
    assert probabilities[index] == pytest.approx(probability, abs=0.005)
    if picture == "china":
        assert 698 in np.argsort(probabilities)[-5:]


def test_published_model(published):
    assert published.name == "etinynet-1.0"
    assert published.export_error < 1e-5
    assert published.calibration.shape == (256, 3, 224, 224)
    assert published.calibration.min() >= -128
    assert published.calibration.max() <= 127
    np.testing.assert_array_equal(published.calibration, np.rint(published.calibration))
    assert published.labels == ()
    assert published.test is None
    assert "few calibration pictures" in published.notes[0]


def test_the_detector_is_refused(shared_data, picture_folder):
    with pytest.raises(InputFileError) as caught:
        load_float_model("etinynet-1.0", shared_data / DETECTOR, picture_folder)
    for part in (
        "one-class.params does not hold the weights",
        "seems to be an SSD detector, not a classifier",
        "82 arrays missing (features1.4.out1.0.weight, ",
        "86 arrays left over (",
    ):
        assert part in caught.value.message


def test_weights_of_another_width_are_refused(shared_data, picture_folder):
    with pytest.raises(InputFileError, match=r"has the shape \(32, 3, 3, 3\), .* \(24, 3, 3, 3\)"):
        load_float_model("etinynet-0.75", shared_data / PUBLISHED, picture_folder)


def test_weights_cut_off_are_refused(shared_data, picture_folder, tmp_path):
    whole = (shared_data / PUBLISHED).read_bytes()
    for size in (1, 20, 30_000, len(whole) - 1):
        path = tmp_path / "cut.params"
        path.write_bytes(whole[:size])
        with pytest.raises(InputFileError):
            load_float_model("etinynet-1.0", path, picture_folder)


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.pt"
    torch.save(create_model("etinynet-0.1").state_dict(), path)
    return path


def write_colors(folder: Path, names):
    for index, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 50), (40 * index, 200, 7)).save(folder / name)


def test_a_labelled_folder(small_weights, tmp_path):
    write_colors(tmp_path, [f"{7 * index}/{index}.png" for index in range(6)])
    model = load_float_model("etinynet-0.1", small_weights, tmp_path)
    assert len(model.test.inputs) == 3
    assert set(model.test.classes.tolist()) < set(range(0, 42, 7))
    assert run_onnx(model.onnx, model.test.inputs).shape == (3, 1000)


def test_the_same_inputs_give_the_same_model(small_weights, tmp_path):
    write_colors(tmp_path, ["a.png", "b.png"])
    first, second = (load_float_model("etinynet-0.1", small_weights, tmp_path) for _ in range(2))
    assert hashlib.sha256(first.onnx).digest() == hashlib.sha256(second.onnx).digest()
    np.testing.assert_array_equal(first.calibration, second.calibration)


def test_pictures_of_another_size(small_weights, tmp_path):
    write_colors(tmp_path, ["a.png", "b.png"])
    model = load_float_model("etinynet-0.1", small_weights, tmp_path, input_shape=(3, 64, 96))
    assert model.input_shape == (1, 3, 64, 96)
    assert model.calibration.shape[1:] == (3, 64, 96)
    assert run_onnx(model.onnx, model.calibration[:2]).shape == (2, 1000)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("etinynet-0.1", (1, 224, 224), "etinynet-0.1 takes 3,224,224: --input-shape may say"),
        ("etinynet-0.1", (640,), "takes 3,224,224"),
        ("etinynet-0.1", (3, 224, 5_000_000), "5000000 are too large for a microcontroller"),
        ("etinynet-0.1", (3, 1, 1), r"cannot be run on an input \[1, 3, 1, 1\]"),
        ("autoencoder", (640,), "autoencoder takes 1,5,128"),
        ("etinynet-ssd-96", (1, 64, 64), "boxes of etinynet-ssd-96 are those of pictures of 1,96"),
    ],
)
def test_sizes_that_do_not_fit(name, shape, message, tmp_path):
    weights = tmp_path / "any.pt"
    torch.save(create_model(name).state_dict(), weights)
    with pytest.raises(UsageError, match=message) as caught:
        load_float_model(name, weights, tmp_path, input_shape=shape)
    assert caught.value.hint


def test_what_is_not_given_is_asked_for(small_weights, tmp_path):
    with pytest.raises(UsageError, match="needs trained weights") as caught:
        load_float_model("etinynet-1.0", None, tmp_path)
    assert "--weights FILE" in caught.value.hint
    with pytest.raises(UsageError, match="needs calibration pictures") as caught:
        load_float_model("etinynet-1.0", small_weights, None)
    assert "--data FOLDER" in caught.value.hint
    assert "16 or more, better 200" in caught.value.hint
    with pytest.raises(UsageError, match="unknown model"):
        load_float_model("resnet", small_weights, tmp_path)
    with pytest.raises(InputFileError, match="there is no folder"):
        load_float_model("etinynet-0.1", small_weights, tmp_path / "missing")
