"""Series of few steps a year drawn by chance: years of any shape over levels that grow and turn."""

from dataclasses import dataclass

import jax.numpy as jnp

from benchmarks.pretraining.draws import (
    Array,
    Draws,
    distorted,
    mean_change,
    noise,
    unit,
)


@dataclass(frozen=True)
class Year:
    """How a year is cut into steps.

    Attributes:
        season: Whole steps in a year.
        length: Steps in a year; that of weeks is no whole number.
        steps: Of a series.
    """

    season: int
    length: float
    steps: int

    def draw(self, key: Array, n: int) -> tuple[Array, Array, Array]:
        """Draw `n` series.

        Returns:
            Values `(n, steps)`; the place of each first step in the calendar, always 0, `(n,)`;
            how much each series usually changes `(n,)`.
        """
        draws = Draws(key, n, steps=self.steps, before=self.steps // 2)
        turn = jnp.arange(self.steps) / self.length + draws.uniform(0, 1)
        level = self._level(draws) * draws.choice([0.3, 1.0, 3.0], [0.25, 0.4, 0.35])
        smooth = self._years(draws, turn) + level
        rough = noise(draws, (self.length / 2, 8 * self.length))
        rough = rough * draws.choice([0.02, 0.1, 0.3, 1.0], [0.05, 0.2, 0.25, 0.5])
        scaled = unit(smooth + rough)
        size = draws.happens(0.25) * draws.scale(0.3, 3.0)
        spikes = draws.fading((self.length / 2, 12 * self.length), (0.2, 3.0)) * size
        values = distorted(draws, scaled + spikes, smallest_count=0.3)
        return values, jnp.zeros(n, jnp.int32), self._usual_change(values)

    def calendar(self) -> Array:
        """No features: the place in the year is left to what the context shows."""
        return jnp.zeros((1, 0))

    def _usual_change(self, values: Array) -> Array:
        """How much series change within a year, or within three steps if that is less."""
        least = jnp.minimum(3 * mean_change(values, 1), mean_change(values, self.season))
        return jnp.maximum(least, 0.01 * values.std(axis=1) + 1e-3)

    def _profile(self, draws: Draws, turn: Array) -> Array:
        """A year of unit variance: waves, a peak, or steps that are each like themselves alone."""
        order = jnp.arange(1, 5)
        size = draws.normal(4) / order ** draws.uniform(0.3, 2.0)
        angles = order[:, None] * turn[:, None] * 2 * jnp.pi
        angles = angles + draws.uniform(0, 2 * jnp.pi, 4, 1)
        smooth = unit(jnp.einsum("nk,nkt->nt", size, jnp.sin(angles)))
        away = jnp.cos(2 * jnp.pi * (turn - draws.uniform(0, 1))) - 1
        peak = unit(jnp.exp(draws.scale(2.0, 300.0) * away)) * draws.normal(1)
        place = jnp.floor(turn % 1 * self.season).astype(jnp.int32) % self.season
        rough = draws.normal(self.season)
        rough = jnp.where(draws.happens(0.4), draws.heavy(self.season), rough)
        rough = unit(jnp.take_along_axis(rough, place, axis=1))
        return draws.either(
            [
                (0.3, smooth),
                (0.1, peak),
                (0.2, rough),
                (0.2, smooth + peak),
                (0.2, smooth + rough * draws.scale(0.1, 1.0)),
            ]
        )

    def _years(self, draws: Draws, turn: Array) -> Array:
        """Profiles of the year, whose size and kind may change slowly."""
        usual = self._profile(draws, turn)
        other = unit(usual + self._profile(draws, turn) * draws.scale(0.1, 1.0))
        gate = draws.gate(2 * self.length, 12 * self.length)
        shape = jnp.where(draws.happens(0.3), gate * usual + (1 - gate) * other, usual)
        drift = draws.process(self.length, 20 * self.length)
        drift = drift * draws.choice([0, 0.1, 0.3], [0.4, 0.4, 0.2])
        size = draws.choice([0, 0.2, 0.6, 1.2, 3.0], [0.25, 0.2, 0.2, 0.2, 0.15])
        return shape * jnp.exp(drift) * size

    def _level(self, draws: Draws) -> Array:
        """Smooth and rough ways in which levels move, a few of each, at random shares."""
        year = self.length
        line = unit(jnp.arange(self.steps) * draws.normal(1))
        smooth = draws.mixed(
            [
                draws.coloured(2.0, 3.8),
                unit(jnp.cumsum(draws.process(0.1 * year, 3 * year), axis=1)),
                draws.bends(0.5 * year, 12 * year),
                line,
                line,
                draws.wave(1.5 * year, 15 * year),
            ]
        )
        rough = draws.mixed(
            [
                draws.process(0.05 * year, 0.4 * year),
                draws.process(0.3 * year, 5 * year),
                draws.coloured(0.5, 2.4),
                draws.walk(),
                unit(draws.fading((0.3 * year, 6 * year), (0.1 * year, 3 * year))),
                draws.jumps(0.7 * year, 12 * year),
            ]
        )
        share = draws.choice([0.0, 0.2, 0.6, 1.0], [0.15, 0.15, 0.35, 0.35])
        return (1 - share) * smooth + share * rough


WEEKS = Year(season=52, length=52.1775, steps=416)
MONTHS = Year(season=12, length=12.0, steps=240)
QUARTERS = Year(season=4, length=4.0, steps=96)
