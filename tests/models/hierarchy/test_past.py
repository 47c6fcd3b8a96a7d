import numpy as np

from models.forecasters.support import Support
from models.gate.evaluation import Forecasts
from models.hierarchy.past import Past


def test_what_was_missed_is_told_in_units_and_in_places():
    forecasts = Forecasts(
        unique_ids=("a",),
        origins=np.array([10, 20]),
        quantile_levels=(0.1, 0.5, 0.9),
        quantiles=np.float32([[[[1, 2, 3]], [[1, 2, 3]]]]),
        target=np.float32([[[2], [np.nan]]]),
        scale=np.ones((1, 2)),
    )
    past = Past.of(forecasts, Support())

    assert (past.unique_ids, past.num_origins) == (("a",), 2)
    np.testing.assert_array_equal(past.scores, [[[0], [np.nan]]])
    np.testing.assert_allclose(past.means, [[[2], [2]]])
    np.testing.assert_array_equal(past.target, forecasts.target)
