import keras
import numpy as np

from models.layers.shown_beside import ShownBeside


def test_what_is_shown_changes_nothing_and_stays_in_the_network(check_layer):
    passed, shown = np.ones((2, 3), "float32"), np.full((2, 4), np.nan, "float32")
    check_layer(ShownBeside(), passed, np.zeros((2, 4), "float32"))

    np.testing.assert_array_equal(ShownBeside()(passed, shown), passed)

    one, other = keras.Input((3,)), keras.Input((4,))
    beside = keras.layers.Identity(name="seen")(other)
    network = keras.Model([one, other], ShownBeside()(one, beside))
    assert "seen" in [layer.name for layer in network.layers]
