import contextlib
import inspect

import keras
import numpy as np
import pytest


def _symbolic(array):
    return keras.Input(array.shape[1:], dtype=str(array.dtype))


def _parts(outputs):
    several = isinstance(outputs, tuple | list)
    return [np.asarray(part) for part in (outputs if several else [outputs])]


@pytest.fixture
def check_layer(tmp_path):
    """What every layer owes: shapes, finite values, a config, a file, precision and gradients."""

    def check(layer, *arrays):
        inputs = [_symbolic(array) for array in arrays]
        model = keras.Model(inputs, layer(*inputs))
        outputs = _parts(layer(*arrays))
        stated = layer.compute_output_shape(*(array.shape for array in arrays))
        stated = stated if isinstance(stated[0], tuple) else (stated,)
        assert [part.shape for part in outputs] == list(stated)
        assert all(np.isfinite(part).all() for part in outputs)

        clone = type(layer).from_config(layer.get_config())
        assert clone.get_config() == layer.get_config()
        arguments = set(inspect.signature(type(layer).__init__).parameters)
        assert arguments - {"self", "args", "kwargs"} <= set(layer.get_config())
        assert keras.saving.get_registered_name(type(layer)).startswith("nightcast>")

        model.save(tmp_path / "layer.keras")
        loaded = keras.saving.load_model(tmp_path / "layer.keras")
        for left, right in zip(outputs, _parts(loaded(list(arrays))), strict=True):
            np.testing.assert_array_equal(left, right)

        _check_mixed_precision(layer, arrays, outputs)
        _check_that_it_learns(layer, arrays)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    return check


@contextlib.contextmanager
def _policy(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _check_mixed_precision(layer, arrays, exact):
    """With the same weights a policy of mixed precision rounds, and no more than that."""
    config = {name: value for name, value in layer.get_config().items() if name != "dtype"}
    for policy in ("mixed_bfloat16", "mixed_float16"):
        with _policy(policy):
            rough = type(layer).from_config(config)
            rough(*arrays)
            rough.set_weights(layer.get_weights())
            outputs = _parts(rough(*arrays))
        for expected, part in zip(exact, outputs, strict=True):
            assert part.dtype == rough.compute_dtype
            size = np.abs(expected).max(initial=1e-6)
            np.testing.assert_allclose(part.astype("float32"), expected, atol=0.05 * size)


def _check_that_it_learns(layer, arrays):
    """A step of training leaves every weight finite and moves at least one."""
    if not layer.trainable_weights:
        return
    inputs = [_symbolic(array) for array in arrays]
    outputs = layer(*inputs)
    first = outputs[0] if isinstance(outputs, tuple) else outputs
    model = keras.Model(inputs, first)
    model.compile("sgd", "mse", jit_compile=False)
    before = [np.array(weight) for weight in layer.trainable_weights]
    target = np.random.default_rng(1).normal(size=first.shape[1:]).astype("float32")
    model.train_on_batch(list(arrays), np.stack([target] * len(arrays[0])))
    after = [np.array(weight) for weight in layer.trainable_weights]
    assert all(np.isfinite(weight).all() for weight in after)
    assert any((old != new).any() for old, new in zip(before, after, strict=True))
