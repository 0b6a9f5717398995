"""What tests of reports share."""

from __future__ import annotations

import pytest

from tests.report.sample_report import make_report
from tinydeploy.report.build_report import BuildReport


@pytest.fixture(scope="session")
def report() -> BuildReport:
    return make_report()
