"""Hourly series drawn by chance: days and weeks of many shapes over levels that move."""

import jax.numpy as jnp
import numpy as np

from benchmarks.pretraining.draws import (
    Array,
    Draws,
    distorted,
    noise,
    unit,
    usual_change,
)
from models.calendar_features import waves

STEPS = 2016  # of a series: twelve weeks
BEFORE = 1008
DAY, WEEK = 24, 168


def draw(key: Array, n: int) -> tuple[Array, Array, Array]:
    """Draw `n` series.

    Returns:
        Values `(n, STEPS)`; the hour of the week of each first step `(n,)`; how much each series
        usually changes within a week `(n,)`.
    """
    draws = Draws(key, n, steps=STEPS, before=BEFORE)
    first = draws.whole(0, WEEK)
    hour = (first[:, None] + jnp.arange(STEPS)) % DAY
    weekday = (first[:, None] + jnp.arange(STEPS)) % WEEK // DAY
    off = draws.days_off(0.65, most=3) & draws.happens(0.6)
    weekend = jnp.take_along_axis(off, weekday, axis=1)
    shape = _days(draws, hour, weekend)
    level = _level(draws) * draws.choice([0.15, 0.5, 1.0, 2.0], [0.2, 0.3, 0.35, 0.15])
    week = _weeks(draws, weekday, weekend) + _hours_of_week(draws, DAY * weekday + hour)
    smooth = shape + _wandering(draws, hour) + week + level
    by_hour = jnp.take_along_axis(_profile(draws), hour, axis=1)
    by_hour = by_hour * draws.choice([0, 0.3, 0.8], [0.6, 0.25, 0.15])
    scaled = unit(smooth + noise(draws, (12.0, 400.0), by_hour))
    spikes = 3.0 * draws.fading((60.0, 1500.0), (0.2, 6.0)) * draws.happens(0.15)
    values = distorted(draws, scaled + spikes)
    return values, first, usual_change(values, WEEK)


def calendar() -> Array:
    """Calendar features of the hours of a week."""
    hours = np.arange(WEEK)
    both = waves(hours % DAY / DAY, "day"), waves(hours // DAY / 7, "week")
    return jnp.asarray(np.concatenate(both, axis=1))


def _profile(draws: Draws) -> Array:
    """A day of unit variance, shape `(n, 24)`: waves, bumps, a switch, or both of the first."""
    angle = jnp.arange(DAY) * 2 * jnp.pi / DAY
    order = jnp.arange(1, 9)
    size = draws.normal(8) / order ** draws.uniform(0.4, 1.8)
    phase = draws.uniform(0, 2 * jnp.pi, 8, 1)
    sines = unit(jnp.einsum("nk,nkh->nh", size, jnp.sin(order[:, None] * angle + phase)))
    away = jnp.cos(angle - draws.uniform(0, 2 * jnp.pi, 3, 1)) - 1
    bumps = unit(jnp.sum(draws.normal(3, 1) * jnp.exp(draws.scale(0.5, 40.0, 3, 1) * away), axis=1))
    switch = jnp.cos(angle - draws.uniform(0, 2 * jnp.pi)) > draws.uniform(-0.7, 0.7)
    kind = draws.uniform(0, 1)
    either = jnp.where(kind < 0.9, unit(switch * 1.0), unit(sines + bumps))
    return jnp.where(kind < 0.55, sines, jnp.where(kind < 0.8, bumps, either))


def _days(draws: Draws, hour: Array, weekend: Array) -> Array:
    """Profiles of the day, whose size and kind may change slowly or from day to day."""
    usual = _profile(draws)
    angle = draws.uniform(0, 1.4) * draws.happens(0.7)
    other = jnp.cos(angle) * usual * draws.scale(0.3, 1.5) + jnp.sin(angle) * _profile(draws)
    usual, other = (jnp.take_along_axis(each, hour, axis=1) for each in (usual, other))
    gate = draws.gate(24.0, 1500.0)
    mixed = gate * usual + (1 - gate) * other
    shape = jnp.where(draws.happens(0.35), mixed, jnp.where(weekend, other, usual))
    daily = _each_day(draws.normal(STEPS // DAY)) * draws.choice([0, 0.15, 0.4], [0.5, 0.3, 0.2])
    drift = draws.coloured(0.8, 2.2) * draws.choice([0, 0.15, 0.4], [0.4, 0.4, 0.2])
    size = draws.choice([0, 0.3, 0.7, 1.2, 2.0], [0.1, 0.2, 0.3, 0.25, 0.15])
    return shape * jnp.exp(daily + drift) * size


def _wandering(draws: Draws, hour: Array) -> Array:
    """A day whose shape wanders: waves of sizes that move from day to day, as by the weather."""
    size, shape = draws.choice([0, 0.2, 0.5, 1.0], [0.4, 0.25, 0.2, 0.15]), 0.0
    fall = draws.uniform(0.3, 1.5)
    for order in (1, 2, 3):
        angle = 2 * jnp.pi * order * hour / DAY
        for wave in (jnp.sin(angle), jnp.cos(angle)):
            shape = shape + draws.process(18.0, 500.0) * wave / order**fall
    return size * shape


def _hours_of_week(draws: Draws, hour_of_week: Array) -> Array:
    """A week of which every hour is like itself alone, as a timetable has it."""
    rough = draws.normal(WEEK)
    smooth = (jnp.roll(rough, 1, axis=1) + 2 * rough + jnp.roll(rough, -1, axis=1)) / 6**0.5
    profile = jnp.where(draws.happens(0.5), rough, smooth)
    profile = profile * draws.choice([0, 0.15, 0.4, 0.8], [0.5, 0.2, 0.2, 0.1])
    return jnp.take_along_axis(profile, hour_of_week, axis=1)


def _each_day(days: Array) -> Array:
    """One number a day for each of its hours."""
    return jnp.repeat(days, DAY, axis=1)


def _weeks(draws: Draws, weekday: Array, weekend: Array) -> Array:
    by_day = jnp.take_along_axis(draws.normal(7), weekday, axis=1)
    by_day = by_day * draws.choice([0, 0.2, 0.6], [0.6, 0.25, 0.15])
    off = jnp.where(weekend, draws.normal(1), 0.0)
    return by_day + off * draws.choice([0, 0.4, 1.0], [0.5, 0.3, 0.2])


def _level(draws: Draws) -> Array:
    """A few of many ways in which levels move, of unit variance."""
    wave, fading = draws.wave(6.0, 1500.0), unit(draws.fading((24.0, 600.0), (8.0, 1200.0)))
    days = STEPS // DAY
    return draws.mixed(
        [
            draws.process(3.0, 48.0),
            draws.process(24.0, 1500.0),
            draws.coloured(0.5, 2.4),
            draws.coloured(0.8, 1.6),
            draws.walk(),
            fading,
            draws.jumps(96.0, 960.0),
            _each_day(draws.normal(days)),
            _each_day(unit(jnp.cumsum(draws.normal(days), axis=1))),
            draws.bends(168.0, 1440.0),
            wave,
        ]
    )
