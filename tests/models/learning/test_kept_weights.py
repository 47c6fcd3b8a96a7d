import dataclasses

import numpy as np
import pytest

from data_contracts.errors import NightcastError
from data_contracts.frequency import Grid
from data_contracts.spec import DECILES
from models.calendar_features import calendar_features
from models.learning import kept_weights
from models.learning.kept_weights import take_over
from models.learning.pretrained import (
    BUSINESS_DAYS,
    DAYS,
    HOURS,
    KINDS,
    MONTHS,
    NETWORKS,
    QUARTERS,
    WEEKS,
)
from models.learning.settings import NetworkSettings
from models.networks import build_network


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


@every_kind
@pytest.mark.parametrize("name", NETWORKS)
def test_there_are_weights_for_every_variable_that_learns(name, kind):
    network = build_network(name, _sizes(kind), seed=0)

    wanted = {variable.path for variable in network.trainable_variables}

    assert wanted == set(kept_weights._of(kind, name))


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
    [
        (HOURS, "h"),
        (DAYS, "D"),
        (BUSINESS_DAYS, "B"),
        (WEEKS, "W-MON"),
        (MONTHS, "MS"),
        (QUARTERS, "QS"),
    ],
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


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("parts", [2, 4])
def test_hours_that_are_told_in_equal_parts_are_forecast_as_hours(name, parts):
    window = _rough_window()
    hourly = _network(name).predict_on_batch(window)

    finer = _network(name, HOURS.in_steps(24 * parts)).predict_on_batch(
        {key: np.repeat(each, parts, axis=1) for key, each in window.items()}
    )

    np.testing.assert_allclose(finer, np.repeat(hourly, parts, axis=1), atol=1e-3)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("steps", [2, 4, 12, 16])
def test_other_steps_are_forecast_as_the_mean_of_the_hours_in_them(name, steps):
    whole = HOURS.context_length + HOURS.horizon
    quarters = 96 // steps  # of an hour, in a step
    other = HOURS.in_steps(steps)
    length = other.context_length
    values = _rough_window()["context"][:, :length]
    fine = np.repeat(values, quarters, axis=1).reshape(3, -1, 4).mean(axis=2)
    hourly = _network(name).predict_on_batch(
        {
            "context": fine,
            "observed": np.ones_like(fine, bool),
            "known": _calendar("h", whole),
        }
    )

    made = _network(name, other).predict_on_batch(
        {
            "context": values,
            "observed": np.ones_like(values, bool),
            "known": _calendar(f"{1440 // steps}min", length + other.horizon),
        }
    )

    means = np.repeat(hourly, 4, axis=1).reshape(3, -1, quarters, len(DECILES)).mean(axis=2)
    away = np.abs(means - values[:, -1:, None]).mean()
    assert np.abs(made - means).mean() < 0.1 * away  # not linear, so nearly


def test_every_step_is_shared_out_among_those_that_it_overlaps():
    for steps in (2, 16, 36, 45, 288):
        overlap = kept_weights._overlap(steps, 24)

        np.testing.assert_allclose(overlap.sum(axis=1), 1 / steps, rtol=1e-4)
        np.testing.assert_allclose(overlap.sum(axis=0), 1 / 24, rtol=1e-4)


@pytest.mark.parametrize("kind", [HOURS, DAYS, BUSINESS_DAYS], ids=lambda kind: kind.name)
def test_the_mean_of_a_whole_cycle_is_read_as_a_constant(kind):
    kept = kept_weights._of(kind, "attention_lstm")
    raw = kept_weights._read(kind.name, kind.checksum)
    grid = Grid({24: "h", 7: "D", 5: "B"}[kind.patch_length])
    monday = grid.slots(np.array(["2024-01-01"], "M8[us]").astype(np.int64))[0][0]
    wave = calendar_features(grid, monday + np.arange(kind.patch_length), kind.cycles)
    before = raw[f"attention_lstm/{kind.scaling}/encoder_tokens/kernel"]
    bias = raw[f"attention_lstm/{kind.scaling}/encoder_tokens/bias"]
    means = wave.mean(axis=0)

    told = means @ kept["encoder_tokens/kernel"][-kind.num_waves :] + kept["encoder_tokens/bias"]

    np.testing.assert_allclose(told, means @ before[-kind.num_waves :] + bias, atol=1e-5)
    assert not kept["encoder_tokens/kernel"][-kind.num_waves].any()


def _calendar(frequency, num_steps):
    """Calendar features of the last of so many steps before the end of a Wednesday, for three."""
    grid = Grid(frequency)
    end = grid.slots(np.array(["2024-03-07"], "M8[us]").astype(np.int64))[0][0]
    waves = calendar_features(grid, end - num_steps + np.arange(num_steps), HOURS.cycles)
    return np.repeat(waves[None], 3, axis=0)


def _rough_window():
    """Three windows of hours with gaps over a level that wanders."""
    rng = np.random.default_rng(2)
    window = {key: np.repeat(each, 3, axis=0) for key, each in _window(rng).items()}
    size = window["context"].shape
    window["context"] = rng.normal(size=size).cumsum(axis=1).astype(np.float32)
    window["observed"] = rng.random(size) < 0.9
    return window


def test_weights_of_another_version_of_the_package_are_refused():
    sizes = _sizes()

    with pytest.raises(NightcastError, match="training.start_from: the weights hourly-1 are "):
        take_over(
            build_network("attention_lstm", sizes, seed=3), "attention_lstm", sizes, "hourly-1"
        )


def test_a_file_that_is_not_the_one_of_this_version_is_refused(monkeypatch):
    monkeypatch.setattr(kept_weights, "KINDS", (dataclasses.replace(HOURS, checksum="0" * 64),))

    with pytest.raises(NightcastError, match="training.start_from: the weights hourly-2 are "):
        _network()
