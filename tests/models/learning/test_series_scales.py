import numpy as np

from models.learning.series_scales import series_scales

CUTOFF = 1000


def test_the_scale_of_a_series_is_its_mean_seasonal_change(make_panel):
    histories = [[1, 2, 3, 5], [7, 7, 7, 7], [0, 0, 0, 0], [3], [np.nan, np.nan]]
    panel = make_panel(histories, horizon=1, cutoff_slot=CUTOFF)

    scales = series_scales(panel, season_length=2, train_until=CUTOFF)

    np.testing.assert_allclose(scales, [2.5, 0.07, 1, 3, 1])


def test_nothing_after_the_end_of_training_counts(make_panel):
    panel = make_panel([[1, 3, 90], [90, 99], [90, 99, 99, 99, 99]], horizon=1, cutoff_slot=CUTOFF)

    np.testing.assert_allclose(series_scales(panel, 1, CUTOFF - 1)[:2], [2, 90])
    np.testing.assert_allclose(series_scales(panel, 1, CUTOFF - 3)[:2], [1, 1])
