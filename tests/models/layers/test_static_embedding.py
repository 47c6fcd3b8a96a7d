import keras
import numpy as np

from models.layers.static_embedding import StaticEmbedding

CODES = np.array([[0, 2], [1, 0], [2, 1]], "int32")


def test_vectors_of_all_columns_lie_side_by_side(check_layer):
    vectors = check_layer(StaticEmbedding([3, 3], width=2), CODES)

    layer = StaticEmbedding([3, 3], width=2)
    vectors = np.asarray(layer(CODES))
    first, second = (np.asarray(table) for table in layer.tables)
    for row, (left, right) in enumerate(CODES):
        np.testing.assert_array_equal(vectors[row], [*first[left], *second[right]])


def test_training_sometimes_takes_a_code_for_unknown():
    layer = StaticEmbedding([3, 3], width=2, forget=1.0)

    forgotten = np.asarray(layer(CODES, training=True))

    np.testing.assert_array_equal(forgotten, np.asarray(layer(np.zeros_like(CODES))))


def test_the_unknown_is_learned_by_forgetting_though_no_window_holds_it():
    codes = np.array([[1], [2]] * 50, "int32")
    layer = StaticEmbedding([4], width=2, forget=0.5)
    model = keras.Sequential([keras.Input((1,), dtype="int32"), layer])
    before = np.array(layer.tables[0])
    model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)

    model.train_on_batch(codes, np.ones((100, 2), "float32"))

    moved = (np.array(layer.tables[0]) != before).any(axis=-1)
    np.testing.assert_array_equal(moved, [True, True, True, False])  # nobody had the code 3


def test_what_is_told_outside_of_training_is_never_forgotten():
    layer = StaticEmbedding([3, 3], width=2, forget=1.0)

    first, second = (np.asarray(layer(codes)) for codes in (CODES, np.zeros_like(CODES)))

    assert (first != second).any()
