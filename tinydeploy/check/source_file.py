"""An int8 model with its samples as JSON and arrays, so that it is made once for all targets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from tinydeploy.check.store import Arrays, make_key
from tinydeploy.detection.objects import Objects
from tinydeploy.quantize.layer_quality import LayerQuality
from tinydeploy.source.source import Source

_SCENE_FIELDS = ("boxes", "classes", "ignored")


def pack_source(source: Source) -> tuple[dict[str, Any], Arrays]:
    """All of a source that a build needs: all but its float net."""
    given = {
        "tflite": np.frombuffer(source.tflite, np.uint8),
        "samples": source.samples,
        "classes": source.classes,
        **{f"outputs{k}": values for k, values in enumerate(source.float_outputs or ())},
    }
    if source.scenes is not None:
        given |= {
            "scene_sizes": np.array([len(scene.boxes) for scene in source.scenes], np.int64),
            **{
                f"scene_{field}": np.concatenate([getattr(s, field) for s in source.scenes])
                for field in _SCENE_FIELDS
            },
        }
    arrays = {name: values for name, values in given.items() if values is not None}
    content = {
        "name": source.name,
        "origin": source.origin,
        "layers": [asdict(layer) for layer in source.layers],
        "outputs": None if source.float_outputs is None else len(source.float_outputs),
    }
    return content, arrays


def unpack_source(content: Mapping[str, Any], arrays: Arrays) -> Source:
    """The source again, without its float net."""
    count = content["outputs"]
    return Source(
        name=content["name"],
        origin=content["origin"],
        tflite=arrays["tflite"].tobytes(),
        samples=arrays.get("samples"),
        float_outputs=None if count is None else tuple(arrays[f"outputs{k}"] for k in range(count)),
        classes=arrays.get("classes"),
        layers=tuple(LayerQuality(**layer) for layer in content["layers"]),
        scenes=_unpack_scenes(arrays),
    )


def _unpack_scenes(arrays: Arrays) -> tuple[Objects, ...] | None:
    if "scene_sizes" not in arrays:
        return None
    ends = np.cumsum(arrays["scene_sizes"])[:-1]
    parts = (np.split(arrays[f"scene_{field}"], ends) for field in _SCENE_FIELDS)
    return tuple(Objects(*fields) for fields in zip(*parts, strict=True))


def hash_source(content: Mapping[str, Any], arrays: Arrays) -> str:
    """Digest of everything that is packed."""
    digests = {
        name: (str(values.dtype), values.shape, hashlib.sha256(values.tobytes()).hexdigest())
        for name, values in sorted(arrays.items())
    }
    return make_key("packed source", sorted(content.items()), digests)
