from typing import Any, NamedTuple

import numpy as np
import pytest

from benchmarks.pretraining import days, hours, years
from data_contracts.frequency import Grid
from models.calendar_features import calendar_features
from models.learning.pretrained import (
    BUSINESS_DAYS,
    DAYS,
    HOURS,
    KINDS,
    MONTHS,
    QUARTERS,
    WEEKS,
    Weights,
)


class Family(NamedTuple):
    """Series that know the days of the week: who draws them, and what for."""

    recipe: Any
    kind: Weights
    frequency: str
    steps: int
    steps_a_day: int
    days_a_week: int


FAMILIES = [
    Family(hours, HOURS, "h", hours.STEPS, 24, 7),
    Family(days.DAYS, DAYS, "D", days.STEPS, 1, 7),
    Family(days.BUSINESS_DAYS, BUSINESS_DAYS, "B", days.STEPS, 1, 5),
]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda each: each.kind.name)
def test_a_week_is_told_as_the_product_tells_it(family):
    grid = Grid(family.frequency)
    monday = grid.slots(np.array(["2024-01-01"], "M8[us]").astype(np.int64))[0][0]
    slots = monday + np.arange(family.steps_a_day * family.days_a_week)

    told = np.asarray(family.recipe.calendar())

    np.testing.assert_allclose(told, calendar_features(grid, slots, family.kind.cycles), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda each: each.kind.name)
def test_series_are_drawn_whole(family):
    import jax

    values, first, change = map(np.asarray, family.recipe.draw(jax.random.PRNGKey(3), 512))

    assert values.shape == (512, family.steps)
    assert family.kind.context_length + family.kind.horizon < family.steps
    assert np.isfinite(values).all()
    assert (change > 0).all()
    assert 0 <= first.min() < first.max() < family.steps_a_day * family.days_a_week


@pytest.mark.parametrize("family", FAMILIES[:2], ids=lambda each: each.kind.name)
def test_weekends_lie_where_they_are_said_to(family):
    import jax

    values, first, _ = map(np.asarray, family.recipe.draw(jax.random.PRNGKey(3), 512))

    weekday = (first[:, None] + np.arange(family.steps)) // family.steps_a_day % 7
    unit = (values - values.mean(axis=1, keepdims=True)) / (
        values.std(axis=1, keepdims=True) + 1e-6
    )
    means = [np.where(weekday == day, unit, np.nan) for day in range(7)]
    away = np.abs([np.nanmean(mean, axis=1) for mean in means]).mean(axis=1)
    assert away[5:].mean() > 1.05 * away[:5].mean()  # a day off, it would be 1.03


def test_prices_wander_and_have_no_week():
    import jax

    from benchmarks.pretraining.draws import Draws

    walks = np.asarray(
        days.BUSINESS_DAYS._walk(Draws(jax.random.PRNGKey(3), 256, steps=784, before=392))
    )

    moves = np.diff(walks, axis=1)
    again = (moves[:, 5:] * moves[:, :-5]).mean(axis=1) / moves.var(axis=1)
    assert abs(again.mean()) < 0.02
    squares = moves**2 - (moves**2).mean(axis=1, keepdims=True)
    calm = (squares[:, 1:] * squares[:, :-1]).mean(axis=1) / squares.var(axis=1)
    assert calm.mean() > 0.02  # what was restless yesterday is today


def test_a_window_goes_on_where_its_context_ends_and_its_calendar_with_it():
    import jax
    import jax.numpy as jnp

    from benchmarks.pretraining.network import Source, windows

    steps, first = jnp.arange(days.STEPS), jnp.array([0, 3])
    ramps = jnp.stack([1.0 + steps, 10_001.0 + steps])
    source = Source(DAYS, days.DAYS.draw, jnp.eye(7))  # a calendar that says the weekday itself

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
