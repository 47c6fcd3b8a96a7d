import numpy as np

from models.layers.position_embedding import PositionEmbedding


def test_every_position_has_a_vector_of_its_own(check_layer):
    states = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)

    positions = check_layer(PositionEmbedding(seed=1), states) - states

    np.testing.assert_allclose(positions[0], positions[1], atol=1e-6)
    assert len(np.unique(positions[0].round(6), axis=0)) == 5
