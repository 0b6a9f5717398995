"""The firmware project: written, compiled, measured."""
