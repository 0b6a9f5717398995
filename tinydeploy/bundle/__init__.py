"""Proof bundles: a build with all that it takes to verify it elsewhere, as one zip."""
