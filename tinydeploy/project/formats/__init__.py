"""The model for other people's projects: one file per format, all from the same sources."""
