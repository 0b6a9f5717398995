"""The firmware project: its files, its compiler, its image, its sizes."""
