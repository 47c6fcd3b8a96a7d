from statistics import NormalDist

import numpy as np
import pytest

from models.forecasters.support import Support
from models.hierarchy.normal_scores import LARGEST, normal_scores, unrounded, values_at

LEVELS = (0.1, 0.3, 0.5, 0.8, 0.9)


def normal_forecast(mean, deviation):
    return np.array([[NormalDist(mean, deviation).inv_cdf(level) for level in LEVELS]])


def test_a_normal_forecast_is_exact_far_into_its_tails():
    values = values_at(np.array([-3.0, 0, 1, 3]), normal_forecast(10, 2), levels=LEVELS)
    np.testing.assert_allclose(values, [[4, 10, 12, 16]], rtol=1e-5)


@pytest.mark.parametrize(
    "support", [pytest.param(Support(), id="any"), pytest.param(Support(True, True), id="counts")]
)
def test_a_value_has_the_score_that_leads_back_to_it(support):
    rng = np.random.default_rng(0)
    quantiles = support.fit(np.sort(rng.gamma(3, 6, (50, len(LEVELS))), axis=1).astype(np.float32))
    target = support.fit(quantiles[:, 2] + rng.normal(0, 1, 50).astype(np.float32))

    scores = normal_scores(target, quantiles, levels=LEVELS, support=support)
    smooth = unrounded(quantiles, levels=LEVELS, support=support)
    back = np.array(
        [values_at(scores[[k]], smooth[[k]], levels=LEVELS)[0, 0] for k in range(len(target))]
    )

    inside = np.abs(scores) < LARGEST
    assert inside.mean() > 0.9
    np.testing.assert_allclose(back[inside], target[inside], atol=1e-3)


def test_what_was_not_observed_has_no_score_and_a_surprise_has_a_finite_one():
    quantiles = np.float32([[1, 1, 1, 1, 1]] * 3)
    scores = normal_scores(np.float32([np.nan, 1, 9]), quantiles, levels=LEVELS, support=Support())
    assert np.isnan(scores[0])
    assert abs(scores[1]) <= LARGEST
    assert scores[2] == LARGEST


def test_one_level_alone_says_nothing_of_places():
    scores = normal_scores(
        np.float32([3, np.nan]), np.float32([[1], [1]]), levels=(0.5,), support=Support()
    )
    assert scores[0] == 0
    assert np.isnan(scores[1])
    assert values_at(np.array([-1.0, 1]), np.array([[4.0]]), levels=(0.5,)).tolist() == [[4, 4]]
