import dataclasses

import numpy as np
import pytest

from data_contracts.errors import NightcastError
from data_contracts.frequency import Grid
from data_contracts.spec import DECILES
from models.calendar_features import calendar_features
from models.learning import pretrained
from models.learning.pretrained import (
    DAYS,
    HOURS,
    KINDS,
    MONTHS,
    NETWORKS,
    QUARTERS,
    WEEKS,
    pretrained_settings,
    take_over,
    weights_for,
    why_not_pretrained,
)
from models.learning.settings import NetworkSettings, TrainingSettings
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


def _sizes(kind=HOURS, **changes):
    known = changes.pop("known", kind.num_waves)
    return dataclasses.replace(
        NetworkSettings(
            context_length=kind.context_length,
            horizon=kind.horizon,
            quantile_levels=DECILES,
            season_lengths=kind.season_lengths,
            known_means=(0.0,) * known,
            known_scales=(1.0,) * known,
            units=kind.units,
            num_heads=kind.num_heads,
            scaling=kind.scaling,
            linear_paths=kind.linear_paths,
        ),
        **changes,
    )


def _network(name="attention_lstm", kind=HOURS, **changes):
    sizes = _sizes(kind, **changes)
    network = build_network(name, sizes, seed=3)
    take_over(network, name, sizes, kind.name)
    return network


def _window(rng, kind=HOURS):
    """One window whose calendar and covariates are drawn by chance."""
    length = kind.context_length
    waves = rng.normal(size=(1, length + kind.horizon, kind.num_waves)).astype(np.float32)
    return {
        "context": rng.normal(size=(1, length)).astype(np.float32),
        "observed": np.ones((1, length), bool),
        **({"known": waves} if kind.num_waves else {}),
    }


every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])


@pytest.fixture
def days(make_panel):
    """Three weeks of hours of two series."""
    hours = np.arange(24 * 21)
    rng = np.random.default_rng(0)
    waves = [np.sin(hours * np.pi / 12) + 0.1 * rng.normal(size=len(hours)) for _ in range(2)]
    return make_panel(waves, horizon=24, cutoff_slot=1000)


def started(panel, train_until):
    """A short training that starts from the weights."""
    return pretrained_settings(SETTINGS, panel, train_until=train_until)


@every_kind
@pytest.mark.parametrize("name", NETWORKS)
def test_there_are_weights_for_every_variable_that_learns(name, kind):
    network = build_network(name, _sizes(kind), seed=0)

    wanted = {variable.path for variable in network.trainable_variables}

    assert wanted == set(pretrained._of(kind, name))


def _noisy_windows(kind, frequency, *, size=64):
    """A season of any shape over a level that moves, and what comes after each window."""
    rng = np.random.default_rng(4)
    length, season = kind.context_length, kind.season_lengths[-1]
    slots = np.arange(length + kind.horizon)
    shape = rng.normal(size=(size, season))[:, slots % season]
    level = rng.normal(size=(size, len(slots))).cumsum(axis=1) / season**0.5
    values = (shape + level + rng.normal(size=level.shape)).astype(np.float32)
    window = {"context": values[:, :length], "observed": np.ones((size, length), bool)}
    if kind.cycles:
        waves = calendar_features(Grid(frequency), slots, kind.cycles)
        window["known"] = np.repeat(waves[None], size, axis=0)
    return window, values[:, length:]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("kind", "frequency"),
    [(HOURS, "h"), (DAYS, "D"), (WEEKS, "W-MON"), (MONTHS, "MS"), (QUARTERS, "QS")],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_they_know_how_series_go_on_before_any_real_one_was_seen(name, kind, frequency):
    window, target = _noisy_windows(kind, frequency)
    untaught = build_network(name, _sizes(kind), seed=3)

    def error(network):
        return np.abs(network.predict_on_batch(window)[..., 4] - target).mean()

    assert error(_network(name, kind)) < 0.9 * error(untaught)


