import dataclasses

import numpy as np
import pytest

from data_contracts.frequency import Grid
from data_contracts.spec import DECILES
from models.learning import kept_weights
from models.learning.kept_weights import take_over
from models.learning.pretrained import (
    BUSINESS_DAYS,
    DAYS,
    HOURS,
    MONTHS,
    QUARTERS,
    WEEKS,
    pretrained_settings,
    weights_for,
    why_not_pretrained,
)
from models.learning.settings import TrainingSettings
from models.learning.training import train
from models.learning.transfer import why_not
from models.networks import build_network

SEASONS = HOURS.season_lengths
SETTINGS = TrainingSettings(
    network="attention_lstm",
    context_length=48,
    horizon=24,
    quantile_levels=DECILES,
    season_lengths=SEASONS,
    members=1,
    max_epochs=2,
    minutes=1000,
    batch_size=16,
    windows_per_epoch=16,
)


@pytest.fixture
def days(make_panel):
    """Three weeks of hours of two series."""
    hours = np.arange(24 * 21)
    rng = np.random.default_rng(0)
    waves = [np.sin(hours * np.pi / 12) + 0.1 * rng.normal(size=len(hours)) for _ in range(2)]
    return make_panel(waves, horizon=24, cutoff_slot=1000)


def usual(grid, **changes):
    """A training from scratch with the seasons and the context that are usual for a grid."""
    habits = grid.habits
    return dataclasses.replace(
        SETTINGS,
        season_lengths=habits.season_lengths,
        context_length=habits.context_length,
        **changes,
    )


def started(panel, train_until):
    """A short training that starts from the weights."""
    return pretrained_settings(SETTINGS, panel, train_until=train_until)


@pytest.mark.parametrize(
    ("context", "reads"), [(336, [1344, 672]), (168, [672, 336]), (700, [1344, 1344])]
)
def test_members_read_as_long_as_they_have_learned_to_read(make_panel, context, reads):
    panel = make_panel([np.ones(2000)], horizon=24, cutoff_slot=3000)
    scratch = dataclasses.replace(SETTINGS, context_length=context, members=2)

    settings = pretrained_settings(scratch, panel, train_until=3000)

    members = [settings.member(number, longest=9000) for number in range(2)]

    assert [member.context_length for member in members] == reads
    assert {member.scaling for member in members} == {HOURS.scaling}


@pytest.mark.parametrize(
    ("series", "windows_per_epoch", "rate"), [(1, 238, 0.139), (4, 952, 0.279), (64, 4096, 1.0)]
)
def test_the_less_there_is_to_learn_from_the_closer_it_stays_to_the_weights(
    make_panel, series, windows_per_epoch, rate
):
    panel = make_panel([np.ones(1975)] * series, horizon=24, cutoff_slot=3000)
    scratch = dataclasses.replace(SETTINGS, windows_per_epoch=4096)

    settings = pretrained_settings(scratch, panel, train_until=3000)

    assert settings.windows_per_epoch == windows_per_epoch
    assert settings.learning_rate == pytest.approx(rate * scratch.learning_rate / 3, rel=0.01)


@pytest.mark.parametrize(("frequency", "parts"), [("15min", 4), ("6h", 1)])
def test_the_parts_of_an_hour_count_as_one_hour(make_panel, frequency, parts):
    grid, steps = Grid(frequency), 4000
    panel = make_panel([np.ones(steps)] * 4, horizon=24, cutoff_slot=5000)
    panel = dataclasses.replace(panel, grid=grid)
    scratch = usual(grid, windows_per_epoch=4096)

    settings = pretrained_settings(scratch, panel, train_until=5000)

    windows = 4 * (steps - 24 - grid.habits.context_length + 1) / parts
    assert settings.windows_per_epoch == round(windows / 8)
    assert settings.learning_rate == pytest.approx((windows / 98_304) ** 0.5 * 1e-3)


def test_steps_are_resampled_once_however_often_they_are_asked_for():
    quarters = HOURS.in_steps(96)

    assert HOURS.in_steps(24) == HOURS
    assert quarters.in_steps(96) == quarters
    assert HOURS.in_steps(4).in_steps(96) == quarters
    assert (quarters.parts, quarters.steps_made_of) == (4, 24)


