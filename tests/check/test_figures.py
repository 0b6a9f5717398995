"""What counts as a build's accuracy: right classes, or of a detector mAP@0.5."""

from __future__ import annotations

import dataclasses

from tests.report.sample_accelerated import make_accelerated
from tests.report.sample_report import make_report
from tinydeploy.check.figures import take_accelerated_figures, take_figures
from tinydeploy.report.accelerated_report import ComparedQualityFacts, NetQualityFacts
from tinydeploy.report.build_report import DetectionFacts, PrecisionFacts


def test_of_a_detector_it_is_map() -> None:
    found = DetectionFacts(PrecisionFacts(0.75, 0.5), PrecisionFacts(0.7, 0.4), 8, 21, 0.4, 0.5, ())
    report = dataclasses.replace(make_report(), accuracy=None, detection=found)
    values = take_figures(report).values
    assert (values["accuracy"], values["max_drop"]) == (0.7, 5.0)
    alone = dataclasses.replace(report, detection=dataclasses.replace(found, float=None))
    values = take_figures(alone).values
    assert (values["accuracy"], values["max_drop"]) == (0.7, None)


def test_with_an_accelerator_it_is_that_of_both_together() -> None:
    report, _ = make_accelerated()
    values = take_accelerated_figures(report).values
    assert (values["accuracy"], values["max_drop"]) == (0.9, 10.0)
    nets = [NetQualityFacts(None, PrecisionFacts(p, p / 2)) for p in (0.9, 0.8, 0.7)]
    detector = dataclasses.replace(report, quality=ComparedQualityFacts(8, 21, *nets))
    values = take_accelerated_figures(detector).values
    assert (values["accuracy"], values["max_drop"]) == (0.7, 20.0)
    silent = take_accelerated_figures(make_accelerated(samples=False)[0]).values
    assert (silent["accuracy"], silent["max_drop"]) == (None, None)
