"""The built-in model, trained once for a whole test run."""

import pytest

from tinydeploy.train.digits import load_digits_model


@pytest.fixture(scope="session")
def digits_cache(tmp_path_factory):
    """Makes tinydeploy keep trained weights in a folder of this test run, and gives the folder."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYDEPLOY_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def digits_model(digits_cache):
    """The digits model, trained by its own recipe; the cache then holds it."""
    return load_digits_model()
