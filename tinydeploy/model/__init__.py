"""Float models: what comes in from training, ONNX or published weights."""
