"""Training of single-shot detectors, their data, and mAP."""
