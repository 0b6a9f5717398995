"""From what the user names to an int8 .tflite: one file per kind of source."""
