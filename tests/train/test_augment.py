import pytest
import torch

from tinydeploy.errors import UsageError
from tinydeploy.train.augment import COLOR, GEOMETRY, STRONG, WEAK, cut_out
from tinydeploy.train.histogram import equalize, stretch_contrast
from tinydeploy.train.views import _ALIASES, VIEWS, choose_views


def noise(channels, side=16, count=6):
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", [*WEAK, *STRONG])
def test_augmentations_keep_shape_and_range_and_differ_by_picture(name, channels):
    augment = WEAK.get(name) or STRONG[name]
    x = noise(channels, count=1).repeat(6, 1, 1, 1)
    torch.manual_seed(0)
    made = augment(x)
    torch.manual_seed(0)
    assert torch.equal(augment(x), made)
    assert made.shape == x.shape
    assert made.min() >= 0
    assert made.max() <= 1 + 1e-6
    if name != "none":
        assert not torch.equal(made[0], made[1])


@pytest.mark.parametrize("name", GEOMETRY)
def test_no_strength_moves_nothing(name):
    matrix, move = GEOMETRY[name](torch.zeros(3))
    torch.testing.assert_close(matrix, torch.eye(2).repeat(3, 1, 1))
    assert not move.any()


@pytest.mark.parametrize("name", ["contrast", "brightness", "gamma", "color", "sharpness"])
def test_no_strength_changes_no_color(name):
    x = noise(3)
    torch.testing.assert_close(COLOR[name](x, torch.zeros(6, 1, 1, 1)), x, atol=2e-4, rtol=0)


def test_what_is_cut_out_is_a_square():
    torch.manual_seed(0)
    made = cut_out(torch.ones(200, 1, 8, 8), 0.375, torch.tensor(0.0))
    sizes = (made == 0).sum((1, 2, 3))
    assert sizes.max() == 9
    assert (sizes == 0).any()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [8, 64])
@pytest.mark.parametrize("name", VIEWS)
def test_views_keep_shape_and_range_and_change_something(name, side, channels):
    x = noise(channels, side, 2)
    made = VIEWS[name](x)
    assert made.shape == x.shape
    assert made.min() >= 0
    assert made.max() <= 1 + 1e-5
    assert not torch.allclose(made, x, atol=1e-3)


def test_flips_are_not_swapped():
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 0, 0] = 1  # top left
    assert VIEWS["h_flip"](x)[0, 0, 0, 3] == 1  # top right
    assert VIEWS["v_flip"](x)[0, 0, 3, 0] == 1  # bottom left
    assert VIEWS["hv_flip"](x)[0, 0, 3, 3] == 1


def test_filters_by_their_definitions():
    x = noise(1, 8, 1)
    center = x[0, 0, 2:5, 2:5]
    assert VIEWS["blur"](x)[0, 0, 3, 3] == pytest.approx(float(center.mean()), abs=1e-6)
    assert VIEWS["median_blur"](x)[0, 0, 3, 3] == center.median()
    flat = torch.full((1, 3, 8, 8), 0.25)
    for name in ("blur", "gaussian_blur", "median_blur", "bilateral", "sharpen"):
        torch.testing.assert_close(VIEWS[name](flat), flat)
    edge = torch.zeros(1, 1, 8, 8)
    edge[..., 4:] = 1
    soft, kept = VIEWS["gaussian_blur"](edge), VIEWS["bilateral"](edge)
    assert (kept - edge).abs().max() < (soft - edge).abs().max() / 10


def test_equalized_levels_are_spread_and_hues_kept():
    x = noise(1) * 0.2 + 0.3
    made = equalize(x)
    assert made.min() == 0
    assert made.max() == 1
    assert abs(float(made.mean()) - 0.5) < 0.02
    gray = x.repeat(1, 3, 1, 1)
    torch.testing.assert_close(equalize(gray), made.repeat(1, 3, 1, 1), atol=5e-3, rtol=0)
    flat = torch.full((1, 1, 4, 4), 0.5)
    assert torch.equal(equalize(flat), flat)
    assert torch.equal(stretch_contrast(flat), flat)
    assert stretch_contrast(x).max() == pytest.approx(1, abs=1e-6)


def test_names_of_views():
    assert len(_ALIASES) == len(VIEWS) == 10
    assert choose_views(["H Flip", "gamma"]) == (VIEWS["h_flip"], VIEWS["gamma"])
    with pytest.raises(UsageError, match="'sepia' is no view"):
        choose_views(["sepia"])
