"""Pictures of a plan: what to draw, as SVG and as PNG."""
