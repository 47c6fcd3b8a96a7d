import dataclasses

import numpy as np
import pytest

from data_contracts.errors import NightcastError
from data_contracts.frequency import Grid
from data_contracts.spec import DECILES
from models.learning import pretrained
from models.learning.pretrained import (
    DAYS,
    HORIZON,
    NETWORKS,
    PATCH,
    SCALINGS,
    SEASONS,
    UNITS,
    pretrained_settings,
    take_over,
    why_not_pretrained,
)
from models.learning.settings import NetworkSettings, TrainingSettings
from models.learning.training import train
from models.learning.transfer import why_not
from models.networks import build_network

WAVES = 10
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


def _sizes(**changes):
    known = changes.pop("known", WAVES)
    return dataclasses.replace(
        NetworkSettings(
            context_length=PATCH * DAYS,
            horizon=HORIZON,
            quantile_levels=DECILES,
            season_lengths=SEASONS,
            known_means=(0.0,) * known,
            known_scales=(1.0,) * known,
            units=UNITS,
            scaling="last_season",
        ),
        **changes,
    )


def _network(name="attention_lstm", **changes):
    sizes = _sizes(**changes)
    network = build_network(name, sizes, seed=3)
    take_over(network, name, sizes)
    return network


def _window(rng, *, length=PATCH * DAYS, known=WAVES):
    """One window whose calendar and covariates are drawn by chance."""
    return {
        "context": rng.normal(size=(1, length)).astype(np.float32),
        "observed": np.ones((1, length), bool),
        "known": rng.normal(size=(1, length + HORIZON, known)).astype(np.float32),
    }


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


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_there_are_weights_for_every_variable_that_learns(name, scaling):
    network = build_network(name, _sizes(scaling=scaling), seed=0)

    wanted = {variable.path for variable in network.trainable_variables}

    assert wanted == set(pretrained._of(name, scaling))


def test_it_forecasts_a_clear_day_before_it_has_learned_from_any():
    hours = np.arange(PATCH * DAYS + HORIZON)
    wave = 100 + 10 * np.sin(hours * np.pi / 12)
    window = _window(np.random.default_rng(0))
    phase = np.stack([hours % 24 / 24, hours // 24 % 7 / 7])
    waves = [
        wave_of(2 * np.pi * phase[cycle, :, None] * np.arange(1, harmonics + 1))
        for cycle, harmonics in ((0, 2), (1, 3))
        for wave_of in (np.sin, np.cos)
    ]
    window |= {
        "context": wave[None, : PATCH * DAYS].astype(np.float32),
        "known": np.concatenate(waves, axis=1)[None].astype(np.float32),
    }

    forecast = _network().predict_on_batch(window)[0, :, 4]

    assert np.abs(forecast - wave[PATCH * DAYS :]).mean() < 2  # a fifth of the amplitude


@pytest.mark.parametrize("name", NETWORKS)
def test_covariates_that_it_does_not_know_change_nothing_until_they_are_learned(name):
    rng = np.random.default_rng(1)
    window = _window(rng)
    more = rng.normal(size=(1, PATCH * DAYS + HORIZON, 3)).astype(np.float32)
    wide = window | {
        "known": np.concatenate([window["known"], more], axis=-1),
        "past": rng.normal(size=(1, PATCH * DAYS, 2)).astype(np.float32),
        "static": np.ones((1, 1), np.int32),
    }

    narrow_forecast = _network(name).predict_on_batch(window)
    wide_forecast = _network(
        name, known=WAVES + 3, past_means=(0.0, 0.0), past_scales=(1.0, 1.0), static_sizes=(3,)
    ).predict_on_batch(wide)

    np.testing.assert_allclose(wide_forecast, narrow_forecast, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_shorter_horizon_is_the_beginning_of_the_whole_one(name):
    window = _window(np.random.default_rng(2))
    short = window | {"known": window["known"][:, :-24]}

    np.testing.assert_allclose(
        _network(name, horizon=24).predict_on_batch(short),
        _network(name).predict_on_batch(window)[:, :24],
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
    assert {member.scaling for member in members} == set(SCALINGS)


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
    take_over(network, member.network, sizes)
    for left, right in zip(
        forecaster.networks[0].trainable_variables, network.trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(np.array(left.value), np.array(right.value), left.path)


def test_groups_that_are_frozen_stay_as_they_came(days):
    frozen = dataclasses.replace(started(days, 950), freeze=("encoder", "attention"))

    forecaster = train(days, frozen, train_until=950)

    kept = pretrained._of("attention_lstm", forecaster.members[0].scaling)
    (network,) = forecaster.networks
    values = {variable.path: np.array(variable.value) for variable in network.variables}
    same = {path for path, value in kept.items() if np.array_equal(values[path], value)}
    assert same >= {path for path in kept if path.startswith(("encoder", "attention"))}
    assert not {"head_hidden/kernel", "head_steps/kernel"} & same


def test_a_champion_that_began_from_them_can_be_gone_on_from(days):
    champion = train(days, started(days, 940), train_until=940)

    assert why_not(champion, days, SETTINGS, train_until=950) == ""
    again = train(days, SETTINGS, train_until=950, start=champion)
    assert (again.settings.units, again.settings.pretrained) == (UNITS, "hourly-2")


def test_a_warm_start_on_a_short_history_is_as_gentle_as_the_training_before_it(days):
    champion = train(days, started(days, 940), train_until=940)
    scratch = dataclasses.replace(SETTINGS, windows_per_epoch=4096)

    warm = train(days, scratch, train_until=950, start=champion).settings

    first = pretrained_settings(scratch, days, train_until=950)
    assert (warm.windows_per_epoch, warm.dropout) == (first.windows_per_epoch, 0.0)
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

    assert why_not_pretrained(SETTINGS, panel, train_until=3000) == "it knows hours alone"


def test_a_history_of_a_week_does_not_show_the_days_of_the_week(make_panel):
    panel = make_panel([np.ones(200)], horizon=24, cutoff_slot=3000)

    why = why_not_pretrained(SETTINGS, panel, train_until=3000)

    assert why == "it knows days and weeks, and the history does not show both twice"


def test_a_file_that_is_not_the_one_of_this_version_is_refused(monkeypatch):
    monkeypatch.setattr(pretrained, "CHECKSUM", "0" * 64)
    pretrained._all.cache_clear()

    with pytest.raises(NightcastError, match="training.start_from: the weights hourly-2 are "):
        _network()

    pretrained._all.cache_clear()
