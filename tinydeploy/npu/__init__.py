"""TinyNPU: an accelerator that runs an int8 graph from its own memory (docs/tinynpu.md)."""
