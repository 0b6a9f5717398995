"""Writing an image to a board."""
