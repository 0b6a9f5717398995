"""The int8 graph: read from a .tflite, rewritten by passes, verified."""
