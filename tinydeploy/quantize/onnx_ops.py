"""All ONNX operators that can be read: importing this module registers them.

An operator is one function decorated with `reads_op`, in the module of its kind. It reads one
node, appends layers to the reader and raises UnsupportedNodeError for what cannot be expressed. Its
docstring is the manual's sentence about it. Layers read stored tensors, whose axes are TFLite's.
"""

import tinydeploy.quantize.onnx_activation
import tinydeploy.quantize.onnx_elementwise
import tinydeploy.quantize.onnx_linear
import tinydeploy.quantize.onnx_move
import tinydeploy.quantize.onnx_pool
import tinydeploy.quantize.onnx_qdq
import tinydeploy.quantize.onnx_resize
import tinydeploy.quantize.onnx_shape  # noqa: F401 - as the others, for its registrations
