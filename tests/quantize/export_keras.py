"""Writes the ONNX file of a small Keras model to a path, as tf2onnx makes it."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import tensorflow as tf
import tf2onnx
from keras import layers

SHAPE = (1, 16, 16, 3)


def make_model() -> keras.Model:
    keras.utils.set_random_seed(1)
    source = keras.Input(SHAPE[1:], batch_size=1)
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(source)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    y = layers.LeakyReLU()(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.MaxPooling2D()(layers.Add()([x, y]))
    x = layers.Conv2D(12, 1, activation="swish")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.AveragePooling2D(2, padding="same")(x)
    return keras.Model(source, layers.Dense(5, activation="softmax")(layers.Flatten()(x)))


if __name__ == "__main__":
    model = make_model()
    signature = [tf.TensorSpec(SHAPE, tf.float32, name="x")]
    function = tf.function(model, input_signature=signature)
    program, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=15)
    Path(sys.argv[1]).write_bytes(program.SerializeToString())
