"""From a float .tflite to ONNX, whence there is one way on: one file per kind of operator."""
