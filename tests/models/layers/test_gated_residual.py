import numpy as np
import pytest

from models.layers.gated_residual import GatedResidual

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(2, 3, 4)).astype("float32")  # (B, T, U)
CONTEXT = RNG.normal(size=(2, 5)).astype("float32")  # (B, C)
WIDTHS = pytest.mark.parametrize("width", [None, 6], ids=["same-width", "wider"])


def _obvious(layer, context):
    def dense(part, vector):
        bias = 0 if part.bias is None else np.asarray(part.bias)
        return vector @ np.asarray(part.kernel) + bias

    rows = []
    for b, t in np.ndindex(2, 3):
        hidden = dense(layer.enter, INPUTS[b, t])
        if context is not None:
            hidden = hidden + dense(layer.inform, context[b])
        said = dense(layer.say, np.where(hidden > 0, hidden, np.expm1(hidden)))
        gated = dense(layer.value, said) / (1 + np.exp(-dense(layer.gate, said)))
        row = gated + (dense(layer.skip, INPUTS[b, t]) if layer.width else INPUTS[b, t])
        rows.append((row - row.mean()) / np.sqrt(row.var() + layer.normalise.epsilon))
    return np.reshape(rows, (2, 3, -1))


@WIDTHS
@pytest.mark.parametrize("context", [None, CONTEXT], ids=["alone", "with-context"])
def test_it_equals_an_obvious_loop(check_layer, width, context):
    given = [INPUTS] if context is None else [INPUTS, context]

    check_layer(GatedResidual(7, width), *given)

    layer = GatedResidual(7, width)
    result = np.asarray(layer(*given))
    np.testing.assert_allclose(result, _obvious(layer, context), atol=1e-5)


def test_one_vector_per_window_is_an_input_too(check_layer):
    layer = GatedResidual(7)

    assert check_layer(layer, INPUTS[:, 0], CONTEXT).shape == (2, 4)


def test_a_closed_gate_lets_the_input_through_unchanged_but_for_the_norm():
    layer = GatedResidual(7)
    layer.build(INPUTS.shape)
    layer.gate.bias.assign(np.full(4, -1e4))

    centered = INPUTS - INPUTS.mean(axis=-1, keepdims=True)
    expected = centered / np.sqrt(INPUTS.var(axis=-1, keepdims=True) + layer.normalise.epsilon)
    np.testing.assert_allclose(layer(INPUTS), expected, atol=1e-5)


def test_the_same_seed_forgets_the_same_in_training_and_nothing_otherwise():
    first, second, other = (GatedResidual(50, dropout=0.5, seed=seed) for seed in (1, 1, 2))
    for layer in (first, second, other):
        layer(INPUTS)
    other.set_weights(first.get_weights())

    one, two, three = (np.asarray(layer(INPUTS, training=True)) for layer in (first, second, other))

    np.testing.assert_array_equal(one, two)
    assert (one != three).any()
    np.testing.assert_array_equal(np.asarray(first(INPUTS)), np.asarray(other(INPUTS)))


@pytest.mark.parametrize("bad", [{"units": 0}, {"units": 2, "width": 0}], ids=str)
def test_sizes_must_be_positive(bad):
    with pytest.raises(ValueError, match="must be positive"):
        GatedResidual(**bad)
