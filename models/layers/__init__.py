"""Keras layers, one per file, each registered under `nightcast` and tested by `check_layer`."""