@pytest.mark.parametrize("steps", [2, 3, 16, 24, 36, 45, 96, 288])
def test_whole_parts_of_a_day_have_weights_of_the_seasons_that_are_usual_for_them(steps):
    grid = Grid(f"{86_400_000 // steps}ms")

    weights = weights_for(grid)

    assert weights is not None
    assert weights.name == HOURS.name
    assert weights.season_lengths == grid.habits.season_lengths


def test_a_training_starts_from_the_weights(days):
    at_rest = dataclasses.replace(started(days, 950), learning_rate=0.0)

    forecaster = train(days, at_rest, train_until=950)

    (member,) = forecaster.members
    sizes = forecaster.sizes.of(member)
    network = build_network(member.network, sizes, seed=9)
    take_over(network, member.network, sizes, "hourly-2")
    for left, right in zip(
        forecaster.networks[0].trainable_variables, network.trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(np.array(left.value), np.array(right.value), left.path)


def test_groups_that_are_frozen_stay_as_they_came(days):
    frozen = dataclasses.replace(started(days, 950), freeze=("encoder", "attention"))

    forecaster = train(days, frozen, train_until=950)

    kept = kept_weights._of(HOURS, "attention_lstm")
    (network,) = forecaster.networks
    values = {variable.path: np.array(variable.value) for variable in network.variables}
    same = {path for path, value in kept.items() if np.array_equal(values[path], value)}
    assert same >= {path for path in kept if path.startswith(("encoder", "attention"))}
    assert not {"head_hidden/kernel", "head_steps/kernel"} & same


def test_a_champion_that_began_from_them_can_be_gone_on_from(days):
    champion = train(days, started(days, 940), train_until=940)

    assert why_not(champion, days, SETTINGS, train_until=950) == ""
    again = train(days, SETTINGS, train_until=950, start=champion)
    assert (again.settings.units, again.settings.pretrained) == (HOURS.units, "hourly-2")


def test_a_warm_start_on_a_short_history_is_as_gentle_as_the_training_before_it(days):
    champion = train(days, started(days, 940), train_until=940)
    scratch = dataclasses.replace(SETTINGS, windows_per_epoch=4096)

    warm = train(days, scratch, train_until=950, start=champion).settings

    first = pretrained_settings(scratch, days, train_until=950)
    assert warm.windows_per_epoch == first.windows_per_epoch
    assert warm.dropout == 0.0
    assert warm.learning_rate < first.learning_rate


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"network": "attention_lstm+tcn"}, "it has no weights for tcn"),
        (
            {"season_lengths": (7,)},
            "it knows seasons of 24 and 168 steps alone, in patches of 24",
        ),
        ({"patch": 1}, "it knows seasons of 24 and 168 steps alone, in patches of 24"),
        ({"quantile_levels": (0.5,)}, "it forecasts the nine deciles alone"),
        ({"horizon": 49}, "it forecasts 48 steps at most, and the horizon is 49"),
        ({"context_length": 700}, ""),
        ({"context_length": 1400}, "it reads 1344 steps at most, and the context is 1400"),
        ({}, ""),
    ],
)
def test_it_is_said_why_a_training_cannot_start_from_them(make_panel, changes, why):
    panel = make_panel([np.ones(2000)], horizon=24, cutoff_slot=3000)
    settings = dataclasses.replace(SETTINGS, **changes)

    assert why_not_pretrained(settings, panel, train_until=3000) == why


@pytest.mark.parametrize("frequency", ["2D", "7min", "1min", "5h"])
def test_steps_that_are_no_whole_part_of_a_day_have_no_weights(make_panel, frequency):
    panel = make_panel([np.ones(2000)], horizon=24, cutoff_slot=3000)
    panel = dataclasses.replace(panel, grid=Grid(frequency))

    why = why_not_pretrained(SETTINGS, panel, train_until=3000)

    assert why == (
        "there are weights for steps of whole parts of a day down to 5 minutes, days, "
        "business days, weeks, months and quarters alone"
    )


