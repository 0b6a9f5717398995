"""Checkpoints: what is written comes back, what is something else is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from tinydeploy.detection.spec import AnchorSource, DetectionSpec
from tinydeploy.errors import InputFileError, OutputError
from tinydeploy.train.detection.checkpoint import Detector, read_checkpoint, write_checkpoint
from tinydeploy.zoo.etinynet_ssd import make_small_detector

SPEC = DetectionSpec((32, 32), (AnchorSource(16, ((8.0, 9.0),)),), ("a", "b"), score_threshold=0.3)


def write(path: Path) -> Detector:
    detector = Detector("etinynet-ssd-small", SPEC, make_small_detector(SPEC).eval())
    write_checkpoint(path, detector)
    return detector


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    detector = write(tmp_path / "new" / "net.pt")
    again = read_checkpoint(tmp_path / "new" / "net.pt")
    assert (again.network, again.spec, again.net.training) == (detector.network, SPEC, False)
    state = again.net.state_dict()
    assert all(torch.equal(state[n], value) for n, value in detector.net.state_dict().items())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["net.pt"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        write(tmp_path / "file" / "net.pt")


class Code:
    def __reduce__(self) -> Any:
        return print, ("ran",)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"format": "other"}, "holds no detector"),
        ([1, 2], "holds no detector"),
        ({"network": "resnet"}, "incomplete"),
        ({"network": ["etinynet-ssd"]}, "incomplete"),
        ({"spec": None}, "incomplete"),
        ({"state": torch.zeros(2)}, "incomplete"),
        ({"spec": "{}"}, "not of version 1"),
        ({"spec": SPEC.to_json().replace('"stride": 16', '"stride": 64')}, "strides"),
        ({"state": {"features1.0.weight": 3}}, "no plain tensors"),
        ({"state": {"features1.0.weight": torch.zeros(2).to_sparse()}}, "no plain tensors"),
        ({"state": {"features1.0.weight": torch.zeros(2)}}, "missing"),
        ({"network": "etinynet-ssd"}, "strides"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: Any, what: str) -> None:
    path = tmp_path / "net.pt"
    write(path)
    if isinstance(content, dict):
        content = {**torch.load(path, weights_only=True), **content}
    torch.save(content, path)
    with pytest.raises(InputFileError, match=what):
        read_checkpoint(path)


def test_code_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(pickle.dumps(Code()))
    with pytest.raises(InputFileError):
        read_checkpoint(path)
    torch.save({"format": "tinydeploy-detector-1", "state": Code()}, path)
    with pytest.raises(InputFileError, match="holds code"):
        read_checkpoint(path)
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"nothing"])
def test_damaged_files(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(data)
    with pytest.raises(InputFileError):
        read_checkpoint(path)
    with pytest.raises(InputFileError, match="there is no file"):
        read_checkpoint(tmp_path / "no.pt")
