"""The layer that raised a figure is found: widened, new, renamed, or changed by the one before."""

from __future__ import annotations

import dataclasses

import pytest

from tests.check.sample import chain, conv_layer, make_figures
from tinydeploy.check.align import align_layers
from tinydeploy.check.blame import find_blame, list_changes
from tinydeploy.check.figures import Figures

BEFORE = chain(3, 8, 8, 8, 8, 4)


def test_equal_nets_are_aligned_whatever_their_names() -> None:
    renamed = chain(3, 8, 8, 8, 8, 4, names=["v", "w", "x", "y", "z"])
    assert align_layers(renamed, BEFORE) == {k: k for k in range(5)}


def test_behind_a_new_layer_numbers_in_names_count_for_less_than_figures() -> None:
    after = chain(3, 8, 32, 8, 8, 8, 4)  # a new one behind the first; all names move by one
    pairs = align_layers(after, chain(3, 8, 8, 8, 8, 4))
    assert pairs[0] == 0
    assert pairs[5] == 4
    assert len(pairs) == 5


def test_names_pair_layers_that_have_changed() -> None:
    after = (*BEFORE[:2], conv_layer(2, 16, name="conv2"), conv_layer(3, 8, 16), BEFORE[4])
    assert align_layers(after, BEFORE) == {k: k for k in range(5)}


def test_nothing_is_aligned_with_nothing() -> None:
    assert align_layers((), BEFORE) == {}
    assert align_layers(BEFORE, ()) == {}


@pytest.mark.parametrize("resource", ["flash", "ram", "instructions", "latency"])
@pytest.mark.parametrize("names", [None, ["a", "b", "c", "d", "e"]])
@pytest.mark.parametrize("wide", [0, 1, 2, 3])
def test_the_widened_layer_is_named_though_the_next_grows_as_well(
    resource: str, names: list[str] | None, wide: int
) -> None:
    channels = [3, 8, 8, 8, 8, 4]
    channels[wide + 1] = 64
    after = make_figures(chain(*channels, names=names))
    blame = find_blame(resource, after, make_figures(BEFORE))
    assert blame is not None
    assert blame.layer is not None
    assert blame.layer.index == wide
    assert "1x4x4x8 to 1x4x4x64" in blame.text
    if resource == "ram":
        assert any("1x4x4x64" in tensor for tensor in blame.tensors)


def test_a_new_layer_is_named() -> None:
    after = make_figures(chain(3, 8, 8, 48, 8, 8, 4, names=["conv0", "conv1", "new", *"xyz"]))
    blame = find_blame("flash", after, make_figures(BEFORE))
    assert blame is not None
    assert blame.layer is not None
    assert blame.layer.index == 2
    assert "1x4x4x48" in blame.text
    assert "+744 bytes, of that +424" in blame.text


def test_a_larger_input_is_not_blamed_on_a_layer() -> None:
    after = make_figures(chain(64, 8, 8, 8, 8, 4))
    for resource in ("flash", "instructions", "ram"):
        blame = find_blame(resource, after, make_figures(BEFORE))
        assert blame is not None
        assert blame.layer is None
        assert "the model's input changed from 1x4x4x3 to 1x4x4x64" in blame.text


def test_a_layer_of_the_same_shapes_that_costs_more_is_named() -> None:
    slow = dataclasses.replace(BEFORE[2], instructions=90_000, kernel="conv_2d_s8")
    after = make_figures((*BEFORE[:2], slow, *BEFORE[3:]))
    blame = find_blame("instructions", after, make_figures(BEFORE))
    assert blame is not None
    assert blame.layer == slow
    assert "runs conv_2d_s8 in place of conv_2d_gemm_s8" in blame.text


def test_code_of_a_new_kernel_is_blamed_on_the_layer_that_brings_it() -> None:
    odd = dataclasses.replace(BEFORE[3], kernel="lookup_s8")
    after = dataclasses.replace(make_figures((*BEFORE[:3], odd, BEFORE[4])), code=9000)
    blame = find_blame("flash", after, make_figures(BEFORE))
    assert blame is not None
    assert blame.layer == odd
    assert "brings a new kernel along (lookup_s8): +4,000 bytes" in blame.text


def test_without_a_baseline_the_costliest_is_named() -> None:
    after = make_figures(chain(3, 8, 32, 4))
    for resource, index in (("flash", 1), ("instructions", 1), ("ram", 1)):
        blame = find_blame(resource, after, None)
        assert blame is not None
        assert blame.layer is not None
        assert blame.layer.index == index


def test_the_layer_that_adds_noise_is_named() -> None:
    def levels(*snr: float | None) -> Figures:
        return make_figures(
            [dataclasses.replace(a, snr=b) for a, b in zip(BEFORE, snr, strict=True)]
        )

    before, after = levels(50, 45, 44, 43, 40), levels(50, 44.8, 30, 29.5, None)
    for resource in ("snr", "accuracy", "max_drop"):
        blame = find_blame(resource, after, before)
        assert blame is not None
        assert blame.layer == after.layers[2]
        assert "fell from 44.0 to 30.0 dB" in blame.text
        worst = find_blame(resource, after, None)
        assert worst is not None
        assert worst.layer == after.layers[3]
    assert find_blame("snr", before, before) is None
    assert find_blame("snr", levels(None, None, None, None, None), before) is None


@pytest.mark.parametrize("resource", ["stack", "accuracy", "max_drop", "snr"])
def test_layers_are_not_to_blame_for_what_they_do_not_have(resource: str) -> None:
    after = make_figures(chain(3, 8, 64, 8, 8, 4))
    assert find_blame(resource, after, make_figures(BEFORE)) is None


def test_what_did_not_grow_is_nobodys_fault() -> None:
    after = make_figures(chain(3, 8, 4, 8, 8, 4))
    for resource in ("flash", "instructions"):
        assert find_blame(resource, after, make_figures(BEFORE)) is None


def test_figures_without_the_emulated_board_blame_nobody() -> None:
    layers = [dataclasses.replace(layer, instructions=None, cycles=None) for layer in BEFORE]
    assert find_blame("instructions", make_figures(layers), make_figures(BEFORE)) is None
    assert find_blame("latency", make_figures(layers), None) is None


def test_changes_list_what_is_new_gone_or_different() -> None:
    after = make_figures(chain(3, 8, 64, 8, 4))
    changes = list_changes(after, make_figures(BEFORE))
    assert [change.layer.index for change in changes if change.now is None] == [3]
    widened = next(change for change in changes if change.now == after.layers[1])
    assert widened.delta("flash") == 56 * 8
    assert list_changes(after, after) == []


def test_names_that_would_spoil_a_terminal_are_shown_harmless() -> None:
    layer = conv_layer(0, 4, name="\x1b[2Jevil\n" + "x" * 200)
    assert layer.title.isprintable()
    assert len(layer.title) < 80
