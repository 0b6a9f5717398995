"""The kernels that are faster than the portable ones, a module for each op that has some."""
