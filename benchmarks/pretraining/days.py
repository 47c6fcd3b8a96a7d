"""Daily series drawn by chance: weeks and years of many shapes over levels that move."""

from dataclasses import dataclass

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

STEPS = 784  # of a series: two years and a bit, or three
BEFORE = 392


@dataclass(frozen=True)
class Week:
    """Which days of a week are counted.

    Attributes:
        days: So many, from Monday.
        wanders: Share of series that come from a random walk and nothing else, as prices do.
        month, year: Length in counted days.
    """

    days: int
    wanders: float
    month: float
    year: float

    def draw(self, key: Array, n: int) -> tuple[Array, Array, Array]:
        """Draw `n` series.

        Returns:
            Values `(n, STEPS)`; the place of each first step in the week `(n,)`; how much each
            series usually changes within a week `(n,)`.
        """
        draws = Draws(key, n, steps=STEPS, before=BEFORE)
        first = draws.whole(0, self.days)
        weekday = (first[:, None] + jnp.arange(STEPS)) % self.days
        week, closed = self._week(draws, weekday)
        level = self._level(draws) * draws.choice([0.15, 0.5, 1.0, 2.5], [0.15, 0.25, 0.35, 0.25])
        smooth = week + level + self._year(draws) + self._month(draws)
        scaled = unit(smooth + noise(draws, (4.0, 120.0)))
        spikes = 3.0 * draws.fading((15.0, 400.0), (0.2, 3.0)) * draws.happens(0.25)
        values = scaled + spikes
        if self.wanders:  # else nothing is drawn, and `daily-1` stays what its recipe made
            values = jnp.where(draws.happens(self.wanders), self._walk(draws), values)
        values = distorted(draws, values, smallest_count=0.1)
        shut = closed & draws.happens(0.07)
        open_or_not = jnp.where(shut.any(axis=1, keepdims=True), abs(values), values)
        values = jnp.where(shut, 0.0, open_or_not)
        return values, first, usual_change(values, self.days)

    def calendar(self) -> Array:
        """Calendar features of the counted days of a week."""
        return jnp.asarray(waves(np.arange(self.days) / 7, "week"))

    def _week(self, draws: Draws, weekday: Array) -> tuple[Array, Array]:
        """What the weekday adds, and which days are unlike the others, shape `(n, STEPS)` each."""
        off = draws.days_off(0.7, most=2, days=self.days)
        step = jnp.where(off, draws.normal(1) * 1.5, 0.0)
        rough = draws.normal(self.days)
        profile = unit(jnp.where(draws.happens(0.5), step + 0.3 * rough, rough + 0.3 * step))
        other = unit(profile + draws.normal(self.days) * draws.scale(0.2, 2.0))
        profile, other, off = (
            jnp.take_along_axis(each, weekday, axis=1) for each in (profile, other, off)
        )
        gate = draws.gate(20.0, 400.0)  # holidays, or another season
        shape = jnp.where(draws.happens(0.35), gate * profile + (1 - gate) * other, profile)
        drift = draws.coloured(0.8, 2.2) * draws.choice([0, 0.15, 0.4], [0.4, 0.4, 0.2])
        size = draws.choice([0, 0.2, 0.5, 1.0, 2.0], [0.15, 0.2, 0.25, 0.25, 0.15])
        return shape * jnp.exp(drift) * size, off

    def _year(self, draws: Draws) -> Array:
        """Waves of a year and of its parts, and a peak that returns."""
        angle = 2 * jnp.pi * (jnp.arange(STEPS) / self.year + draws.uniform(0, 1))
        order = jnp.arange(1, 5)
        size = draws.normal(4) / order ** draws.uniform(0.5, 2.0)
        turns = order[:, None] * angle[:, None] + draws.uniform(0, 2 * jnp.pi, 4, 1)
        smooth = unit(jnp.einsum("nk,nkt->nt", size, jnp.sin(turns)))
        away = jnp.cos(angle - draws.uniform(0, 2 * jnp.pi)) - 1
        peak = unit(jnp.exp(draws.scale(2.0, 200.0) * away)) * draws.normal(1)
        shape = draws.either([(0.6, smooth), (0.2, peak), (0.2, smooth + peak)])
        return shape * draws.choice([0, 0.3, 1.0, 2.0], [0.4, 0.25, 0.2, 0.15])

    def _month(self, draws: Draws) -> Array:
        """Days on which wages are paid or bills are due."""
        angle = 2 * jnp.pi * (jnp.arange(STEPS) / self.month + draws.uniform(0, 1))
        shape = unit(jnp.exp(draws.scale(1.0, 20.0) * (jnp.cos(angle) - 1)))
        return shape * draws.choice([0, 0.2, 0.5], [0.8, 0.12, 0.08])

    def _level(self, draws: Draws) -> Array:
        """A few of many ways in which levels move, of unit variance."""
        wave = draws.wave(8.0, 700.0)
        return draws.mixed(
            [
                draws.process(1.0, 10.0),
                draws.process(8.0, 300.0),
                draws.coloured(0.5, 2.4),
                draws.coloured(0.8, 1.6),
                draws.coloured(2.0, 3.6),
                draws.walk(),
                unit(draws.fading((5.0, 100.0), (2.0, 90.0))),
                draws.jumps(20.0, 300.0),
                draws.bends(20.0, 400.0),
                unit(jnp.arange(STEPS) * draws.normal(1)),
                wave,
            ]
        )

    def _walk(self, draws: Draws) -> Array:
        """A random walk that is at times restless, and at times hardly moves."""
        moves = draws.heavy(STEPS) * jnp.exp(draws.process(4.0, 120.0) * draws.uniform(0, 0.8))
        return unit(jnp.cumsum(moves, axis=1))


DAYS = Week(days=7, wanders=0.0, month=30.44, year=365.25)
BUSINESS_DAYS = Week(days=5, wanders=0.2, month=21.75, year=261.0)
