import numpy as np
import pytest

from models.forecasters.support import Support


@pytest.mark.parametrize(
    ("values", "support"),
    [
        pytest.param([0, 2, np.nan], Support(non_negative=True, integral=True), id="counts"),
        pytest.param([-1, 2], Support(integral=True), id="differences of counts"),
        pytest.param([0.5, 2], Support(non_negative=True), id="amounts"),
        pytest.param([-0.5, 2], Support(), id="anything"),
    ],
)
def test_the_support_is_what_all_values_share(values, support):
    others = np.float32([4, 5])

    assert Support.of_values([others, np.float32(values)]) == support


def test_values_after_the_training_say_nothing(make_panel):
    panel = make_panel([np.float32([1, 2, 3, 0.5, -4])], horizon=1)

    assert Support.of(panel, until=panel.cutoff_slot - 2) == Support(True, True)
    assert Support.of(panel, until=panel.cutoff_slot) == Support()


def test_forecasts_fit_the_support_and_keep_their_order():
    quantiles = np.float32([[-0.6, 0.4, 0.6, 2.5]])

    counts = Support(non_negative=True, integral=True).fit(quantiles)

    np.testing.assert_array_equal(counts, [[0, 0, 1, 2]])
    np.testing.assert_array_equal(Support().fit(quantiles), quantiles)
