"""Hourly series drawn by chance: days and weeks of many shapes over levels that move in many ways.

Sums and products of few parts, each at a random scale, as KernelSynth of Chronos composes kernels
(Ansari et al., 2024): profiles of a day, others at weekends, levels from rough to smooth, jumps,
breaks and trends, noise of changing size, spikes, counts and zeros. All of it is drawn on the GPU.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

STEPS = 2016  # of a series: twelve weeks
BEFORE = 1008  # steps in which processes come to rest
LENGTH = 6144  # of the Fourier transforms, at least twice the two together
DAY, WEEK = 24, 168
Array = Any


class Draws:
    """Random numbers for `n` series at once, each call with a key of its own."""

    def __init__(self, key: Array, n: int) -> None:
        self._key, self.n = key, n

    def _next(self) -> Array:
        self._key, key = jax.random.split(self._key)
        return key

    def uniform(self, low: Any, high: Any, *shape: int) -> Array:
        """Evenly between two bounds, shape `(n, *shape)`, by default `(n, 1)`."""
        return jax.random.uniform(self._next(), (self.n, *(shape or (1,))), minval=low, maxval=high)

    def scale(self, low: float, high: float, *shape: int) -> Array:
        """Evenly between two bounds in the logarithm."""
        return jnp.exp(self.uniform(jnp.log(low), jnp.log(high), *shape))

    def normal(self, *shape: int) -> Array:
        """Standard normal, shape `(n, *shape)`."""
        return jax.random.normal(self._next(), (self.n, *shape))

    def heavy(self, *shape: int) -> Array:
        """Student's t of three degrees of freedom, of unit variance."""
        return jax.random.t(self._next(), 3.0, (self.n, *shape)) / 1.73

    def choice(self, values: Sequence[float], shares: Sequence[float]) -> Array:
        """One of some values, shape `(n, 1)`."""
        return jax.random.choice(
            self._next(), jnp.asarray(values), (self.n, 1), p=jnp.asarray(shares)
        )

    def happens(self, share: Any, *shape: int) -> Array:
        """Whether something of a probability happens, by default once per series."""
        return self.uniform(0, 1, *shape) < share

    def whole(self, low: int, high: int, *shape: int) -> Array:
        """Whole numbers from `low` to below `high`, shape `(n, *shape)`."""
        return jax.random.randint(self._next(), (self.n, *shape), low, high)


def draw(key: Array, n: int) -> tuple[Array, Array, Array]:
    """Draw `n` series.

    Returns:
        Values `(n, STEPS)`; the hour of the week of each first step `(n,)`; how much each series
        usually changes within a week `(n,)`.
    """
    draws = Draws(key, n)
    steps = jnp.arange(STEPS)
    first = draws.whole(0, WEEK)
    hour = (first[:, None] + steps) % DAY
    weekday = (first[:, None] + steps) % WEEK // DAY
    weekend = jnp.take_along_axis(_days_off(draws), weekday, axis=1)
    shape = _days(draws, hour, weekend)
    level = _level(draws) * draws.choice([0.15, 0.5, 1.0, 2.0], [0.2, 0.3, 0.35, 0.15])
    week = _weeks(draws, weekday, weekend) + _hours_of_week(draws, DAY * weekday + hour)
    smooth = shape + _wandering(draws, hour) + week + level
    scaled = _unit(smooth + _noise(draws, hour))
    rare = draws.happens(1 / draws.scale(60.0, 1500.0), STEPS + BEFORE)
    spikes = _faded(draws.normal(STEPS + BEFORE) * rare, draws.scale(0.2, 6.0))
    values = _distorted(draws, scaled + 3.0 * spikes * draws.happens(0.15))
    change = jnp.mean(jnp.abs(values[:, WEEK:] - values[:, :-WEEK]), axis=1)
    return values, first, jnp.maximum(change, 0.05 * values.std(axis=1) + 1e-3)