@every_kind
@pytest.mark.parametrize("name", NETWORKS)
def test_covariates_that_it_does_not_know_change_nothing_until_they_are_learned(name, kind):
    rng = np.random.default_rng(1)
    window, length = _window(rng, kind), kind.context_length
    more = rng.normal(size=(1, length + kind.horizon, 3)).astype(np.float32)
    wide = window | {
        "known": np.concatenate([window["known"], more], axis=-1) if kind.num_waves else more,
        "past": rng.normal(size=(1, length, 2)).astype(np.float32),
        "static": np.ones((1, 1), np.int32),
    }

    narrow_forecast = _network(name, kind).predict_on_batch(window)
    wide_forecast = _network(
        name,
        kind,
        known=kind.num_waves + 3,
        past_means=(0.0, 0.0),
        past_scales=(1.0, 1.0),
        static_sizes=(3,),
    ).predict_on_batch(wide)

    np.testing.assert_allclose(wide_forecast, narrow_forecast, rtol=1e-4, atol=1e-4)


@every_kind
@pytest.mark.parametrize("name", NETWORKS)
def test_a_shorter_horizon_is_the_beginning_of_the_longest(name, kind):
    window, horizon = _window(np.random.default_rng(2), kind), 2 * kind.horizon // 3 + 1
    assert horizon % kind.patch_length  # not even the end of a patch
    short = dict(window)
    if kind.cycles:  # told by the mean of a patch, which is filled up by zeros: so zeros throughout
        begun = kind.context_length + horizon // kind.patch_length * kind.patch_length
        window["known"][:, begun:] = 0
        short["known"] = window["known"][:, : kind.context_length + horizon]

    np.testing.assert_allclose(
        _network(name, kind, horizon=horizon).predict_on_batch(short),
        _network(name, kind).predict_on_batch(window)[:, :horizon],
        rtol=1e-4,
        atol=1e-4,
    )


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

    kept = pretrained._of(HOURS, "attention_lstm")
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


def test_half_hours_are_not_taken_for_hours(make_panel):
    panel = make_panel([np.ones(2000)], horizon=24, cutoff_slot=3000)
    panel = dataclasses.replace(panel, grid=Grid("30min"))

    why = why_not_pretrained(SETTINGS, panel, train_until=3000)

    assert why == "there are weights for steps of hours, days, weeks, months and quarters alone"


@pytest.mark.parametrize(
    ("frequency", "kind", "reads"),
    [
        ("D", DAYS, [168, 84]),
        ("W-SUN", WEEKS, [260, 208]),
        ("MS", MONTHS, [108, 72]),
        ("QS", QUARTERS, [48, 32]),
    ],
)
def test_a_panel_starts_from_the_weights_of_its_steps(make_panel, frequency, kind, reads):
    grid = Grid(frequency)
    panel = make_panel([np.ones(300)], horizon=7, cutoff_slot=500)
    panel = dataclasses.replace(panel, grid=grid)
    scratch = dataclasses.replace(
        SETTINGS,
        season_lengths=grid.habits.season_lengths,
        context_length=grid.habits.context_length,
        horizon=7,
    )

    settings = pretrained_settings(scratch, panel, train_until=500)

    members = [settings.member(number, longest=300) for number in range(2)]
    assert why_not_pretrained(scratch, panel, train_until=500) == ""
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
    [("2W-SUN", False), ("ME", True), ("SMS", False), ("QE", True), ("YS", False), ("B", False)],
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


def test_weights_of_another_version_of_the_package_are_refused():
    sizes = _sizes()

    with pytest.raises(NightcastError, match="training.start_from: the weights hourly-1 are "):
        take_over(
            build_network("attention_lstm", sizes, seed=3), "attention_lstm", sizes, "hourly-1"
        )


def test_a_history_of_a_week_does_not_show_the_days_of_the_week(make_panel):
    panel = make_panel([np.ones(200)], horizon=24, cutoff_slot=3000)

    why = why_not_pretrained(SETTINGS, panel, train_until=3000)

    assert why == "it knows the cycle of a day and a week, which the history does not show twice"


def test_a_file_that_is_not_the_one_of_this_version_is_refused(monkeypatch):
    monkeypatch.setattr(pretrained, "KINDS", (dataclasses.replace(HOURS, checksum="0" * 64),))

    with pytest.raises(NightcastError, match="training.start_from: the weights hourly-2 are "):
        _network()