@pytest.mark.parametrize(
    ("frequency", "kind", "reads"),
    [
        ("15min", HOURS, [5376, 2688]),
        ("6h", HOURS, [224, 112]),
        ("D", DAYS, [168, 84]),
        ("B", BUSINESS_DAYS, [120, 60]),
        ("W-SUN", WEEKS, [260, 208]),
        ("MS", MONTHS, [108, 72]),
        ("QS", QUARTERS, [48, 32]),
    ],
)
def test_a_panel_starts_from_the_weights_of_its_steps(make_panel, frequency, kind, reads):
    grid = Grid(frequency)
    panel = make_panel([np.ones(3000)], horizon=7, cutoff_slot=3500)
    panel = dataclasses.replace(panel, grid=grid)
    scratch = usual(grid, horizon=7)

    settings = pretrained_settings(scratch, panel, train_until=3500)

    members = [settings.member(number, longest=3000) for number in range(2)]
    assert why_not_pretrained(scratch, panel, train_until=3500) == ""
    assert (settings.pretrained, settings.units) == (kind.name, kind.units)
    assert settings.linear_paths == kind.linear_paths
    assert [member.context_length for member in members] == reads


def test_contexts_reach_back_beyond_a_short_history_as_the_weights_know_it(make_panel):
    rng = np.random.default_rng(6)
    panel = make_panel([rng.normal(size=100) for _ in range(2)], horizon=7, cutoff_slot=500)
    panel = dataclasses.replace(panel, grid=Grid("W-MON"))
    scratch = dataclasses.replace(SETTINGS, season_lengths=(52,), context_length=80, horizon=7)
    settings = dataclasses.replace(
        pretrained_settings(scratch, panel, train_until=480), learning_rate=0.0
    )

    forecaster = train(panel, settings, train_until=480)

    assert [member.context_length for member in forecaster.members] == [208]
    begun = panel.first_slots[0]
    quantiles = forecaster.predict(panel, np.array([0, 0]), np.array([480, begun + 10]))
    assert np.isfinite(quantiles).all()


def test_a_champion_that_began_from_them_still_fits_when_its_history_has_grown(days):
    scratch = dataclasses.replace(SETTINGS, context_length=96)
    champion = train(days, pretrained_settings(scratch, days, train_until=840), train_until=840)
    (member,) = champion.members
    assert days.lengths_until(840).max() < member.context_length < days.lengths_until(950).max()

    assert why_not(champion, days, scratch, train_until=950) == ""


@pytest.mark.parametrize(
    ("frequency", "known"),
    [("2W-SUN", False), ("ME", True), ("SMS", False), ("QE", True), ("YS", False)],
)
def test_weights_are_those_of_steps_as_long(frequency, known):
    assert (weights_for(Grid(frequency)) is not None) == known


def test_a_daily_panel_of_two_years_is_shown_the_year_too(make_panel):
    rng = np.random.default_rng(5)
    panel = make_panel([rng.normal(size=760) for _ in range(2)], horizon=10, cutoff_slot=3000)
    panel = dataclasses.replace(panel, grid=Grid("D"))
    scratch = dataclasses.replace(SETTINGS, season_lengths=(7,), context_length=56, horizon=10)
    settings = pretrained_settings(scratch, panel, train_until=2900)

    forecaster = train(panel, dataclasses.replace(settings, learning_rate=0.0), train_until=2990)

    assert forecaster.features.cycles == ("week", "year")
    with_year = forecaster.predict(panel, np.arange(2), np.array([2990, 2990]))
    short = train(panel, dataclasses.replace(settings, learning_rate=0.0), train_until=2900)
    assert short.features.cycles == ("week",)
    np.testing.assert_allclose(
        with_year, short.predict(panel, np.arange(2), np.array([2990, 2990])), rtol=1e-3, atol=1e-3
    )


def test_a_history_of_a_week_does_not_show_the_days_of_the_week(make_panel):
    panel = make_panel([np.ones(200)], horizon=24, cutoff_slot=3000)

    why = why_not_pretrained(SETTINGS, panel, train_until=3000)

    assert why == "it knows the cycle of a day and a week, which the history does not show twice"
