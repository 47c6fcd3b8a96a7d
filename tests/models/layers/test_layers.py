import numpy as np
import pytest

from models.layers.covariate_scaling import CovariateScaling
from models.layers.instance_scaling import InstanceScaling, InverseScaling
from models.layers.patch_mixture import PatchMixture
from models.layers.patching import Patching
from models.layers.quantile_output import QuantileOutput
from models.layers.temporal_attention import TemporalAttention
from models.learning.settings import NetworkSettings
from models.networks import build_network, network_names

SETTINGS = NetworkSettings(48, 12, (0.1, 0.5, 0.9), (12,), (5000.0,), (1.0,), units=8, num_heads=2)
MAKERS = {
    "instance-scaling": InstanceScaling,
    "inverse-scaling": InverseScaling,
    "covariate-scaling": lambda: CovariateScaling([0.0], [1.0]),
    "patching": lambda: Patching(2),
    "patch-mixture": PatchMixture,
    "quantile-output": lambda: QuantileOutput([0.5]),
}


@pytest.mark.usefixtures("mixed_precision")
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_what_holds_values_in_the_unit_of_the_data_stays_in_float32(make):
    assert make().compute_dtype == "float32"


@pytest.mark.usefixtures("mixed_precision")
def test_what_lies_between_them_follows_the_policy():
    assert TemporalAttention(4).compute_dtype == "bfloat16"


@pytest.mark.usefixtures("mixed_precision")
@pytest.mark.parametrize("name", network_names())
def test_a_network_loses_no_digits_of_a_high_level(name):
    rng = np.random.default_rng(0)
    waves = np.sin(np.arange(48) * 2 * np.pi / 12) + 0.1 * rng.normal(size=(2, 48))
    inputs = {"observed": np.ones((2, 48), bool)}
    inputs["past"] = rng.normal(5000, 1, size=(2, 48, 1)).astype("float32")
    network = build_network(name, SETTINGS, seed=1)

    low, high = (
        np.asarray(network(inputs | {"context": (waves + level).astype("float32")}))
        for level in (0, 20_000)
    )

    assert low.dtype == high.dtype == np.float32
    np.testing.assert_allclose(high - 20_000, low, atol=0.05)  # bfloat16 steps by 128 up there
