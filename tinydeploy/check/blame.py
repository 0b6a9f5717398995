"""Which layer made a figure worse: the first one changed, with all that changed because of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tinydeploy.check.align import align_layers
from tinydeploy.check.figures import Figures, HeldFigures, LayerFigures

_INPUT = -1
_COSTS: Mapping[str, Callable[[LayerFigures], int | None]] = {
    "flash": lambda layer: layer.flash,
    "instructions": lambda layer: layer.instructions,
    "latency": lambda layer: layer.cycles,
}
_QUALITIES = ("accuracy", "max_drop", "snr")
# Changes of decibels that mean nothing.
_LEAST_DB = 0.1
_UNITS = {"flash": "bytes", "instructions": "instructions", "latency": "cycles"}


@dataclass(frozen=True)
class Blame:
    """Who raised a figure.

    Args:
        layer: The layer; None where it is the model's input, or no single layer.
        text: A sentence without a full stop.
        tensors: For RAM, what is live at the peak.
    """

    layer: LayerFigures | None
    text: str
    tensors: tuple[str, ...] = ()


@dataclass(frozen=True)
class LayerChange:
    """A layer that is new, gone, or costs something else; None for what is not there.

    Args:
        now: The layer; None where it is gone.
        before: The layer in the baseline; None where it is new.
    """

    now: LayerFigures | None
    before: LayerFigures | None

    @property
    def layer(self) -> LayerFigures:
        """The layer as it is, or as it was."""
        layer = self.now or self.before
        assert layer is not None
        return layer

    def delta(self, name: str) -> int | None:
        """Change of a field; None where it was not measured. Layers that are not there have 0."""
        values = [0 if x is None else getattr(x, name) for x in (self.now, self.before)]
        return None if None in values else values[0] - values[1]


def list_changes(now: Figures, before: Figures) -> list[LayerChange]:
    """The layers that cost something else, in order, at the end those that are gone."""
    pairs = align_layers(now.layers, before.layers)
    changes = [
        LayerChange(layer, before.layers[pairs[k]] if k in pairs else None)
        for k, layer in enumerate(now.layers)
    ]
    gone = [LayerChange(None, b) for k, b in enumerate(before.layers) if k not in pairs.values()]
    fields = ("flash", "live", "instructions")
    return [
        change
        for change in (*changes, *gone)
        if None in (change.now, change.before) or any(change.delta(name) for name in fields)
    ]


def find_blame(resource: str, now: Figures, before: Figures | None) -> Blame | None:
    """Who raised a figure over its baseline; without one, who costs most.

    Args:
        resource: A name of RESOURCES.
        now: The build.
        before: The baseline of the same target.

    Returns:
        None where layers have nothing to do with it.
    """
    if resource == "ram":
        return _blame_peak(now, before)
    if resource in _QUALITIES:
        return _blame_noise(now, before)
    if resource not in _COSTS:
        return None
    cost = _COSTS[resource]
    if before is None:
        layers = [layer for layer in now.layers if cost(layer) is not None]
        most = max(layers, key=lambda layer: cost(layer) or 0, default=None)
        if most is None:
            return None
        return Blame(most, f"most takes {most.title}: {cost(most) or 0:,} {_UNITS[resource]}")
    return _blame_cost(resource, now, before)


def _blame_cost(resource: str, now: Figures, before: Figures) -> Blame | None:
    cost, unit = _COSTS[resource], _UNITS[resource]
    pairs = align_layers(now.layers, before.layers)
    roots = _find_roots(now.layers, before.layers, pairs)
    own: dict[int, int] = {}
    sums: dict[int, int] = {}
    for k, layer in enumerate(now.layers):
        after, old = cost(layer), cost(before.layers[pairs[k]]) if k in pairs else 0
        if after is None or old is None:
            return None
        root = roots[k]
        if root is not None:
            own[k] = after - old
            sums[root] = sums.get(root, 0) + after - old
    root = max(sums, key=lambda k: sums[k], default=None)
    code = now.code - before.code if resource == "flash" else 0
    if code > 0 and (root is None or code > sums[root]):
        return _blame_kernels(code, now, before)
    if root is None or sums[root] <= 0:
        return None
    if root == _INPUT:
        shapes = _shapes(now.layers, before.layers, pairs)
        return Blame(None, f"the model's input changed{shapes}: {sums[root]:+,} {unit} in all")
    layer = now.layers[root]
    rest = sums[root] - own[root]
    behind = f", of that {rest:+,} in layers behind it that take its output" if rest else ""
    what = _describe_change(layer, before.layers[pairs[root]] if root in pairs else None)
    return Blame(layer, f"{layer.title} {what}: {sums[root]:+,} {unit}{behind}")


def _blame_kernels(code: int, now: Figures, before: Figures) -> Blame:
    """Code grew more than any layer's own: by kernels, which layers share."""
    known = {layer.kernel for layer in before.layers}
    new = [layer for layer in now.layers if layer.kernel not in known]
    if not new:
        return Blame(None, f"code that layers share grew by {code:,} bytes")
    kernels = ", ".join(dict.fromkeys(layer.kernel for layer in new))
    return Blame(
        new[0], f"{new[0].title} brings a new kernel along ({kernels}): {code:+,} bytes of code"
    )


