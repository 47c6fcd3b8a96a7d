import keras
import numpy as np

from models.learning.settings import NetworkSettings
from models.networks.attention_lstm import MIXTURES, build

SETTINGS = NetworkSettings(12, 10, (0.5,), (4,), units=8, patch=2)


def test_each_patch_has_the_weights_that_its_question_gave_to_its_place(make_inputs):
    network = build(SETTINGS, seed=1)
    names = ("attention_per_question", "attention")
    outputs = [network.get_layer(name).output for name in names]

    looks = keras.Model(network.input, outputs)(make_inputs(SETTINGS))

    per_question, per_patch = (np.asarray(look) for look in looks)
    size = MIXTURES * SETTINGS.patch_length
    assert per_patch.shape == (3, size, 5, 6)
    for patch in range(5):
        question, place = divmod(patch, 2)
        expected = per_question[:, place * size : (place + 1) * size, question]
        np.testing.assert_array_equal(per_patch[:, :, patch], expected)
