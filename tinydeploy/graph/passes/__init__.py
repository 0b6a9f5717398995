"""Rewrites of the graph, one pass per file."""
