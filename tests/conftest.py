"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tinydeploy.model.float_model import FloatModel


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """As at a terminal: a shell that runs the tests in the background has SIGINT ignored.

    nohup ignores SIGHUP. Programs that tests start would inherit that.
    """
    interrupted = signal.signal(signal.SIGINT, signal.default_int_handler)
    hung_up = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGHUP, hung_up)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real models and weights; tests that need it skip where it is not set."""
    name = os.environ.get("TINYDEPLOY_TEST_DATA")
    if not name or not Path(name).is_dir():
        pytest.skip("TINYDEPLOY_TEST_DATA does not name a folder: real models are not at hand")
    return Path(name)


@pytest.fixture(scope="session")
def digits_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Makes tinydeploy keep trained weights in a folder of this test run, and gives the folder."""
    base = tmp_path_factory.getbasetemp()
    # The workers of one run share the folder, so that not each of them trains.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYDEPLOY_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def digits_model(digits_cache: Path) -> FloatModel:
    """The built-in model, trained by its own recipe; the cache then holds it."""
    from tinydeploy.train.digits import load_digits_model

    return load_digits_model()
