import pytest
import torch

from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.train.nets import build_net
from tinydeploy.zoo.registry import find_model, list_models

# Without those that another package defines.
TRAINABLE = [
    entry.name
    for entry in list_models()
    if entry.classes and entry.input_shape[1] == 3 and entry.counted is None
]
# One of each kind of head and stem; the others are slow.
KINDS = {
    "etinynet-0.75",
    "micronet_m2",
    "mobilenet_v3_small-1.0",
    "peleenet",
    "plain_cnn",
    "resnet_8",
    "shufflenet_v2-0.5",
    "squeezenet-1.1",
}
CASES = [pytest.param(name, marks=() if name in KINDS else pytest.mark.slow) for name in TRAINABLE]


@pytest.mark.parametrize("name", CASES)
def test_every_classifier_of_the_zoo_gets_other_classes_and_channels(name):
    assert set(TRAINABLE) >= KINDS
    with torch.device("meta"):
        net = build_net(name, 7, 1, (64, 64)).eval()
        assert net(torch.empty(2, 1, 64, 64)).shape == (2, 7)


def test_fewer_stages_by_name():
    deep = build_net("etinynet-0.5", 10, 1, (32, 32))
    shallow = build_net("etinynet-0.5-2220", 10, 1, (32, 32))
    counts = [sum(p.numel() for p in net.parameters()) for net in (deep, shallow)]
    assert counts[1] < counts[0] / 4


def test_trained_weights_to_start_from(tmp_path):
    source = find_model("plain_cnn").build()
    torch.save(source.state_dict(), tmp_path / "w.pt")
    net = build_net("plain_cnn", 3, 1, (16, 16), tmp_path / "w.pt")
    stem, before = net.features[0][0], source.features[0][0]
    torch.testing.assert_close(stem.weight, before.weight.sum(1, keepdim=True))
    torch.testing.assert_close(net.features[1][0].weight, source.features[1][0].weight)
    assert net.classifier.out_features == 3
    torch.save({"x": torch.zeros(1)}, tmp_path / "bad.pt")
    with pytest.raises(InputFileError, match="weights of this network"):
        build_net("plain_cnn", 3, 1, (16, 16), tmp_path / "bad.pt")


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("ds_cnn", 32, "classifies no pictures"),
        ("etinynet-ssd", 64, "classifies no pictures"),
        ("nonet", 32, "unknown model"),
        ("squeezenet-1.0", 4, "cannot take pictures of 4x4"),
    ],
)
def test_what_is_refused(name, size, words):
    with pytest.raises(UsageError, match=words):
        build_net(name, 3, 3, (size, size))
