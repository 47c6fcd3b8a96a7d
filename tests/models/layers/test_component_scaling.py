import numpy as np

from models.layers.component_scaling import ComponentScaling
from models.layers.instance_scaling import InstanceScaling

RNG = np.random.default_rng(0)
COMPONENTS = RNG.normal(5, 2, size=(2, 6, 3)).astype("float32")


def test_scaled_components_add_up_to_the_scaled_context(check_layer):
    context, observed = COMPONENTS.sum(axis=-1), RNG.random((2, 6)) < 0.7
    scaled, center, scale = map(np.asarray, InstanceScaling()(context, observed))
    layer = ComponentScaling()
    check_layer(layer, COMPONENTS, observed, center, scale)

    parts = np.asarray(layer(COMPONENTS, observed, center, scale))

    np.testing.assert_allclose(parts.sum(axis=-1), scaled, atol=1e-5)
    assert not observed.all()
    assert not parts[~observed].any(), "a gap says nothing"


def test_the_level_is_taken_from_the_slowest_one_alone():
    center, scale = np.full((2, 1), 7, "float32"), np.full((2, 1), 2, "float32")

    parts = np.asarray(ComponentScaling()(COMPONENTS, np.ones((2, 6), bool), center, scale))

    np.testing.assert_allclose(parts[..., 0], (COMPONENTS[..., 0] - 7) / 2, rtol=1e-5)
    np.testing.assert_allclose(parts[..., 1:], COMPONENTS[..., 1:] / 2, rtol=1e-5)
