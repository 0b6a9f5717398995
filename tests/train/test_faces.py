import numpy as np
import pytest

from tinydeploy.train import faces
from tinydeploy.train.faces import load_faces_data

skimage_data = pytest.importorskip("skimage.data")


def test_data_are_split_by_class_and_disjoint():
    data = load_faces_data()
    assert (data.name, data.labels) == ("faces", ("background", "face"))
    for part in data.train, data.test:
        assert part.inputs.shape == (100, *data.input_shape[1:])
        assert part.inputs.dtype == np.float32
        assert np.bincount(part.classes).tolist() == [50, 50]
    train = {picture.tobytes() for picture in data.train.inputs}
    assert not any(picture.tobytes() in train for picture in data.test.inputs)


def test_the_preprocessing_has_the_mean_and_std_of_the_data():
    pixels = skimage_data.lfw_subset() * 255
    assert pixels.mean() == pytest.approx(faces.PREPROCESSING.mean[0], abs=0.5)
    assert pixels.std() == pytest.approx(faces.PREPROCESSING.std[0], abs=0.5)
    assert faces.PREPROCESSING.int8_quantization == (1 / 70, -32)


def test_classes_are_those_of_the_pictures():
    """Each face is nearer to the mean face of the set than to the mean background, mostly."""
    data = load_faces_data()
    means = [data.train.inputs[data.train.classes == k].mean(0) for k in (0, 1)]
    distances = [((data.test.inputs - mean) ** 2).sum((1, 2, 3)) for mean in means]
    assert (np.argmin(distances, axis=0) == data.test.classes).mean() > 0.75
