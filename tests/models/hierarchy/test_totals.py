from statistics import NormalDist

import numpy as np
import pytest

from data_contracts.spec import DECILES
from models.forecasters.support import Support
from models.hierarchy.grouping import Grouping
from models.hierarchy.templates import Templates
from models.hierarchy.totals import total_means, total_quantiles

NUM_SERIES, HORIZON = 300, 2
ANY = Support()
NORMAL = np.array([NormalDist().inv_cdf(level) for level in DECILES])


@pytest.fixture
def grouping():
    labels = {"shop": ["alone", *["a", "b", "c"] * 100][:NUM_SERIES]}
    return Grouping.of(labels, num_series=NUM_SERIES, total=True)


@pytest.fixture
def quantiles():
    mean = np.linspace(50, 150, NUM_SERIES)
    return np.tile((mean[:, None] + 5 * NORMAL)[:, None], (1, HORIZON, 1)).astype(np.float32)


def quantiles_of(quantiles, grouping, templates, support=ANY):
    return total_quantiles(quantiles, grouping, templates, levels=DECILES, support=support)


def test_means_add_up(grouping):
    means = np.random.default_rng(0).gamma(2, 9, (NUM_SERIES, HORIZON)).astype(np.float32)
    expected = grouping.matrix() @ means.astype(np.float64)
    np.testing.assert_array_equal(total_means(means, grouping), expected.astype(np.float32))


def test_series_that_miss_apart_leave_a_total_almost_certain(grouping, quantiles):
    made = quantiles_of(quantiles, grouping, Templates.apart(NUM_SERIES, seed=7))
    expected = quantiles[:, :, 4].sum(axis=0)[:, None] + 5 * np.sqrt(NUM_SERIES) * NORMAL
    np.testing.assert_allclose(made[0], expected, atol=15)


def test_series_that_miss_together_have_the_sums_of_their_quantiles(grouping, quantiles):
    made = quantiles_of(quantiles, grouping, Templates.together(NUM_SERIES))
    np.testing.assert_allclose(made, grouping.sums(quantiles), rtol=2e-4)


def test_a_total_is_as_wide_as_past_errors_go_together(grouping, quantiles):
    rng = np.random.default_rng(0)
    common, own = rng.normal(size=(30, 24)), rng.normal(size=(NUM_SERIES, 30, 24))
    scores = (np.sqrt(0.2) * common + np.sqrt(0.8) * own).astype(np.float32)

    made = quantiles_of(quantiles, grouping, Templates.learn(scores, seed=7))

    deviation = 5 * np.sqrt(NUM_SERIES + 0.2 * NUM_SERIES * (NUM_SERIES - 1))
    width = made[0, 0, -1] - made[0, 0, 0]
    assert width == pytest.approx(deviation * (NORMAL[-1] - NORMAL[0]), rel=0.12)


def test_a_total_of_one_series_has_its_quantiles(grouping, quantiles):
    made = quantiles_of(quantiles, grouping, Templates.apart(NUM_SERIES, seed=7))
    np.testing.assert_array_equal(made[grouping.labels.index("alone")], quantiles[0])


def test_sums_of_counts_are_counts(grouping):
    support = Support(non_negative=True, integral=True)
    counts = np.random.default_rng(0).poisson(0.7, (NUM_SERIES, HORIZON, len(DECILES)))
    made = quantiles_of(
        np.sort(counts, axis=2).astype(np.float32),
        grouping,
        Templates.apart(NUM_SERIES, seed=7),
        support,
    )
    assert (made == np.rint(made)).all()
    assert (made >= 0).all()
    assert (np.diff(made, axis=2) >= 0).all()