def calendar() -> Array:
    """Calendar features of the hours of a week, as `models.calendar_features` has them."""
    hours = jnp.arange(WEEK)
    waves = []
    for phase, harmonics in ((hours % DAY / DAY, 2), (hours // DAY / 7, 3)):
        turns = 2 * jnp.pi * phase[:, None] * jnp.arange(1, harmonics + 1)
        waves += [jnp.sin(turns), jnp.cos(turns)]
    return jnp.concatenate(waves, axis=1)


def _unit(values: Array) -> Array:
    centered = values - values.mean(axis=-1, keepdims=True)
    return centered / (values.std(axis=-1, keepdims=True) + 1e-6)


def _faded(shocks: Array, half_life: Array) -> Array:
    """What shocks leave that fade by half in so many steps; of unit variance if these are."""
    rate = 2.0 ** (-1.0 / half_life)
    kernel = jnp.sqrt(1 - rate**2) * rate ** jnp.arange(STEPS + BEFORE)
    spectrum = jnp.fft.rfft(shocks, LENGTH) * jnp.fft.rfft(kernel, LENGTH)
    return jnp.fft.irfft(spectrum, LENGTH)[:, BEFORE : BEFORE + STEPS]


def _process(draws: Draws, low: float, high: float) -> Array:
    """An autoregressive process with a random half-life."""
    return _faded(draws.normal(STEPS + BEFORE), draws.scale(low, high))


def _coloured(draws: Draws, low: float, high: float) -> Array:
    """Noise whose power falls with frequency to a random power: from rough to smooth."""
    frequency = jnp.arange(1, LENGTH // 2 + 1) / LENGTH
    power, floor = draws.uniform(low, high), 1 / draws.scale(200.0, 6000.0)
    size = (frequency**2 + floor**2) ** (-power / 4)
    spectrum = (draws.normal(LENGTH // 2) + 1j * draws.normal(LENGTH // 2)) * size
    spectrum = jnp.pad(spectrum, ((0, 0), (1, 0)))
    return _unit(jnp.fft.irfft(spectrum, LENGTH)[:, :STEPS])


def _profile(draws: Draws) -> Array:
    """A day of unit variance, shape `(n, 24)`: waves, bumps, a switch, or both of the first."""
    angle = jnp.arange(DAY) * 2 * jnp.pi / DAY
    order = jnp.arange(1, 9)
    size = draws.normal(8) / order ** draws.uniform(0.4, 1.8)
    phase = draws.uniform(0, 2 * jnp.pi, 8, 1)
    waves = _unit(jnp.einsum("nk,nkh->nh", size, jnp.sin(order[:, None] * angle + phase)))
    away = jnp.cos(angle - draws.uniform(0, 2 * jnp.pi, 3, 1)) - 1
    bumps = _unit(
        jnp.sum(draws.normal(3, 1) * jnp.exp(draws.scale(0.5, 40.0, 3, 1) * away), axis=1)
    )
    switch = jnp.cos(angle - draws.uniform(0, 2 * jnp.pi)) > draws.uniform(-0.7, 0.7)
    kind = draws.uniform(0, 1)
    either = jnp.where(kind < 0.9, _unit(switch * 1.0), _unit(waves + bumps))
    return jnp.where(kind < 0.55, waves, jnp.where(kind < 0.8, bumps, either))


def _days_off(draws: Draws) -> Array:
    """Days of the week that are unlike the others, if any, shape `(n, 7)`."""
    some = jnp.argsort(draws.uniform(0, 1, 7), axis=1) < draws.whole(1, 4, 1)
    usual = jnp.arange(7)[None] >= 5
    return jnp.where(draws.happens(0.65), usual, some) & draws.happens(0.6)


def _days(draws: Draws, hour: Array, weekend: Array) -> Array:
    """Profiles of the day, whose size and kind may change slowly or from day to day."""
    usual = _profile(draws)
    angle = draws.uniform(0, 1.4) * draws.happens(0.7)
    other = jnp.cos(angle) * usual * draws.scale(0.3, 1.5) + jnp.sin(angle) * _profile(draws)
    usual, other = (jnp.take_along_axis(each, hour, axis=1) for each in (usual, other))
    gate = jax.nn.sigmoid(2.0 * _process(draws, 24.0, 1500.0))
    mixed = gate * usual + (1 - gate) * other
    shape = jnp.where(draws.happens(0.35), mixed, jnp.where(weekend, other, usual))
    daily = _each_day(draws.normal(STEPS // DAY)) * draws.choice([0, 0.15, 0.4], [0.5, 0.3, 0.2])
    drift = _coloured(draws, 0.8, 2.2) * draws.choice([0, 0.15, 0.4], [0.4, 0.4, 0.2])
    size = draws.choice([0, 0.3, 0.7, 1.2, 2.0], [0.1, 0.2, 0.3, 0.25, 0.15])
    return shape * jnp.exp(daily + drift) * size


def _wandering(draws: Draws, hour: Array) -> Array:
    """A day whose shape wanders: waves of sizes that move from day to day, as by the weather."""
    size, shape = draws.choice([0, 0.2, 0.5, 1.0], [0.4, 0.25, 0.2, 0.15]), 0.0
    fall = draws.uniform(0.3, 1.5)
    for order in (1, 2, 3):
        angle = 2 * jnp.pi * order * hour / DAY
        for wave in (jnp.sin(angle), jnp.cos(angle)):
            shape = shape + _process(draws, 18.0, 500.0) * wave / order**fall
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

    def rare(low: float, high: float, steps: int = STEPS) -> Array:
        return draws.normal(steps) * draws.happens(1 / draws.scale(DAY * low, DAY * high), steps)

    steps, days = jnp.arange(STEPS), STEPS // DAY
    parts = [
        _process(draws, 3.0, 48.0),
        _process(draws, 24.0, 1500.0),
        _coloured(draws, 0.5, 2.4),
        _coloured(draws, 0.8, 1.6),
        _unit(jnp.cumsum(draws.normal(STEPS), axis=1)),
        _unit(_faded(rare(1.0, 25.0, STEPS + BEFORE), draws.scale(8.0, 1200.0))),  # jumps that fade
        _unit(jnp.cumsum(rare(4.0, 40.0), axis=1)),  # jumps that stay
        _each_day(draws.normal(days)),
        _each_day(_unit(jnp.cumsum(draws.normal(days), axis=1))),
        _unit(jnp.cumsum(jnp.cumsum(rare(7.0, 60.0), axis=1), axis=1)),  # trends that break
        _unit(jnp.sin(2 * jnp.pi * steps / draws.scale(6.0, 1500.0) + draws.uniform(0, 7.0))),
    ]
    shares = draws.scale(0.05, 1.0, len(parts)) * draws.happens(0.3, len(parts))
    shares = shares / jnp.sqrt(jnp.sum(shares**2, axis=1, keepdims=True) + 1e-3)
    return jnp.einsum("nk,knt->nt", shares, jnp.stack(parts))


def _noise(draws: Draws, hour: Array) -> Array:
    """Noise with and without memory, whose size changes with time and over the day."""
    shocks = jnp.where(
        draws.happens(0.2), draws.heavy(STEPS + BEFORE), draws.normal(STEPS + BEFORE)
    )
    share = draws.uniform(0, 1)
    kept = _faded(shocks, draws.scale(0.3, 12.0))
    noise = jnp.sqrt(share) * kept + jnp.sqrt(1 - share) * shocks[:, BEFORE:][:, ::-1]
    unrest = _process(draws, 12.0, 400.0) * draws.choice([0, 0.4, 0.8], [0.6, 0.25, 0.15])
    by_hour = jnp.take_along_axis(_profile(draws), hour, axis=1)
    by_hour = by_hour * draws.choice([0, 0.3, 0.8], [0.6, 0.25, 0.15])
    return noise * jnp.exp(unrest + by_hour) * draws.scale(0.03, 1.2)


def _distorted(draws: Draws, values: Array) -> Array:
    """As it is, as an exponential, cut at a floor, as counts, or bounded on both sides."""
    kind, size = draws.uniform(0, 1), draws.scale(1.0, 60.0)
    rate = size * jnp.exp(draws.uniform(0.2, 0.8) * jnp.clip(values, -4, 4))
    forms = [
        (0.55, values),
        (0.75, jnp.exp(jnp.clip(draws.uniform(0.15, 0.8) * values, -6, 6))),
        (0.83, jax.nn.relu(values - draws.uniform(-2.0, 0.5))),
        (0.93, jnp.floor(rate + draws.uniform(0, 1, STEPS))),
        (1.01, jnp.tanh(draws.uniform(0.4, 1.2) * values)),
    ]
    result = forms[-1][1]
    for share, form in reversed(forms[:-1]):
        result = jnp.where(kind < share, form, result)
    return result
