"""All ONNX operators that can be read: importing this module registers them.

An operator is one function decorated with `reads_op`, in the module of its kind. It reads one
node, appends layers to the reader and raises UnsupportedNodeError for what cannot be expressed.
Shapes are ONNX's (NCHW) there, weights are turned to [O, KH, KW, I].
"""

import tinydeploy.quantize.onnx_elementwise
import tinydeploy.quantize.onnx_linear
import tinydeploy.quantize.onnx_pool
import tinydeploy.quantize.onnx_shape  # noqa: F401 - as the others, for its registrations
