"""Ways to train a net, one per file, each with its source."""
