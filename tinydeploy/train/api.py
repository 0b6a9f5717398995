"""The methods as functions, for notebooks and scripts.

    from tinydeploy.train.api import plain_distillation
    trained = plain_distillation("resnet_8", "etinynet-0.75", "data/", "unlabelled/", "out/pd")
    print(trained.scores.f1)

Nets are names of the zoo; `path` is a folder, a table, an array file or a built-in set, see
`load_training_data`; `output_path` gets the files that `train_net` lists, model.pt first. All that
TrainRequest has besides may be given by name: size, gray, labels_per_class, seed, changes and so
on. The names that compact-distillation gave them (plainDistillation, FixMatch ...) are there too,
with its order of arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinydeploy.train.train_net import Trained, TrainRequest, train_net


def supervised(target_model: str, path: str, output_path: str, **options: Any) -> Trained:
    """Trains on labelled pictures alone."""
    return train_net(TrainRequest("supervised", target_model, path, **options), Path(output_path))


def plain_distillation(
    base_model: str,
    target_model: str,
    path: str,
    unlabelled_path: str | None,
    output_path: str,
    confidence: float = 0.8,
    **options: Any,
) -> Trained:
    """One teacher labels, see `self_training`.

    Args:
        base_model: The teacher.
        target_model: The net that is wanted.
        path: Labelled pictures.
        unlabelled_path: Flat folder of the others; None where `labels_per_class` makes them.
        output_path: Folder for the results.
        confidence: A pseudo-label is taken where the probability is greater.
        **options: Other fields of TrainRequest.
    """
    return _self_train(
        "plain", [base_model], target_model, path, unlabelled_path, output_path, confidence, options
    )


def data_distillation(
    base_model: str,
    target_model: str,
    transforms: Sequence[str],
    path: str,
    unlabelled_path: str | None,
    output_path: str,
    confidence: float = 0.8,
    **options: Any,
) -> Trained:
    """One teacher labels, looking at the transforms of a picture too; names as in `views`."""
    options = {"views": tuple(transforms)} | options
    return _self_train(
        "data", [base_model], target_model, path, unlabelled_path, output_path, confidence, options
    )


def model_distillation(
    base_models: Sequence[str],
    target_model: str,
    path: str,
    unlabelled_path: str | None,
    output_path: str,
    confidence: float = 0.8,
    **options: Any,
) -> Trained:
    """Several teachers label."""
    return _self_train(
        "model", base_models, target_model, path, unlabelled_path, output_path, confidence, options
    )


def model_data_distillation(
    base_models: Sequence[str],
    target_model: str,
    transforms: Sequence[str],
    path: str,
    unlabelled_path: str | None,
    output_path: str,
    confidence: float = 0.8,
    **options: Any,
) -> Trained:
    """Several teachers label, looking at the transforms of a picture too."""
    options = {"views": tuple(transforms)} | options
    return _self_train(
        "model-data",
        base_models,
        target_model,
        path,
        unlabelled_path,
        output_path,
        confidence,
        options,
    )


def knowledge_distillation(
    base_model: str,
    target_model: str,
    path: str,
    unlabelled_path: str | None,
    output_path: str,
    **options: Any,
) -> Trained:
    """A larger teacher's probabilities are learned."""
    request = TrainRequest(
        "knowledge",
        target_model,
        path,
        _to_path(unlabelled_path),
        teachers=(base_model,),
        **options,
    )
    return train_net(request, Path(output_path))


def fixmatch(
    target_model: str, path: str, unlabelled_path: str | None, output_path: str, **options: Any
) -> Trained:
    """FixMatch."""
    request = TrainRequest("fixmatch", target_model, path, _to_path(unlabelled_path), **options)
    return train_net(request, Path(output_path))


def mixmatch(
    target_model: str, path: str, unlabelled_path: str | None, output_path: str, **options: Any
) -> Trained:
    """MixMatch."""
    request = TrainRequest("mixmatch", target_model, path, _to_path(unlabelled_path), **options)
    return train_net(request, Path(output_path))


def quantization_aware(
    target_model: str, checkpoint: str, path: str, output_path: str, **options: Any
) -> Trained:
    """A trained checkpoint of the net is trained on so that int8 costs it less."""
    request = TrainRequest("qat", target_model, path, weights=Path(checkpoint), **options)
    return train_net(request, Path(output_path))


def _self_train(
    method: str,
    base_models: Sequence[str],
    target_model: str,
    path: str,
    unlabelled_path: str | None,
    output_path: str,
    confidence: float,
    options: dict[str, Any],
) -> Trained:
    request = TrainRequest(
        method,
        target_model,
        path,
        _to_path(unlabelled_path),
        teachers=tuple(base_models),
        confidence=confidence,
        **options,
    )
    return train_net(request, Path(output_path))


def _to_path(path: str | None) -> Path | None:
    return None if path is None else Path(path)


# The names of compact-distillation and compact-consistencyReg.
plainDistillation = plain_distillation  # noqa: N816  # theirs
dataDistillation = data_distillation  # noqa: N816
modelDistillation = model_distillation  # noqa: N816
modelDataDistillation = model_data_distillation  # noqa: N816
FixMatch = fixmatch
MixMatch = mixmatch
