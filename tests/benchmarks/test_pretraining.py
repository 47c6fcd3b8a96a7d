import numpy as np
import pytest

from benchmarks.pretraining import days, hours, years
from data_contracts.frequency import Grid
from models.calendar_features import calendar_features
from models.learning.pretrained import DAYS, HOURS, KINDS, MONTHS, QUARTERS, WEEKS

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
def test_series_are_drawn_whole_and_their_weekends_lie_where_they_are_said_to(module, kind, grid):
    import jax

    values, first, change = (np.asarray(each) for each in module.draw(jax.random.PRNGKey(3), 512))

    assert values.shape == (512, module.STEPS)
    assert kind.context_length + kind.horizon < module.STEPS
    assert np.isfinite(values).all()
    assert (change > 0).all()
    weekday = (first[:, None] + np.arange(module.STEPS)) % module.WEEK // (module.WEEK // 7)
    unit = (values - values.mean(axis=1, keepdims=True)) / (
        values.std(axis=1, keepdims=True) + 1e-6
    )
    means = [np.where(weekday == day, unit, np.nan) for day in range(7)]
    away = np.abs([np.nanmean(mean, axis=1) for mean in means]).mean(axis=1)
    assert away[5:].mean() > 1.05 * away[:5].mean()  # a day off, it would be 1.03


def test_a_window_goes_on_where_its_context_ends_and_its_calendar_with_it():
    import jax
    import jax.numpy as jnp

    from benchmarks.pretraining.network import Source, windows

    steps, first = jnp.arange(days.STEPS), jnp.array([0, 3])
    ramps = jnp.stack([1.0 + steps, 10_001.0 + steps])
    source = Source(DAYS, days.draw, jnp.eye(7))  # a calendar that says the weekday itself

    inputs, target, weights = windows(
        jax.random.PRNGKey(1), (ramps, first, jnp.array([1.0, 4.0])), source, 64
    )

    length, series = DAYS.context_length, np.asarray(target[:, 0]) > 10_000
    begins = np.asarray(target[:, :1]) - length
    whole = np.where(inputs["observed"], inputs["context"], begins + np.arange(length))
    np.testing.assert_array_equal(whole, begins + np.arange(length))
    np.testing.assert_array_equal(np.diff(target, axis=1), 1)
    weekday = np.asarray(inputs["known"]).argmax(axis=-1)
    slots = begins - np.where(series, 10_001, 1)[:, None] + np.arange(length + DAYS.horizon)
    np.testing.assert_array_equal(weekday, (np.where(series, 3, 0)[:, None] + slots) % 7)
    np.testing.assert_array_equal(weights, np.where(series, 0.25, 1.0))


YEARS = pytest.mark.parametrize(
    ("year", "kind"),
    [(years.WEEKS, WEEKS), (years.MONTHS, MONTHS), (years.QUARTERS, QUARTERS)],
    ids=["weeks", "months", "quarters"],
)


@YEARS
def test_series_of_few_steps_a_year_are_drawn_whole_and_their_years_return(year, kind):
    import jax

    values, _, change = (np.asarray(each) for each in year.draw(jax.random.PRNGKey(3), 512))

    assert values.shape == (512, year.steps)
    assert kind.context_length + kind.horizon < year.steps
    assert np.isfinite(values).all()
    assert (change > 0).all()
    moves = np.diff(values, axis=1)
    moves = moves / (moves.std(axis=1, keepdims=True) + 1e-6)

    def alike(lag):
        return (moves[:, lag:] * moves[:, :-lag]).mean()

    halfway = year.season // 2 + (year.season == 4)
    assert alike(year.season) > alike(halfway) + 0.1


@YEARS
def test_windows_of_few_steps_a_year_have_no_calendar(year, kind):
    import jax

    from benchmarks.pretraining.network import Source, windows

    series = year.draw(jax.random.PRNGKey(3), 8)

    inputs, target, _ = windows(
        jax.random.PRNGKey(1), series, Source(kind, year.draw, year.calendar()), 16
    )

    assert set(inputs) == {"context", "observed"}
    assert target.shape == (16, kind.horizon)


def test_there_is_a_recipe_for_every_kind_of_weights():
    from benchmarks.pretraining.recipes import RECIPES

    assert [recipe.source.kind for recipe in RECIPES.values()] == list(KINDS)
