"""Writing an image to a board with the tools that people have."""