def _blame_peak(now: Figures, before: Figures | None) -> Blame | None:
    """The layer that made what grew most of all that is live at the peak."""
    index = {layer.index: k for k, layer in enumerate(now.layers)}
    tensors = tuple(_describe_held(held, now, index) for held in now.held)
    if before is None:
        held = next(iter(now.held), None)
        layer = None if held is None or held.layer == _INPUT else now.layers[index[held.layer]]
        return Blame(layer, f"most at the peak is {tensors[0]}", tensors) if tensors else None
    if now.arena <= before.arena:
        return None
    pairs = align_layers(now.layers, before.layers)
    roots = _find_roots(now.layers, before.layers, pairs)

    def growth(held: HeldFigures) -> int:
        if held.layer == _INPUT:
            old = max((h.bytes for h in before.held if h.layer == _INPUT), default=0)
        else:
            k = index[held.layer]
            was = before.layers[pairs[k]] if k in pairs else None
            old = 0 if was is None else was.scratch if held.scratch else was.held
        return held.bytes - old

    most = max(now.held, key=growth, default=None)
    runs = now.layers[index[now.peak_layer]] if now.peak_layer in index else None
    where = "" if runs is None else f" while {runs.title} runs"
    grown = f"the arena grew by {now.arena - before.arena:,} bytes, the peak is{where}"
    if most is None or growth(most) <= 0:
        return Blame(runs, grown, tensors)
    root = _INPUT if most.layer == _INPUT else roots[index[most.layer]]
    if root == _INPUT:
        shapes = _shapes(now.layers, before.layers, pairs)
        return Blame(None, f"the model's input changed{shapes}; {grown}", tensors)
    k = index[most.layer] if root is None else root
    layer = now.layers[k]
    what = _describe_change(layer, before.layers[pairs[k]] if k in pairs else None)
    return Blame(layer, f"{layer.title} {what}; {grown}", tensors)


def _blame_noise(now: Figures, before: Figures | None) -> Blame | None:
    """The layer at whose output the noise rose most over what its inputs brought along."""
    if before is None:
        measured = [(layer.snr, layer) for layer in now.layers if layer.snr is not None]
        if not measured:
            return None
        level, worst = min(measured, key=lambda entry: entry[0])
        return Blame(worst, f"the noisiest output is that of {worst.title}: {level:.1f} dB")
    pairs = align_layers(now.layers, before.layers)
    drops: dict[int, float] = {}
    own: list[tuple[float, LayerFigures, LayerFigures]] = []
    for k, layer in enumerate(now.layers):
        old = before.layers[pairs[k]] if k in pairs else None
        if old is None or old.snr is None or layer.snr is None:
            continue
        drops[layer.index] = old.snr - layer.snr
        brought = max((drops.get(maker, 0.0) for maker in layer.inputs), default=0.0)
        own.append((drops[layer.index] - brought, layer, old))
    own = [entry for entry in own if entry[0] >= _LEAST_DB]
    if not own:
        return None
    _, layer, old = max(own, key=lambda entry: entry[0])
    return Blame(
        layer, f"{layer.title}: the SNR of its output fell from {old.snr:.1f} to {layer.snr:.1f} dB"
    )


def _find_roots(
    now: Sequence[LayerFigures], before: Sequence[LayerFigures], pairs: Mapping[int, int]
) -> list[int | None]:
    """By layer, the position of the layer whose change changed it.

    That is itself where its inputs have the shapes that they had, else the one that their maker is
    due to; -1 for the model's input, None where nothing changed.
    """
    index = {layer.index: k for k, layer in enumerate(now)}
    reshaped = set()  # indices of what makes another shape than it did, or is new
    roots: list[int | None] = []
    for k, layer in enumerate(now):
        old = before[pairs[k]] if k in pairs else None
        if old is None or old.output_shape != layer.output_shape:
            reshaped.add(layer.index)
        if old is None:
            causes = [maker for maker in layer.inputs if maker in reshaped]
        else:
            shapes = zip(layer.inputs, layer.input_shapes, old.input_shapes, strict=False)
            causes = [maker for maker, shape, was in shapes if shape != was]
        root: int | None
        if causes:
            root = _INPUT if causes[0] == _INPUT else roots[index[causes[0]]]
            root = k if root is None else root
        else:
            root = None if old is not None and _costs_the_same(layer, old) else k
        roots.append(root)
    return roots


def _costs_the_same(layer: LayerFigures, old: LayerFigures) -> bool:
    fields = ("output_shape", "flash", "held", "live", "instructions")
    return all(getattr(layer, field) == getattr(old, field) for field in fields)


def _describe_change(layer: LayerFigures, old: LayerFigures | None) -> str:
    if old is None:
        return f"is new, output {_shape(layer.output_shape)}"
    if layer.output_shape != old.output_shape:
        return f"went from {_shape(old.output_shape)} to {_shape(layer.output_shape)}"
    if layer.macs != old.macs:
        return f"went from {old.macs:,} to {layer.macs:,} MACs"
    if layer.kernel != old.kernel:
        return f"runs {layer.kernel} in place of {old.kernel}"
    return "costs more"


def _describe_held(held: HeldFigures, now: Figures, index: Mapping[int, int]) -> str:
    if held.layer == _INPUT:
        return f"{held.bytes:,} bytes of the model's input"
    layer = now.layers[index[held.layer]]
    what = "scratch" if held.scratch else f"output {_shape(layer.output_shape)}"
    return f"{held.bytes:,} bytes of {what} of {layer.title}"


def _shapes(
    now: Sequence[LayerFigures], before: Sequence[LayerFigures], pairs: Mapping[int, int]
) -> str:
    """How the model's input changed, as the first layer that takes it says."""
    for k, layer in enumerate(now):
        if _INPUT in layer.inputs and k in pairs:
            which = layer.inputs.index(_INPUT)
            old = before[pairs[k]].input_shapes[which]
            return f" from {_shape(old)} to {_shape(layer.input_shapes[which])}"
    return ""


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
