"""Training, and the data it needs."""
