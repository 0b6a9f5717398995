"""Definitions of compact networks, one architecture per file."""
