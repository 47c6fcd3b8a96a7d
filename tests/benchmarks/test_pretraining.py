import numpy as np
import pytest

from benchmarks.pretraining import days, hours
from data_contracts.frequency import Grid
from models.calendar_features import calendar_features
from models.learning.pretrained import DAYS, HOURS

FAMILIES = pytest.mark.parametrize(
    ("module", "kind", "grid"),
    [(hours, HOURS, Grid("h")), (days, DAYS, Grid("D"))],
    ids=["hours", "days"],
)


@FAMILIES
def test_a_week_is_told_as_the_product_tells_it(module, kind, grid):
    monday = grid.slots(np.array(["2024-01-01"], "M8[us]").astype(np.int64))[0][0]
    slots = monday + np.arange(module.WEEK)

    told = np.asarray(module.calendar())

    np.testing.assert_allclose(told, calendar_features(grid, slots, kind.cycles), atol=1e-5)


@FAMILIES
def test_every_series_is_long_enough_for_a_window_and_no_number_is_missing(module, kind, grid):
    import jax

    values, first, change = module.draw(jax.random.PRNGKey(3), 16)

    assert values.shape == (16, module.STEPS)
    assert kind.context_length + kind.horizon < module.STEPS
    assert np.isfinite(values).all()
    assert (np.asarray(change) > 0).all()
    assert set(np.asarray(first).tolist()) <= set(range(module.WEEK))
