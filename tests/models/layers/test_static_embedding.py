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
