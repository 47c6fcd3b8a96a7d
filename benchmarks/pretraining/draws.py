"""Random numbers for many series at once, and the processes that all series are made of.

Series are sums and products of few parts, each at a random scale, as KernelSynth of Chronos
composes kernels (Ansari et al., 2024).
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

Array = Any


class Draws:
    """Random numbers for `n` series at once, each call with a key of its own.

    Args:
        key: What they are drawn with.
        n: How many series.
        steps: Length of a series.
        before: Steps in which processes come to rest.
    """

    def __init__(self, key: Array, n: int, *, steps: int, before: int) -> None:
        self._key, self.n = key, n
        self.steps, self.before = steps, before
        # Of Fourier transforms: twice all steps, and a number of small factors.
        self.length = -(-2 * (steps + before) // 256) * 256

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

    def shocks(self) -> Array:
        """Normal shocks for `faded`, which needs those before the series too."""
        return self.normal(self.steps + self.before)

    def rare(self, low: float, high: float, *, before: bool = False) -> Array:
        """Shocks of which one comes in `low` to `high` steps."""
        steps = self.steps + (self.before if before else 0)
        return self.normal(steps) * self.happens(1 / self.scale(low, high), steps)

    def faded(self, shocks: Array, half_life: Array) -> Array:
        """What shocks leave that fade by half in so many steps; of unit variance if these are."""
        rate = 2.0 ** (-1.0 / half_life)
        kernel = jnp.sqrt(1 - rate**2) * rate ** jnp.arange(self.steps + self.before)
        spectrum = jnp.fft.rfft(shocks, self.length) * jnp.fft.rfft(kernel, self.length)
        return jnp.fft.irfft(spectrum, self.length)[:, self.before : self.before + self.steps]

    def process(self, low: float, high: float) -> Array:
        """An autoregressive process with a random half-life."""
        return self.faded(self.shocks(), self.scale(low, high))

    def coloured(self, low: float, high: float) -> Array:
        """Noise whose power falls with frequency to a random power: from rough to smooth."""
        frequency = jnp.arange(1, self.length // 2 + 1) / self.length
        floor = self.scale(1 / self.length, 30 / self.length)
        size = (frequency**2 + floor**2) ** (-self.uniform(low, high) / 4)
        spectrum = (self.normal(self.length // 2) + 1j * self.normal(self.length // 2)) * size
        spectrum = jnp.pad(spectrum, ((0, 0), (1, 0)))
        return unit(jnp.fft.irfft(spectrum, self.length)[:, : self.steps])

    def walk(self) -> Array:
        """A random walk of unit variance."""
        return unit(jnp.cumsum(self.normal(self.steps), axis=1))

    def wave(self, low: float, high: float) -> Array:
        """A sine of a random period and phase, of unit variance."""
        angle = 2 * jnp.pi * jnp.arange(self.steps) / self.scale(low, high)
        return unit(jnp.sin(angle + self.uniform(0, 7.0)))

    def fading(self, apart: tuple[float, float], half_life: tuple[float, float]) -> Array:
        """Jumps that are so many steps apart and fade again, of about unit variance."""
        return self.faded(self.rare(*apart, before=True), self.scale(*half_life))

    def jumps(self, low: float, high: float) -> Array:
        """Jumps that stay, so many steps apart; of unit variance."""
        return unit(jnp.cumsum(self.rare(low, high), axis=1))

    def bends(self, low: float, high: float) -> Array:
        """A trend that breaks, so many steps apart; of unit variance."""
        return unit(jnp.cumsum(jnp.cumsum(self.rare(low, high), axis=1), axis=1))

    def gate(self, low: float, high: float) -> Array:
        """Between 0 and 1, mostly near one of them, and slow to change."""
        return jax.nn.sigmoid(2.0 * self.process(low, high))

    def days_off(self, usual: float, most: int, days: int = 7) -> Array:
        """Days of the week that are unlike the others, shape `(n, days)`.

        Args:
            usual: Share of series whose days off are Saturday and Sunday.
            most: Days off of the others, at most.
            days: Of the week that are counted, from Monday.
        """
        some = jnp.argsort(self.uniform(0, 1, days), axis=1) < self.whole(1, most + 1, 1)
        return jnp.where(self.happens(usual), jnp.arange(days)[None] >= 5, some)

    def mixed(self, parts: Sequence[Array]) -> Array:
        """A few of some processes, each at a random size; of about unit variance."""
        shares = self.scale(0.05, 1.0, len(parts)) * self.happens(0.3, len(parts))
        shares = shares / jnp.sqrt(jnp.sum(shares**2, axis=1, keepdims=True) + 1e-3)
        return jnp.einsum("nk,knt->nt", shares, jnp.stack(parts))

    def either(self, forms: Sequence[tuple[float, Array]]) -> Array:
        """One of some forms of each series; the shares add up to one."""
        kind, result, bound = self.uniform(0, 1), forms[-1][1], 1.0
        for (_, form), (share, _) in zip(forms[-2::-1], forms[:0:-1], strict=True):
            bound -= share
            result = jnp.where(kind < bound, form, result)
        return result


def unit(values: Array) -> Array:
    """Of mean zero and variance one over the last axis."""
    centered = values - values.mean(axis=-1, keepdims=True)
    return centered / (values.std(axis=-1, keepdims=True) + 1e-6)


def noise(draws: Draws, unrest: tuple[float, float], size: Array | float = 0.0) -> Array:
    """Noise with and without memory, whose size changes with time.

    Args:
        draws: Where it comes from.
        unrest: Between which half-lives its size changes.
        size: What else is added to the logarithm of its size, shape `(n, steps)`.
    """
    steps = draws.steps + draws.before
    shocks = jnp.where(draws.happens(0.2), draws.heavy(steps), draws.normal(steps))
    share = draws.uniform(0, 1)
    kept = draws.faded(shocks, draws.scale(0.3, 12.0))
    both = jnp.sqrt(share) * kept + jnp.sqrt(1 - share) * shocks[:, draws.before :][:, ::-1]
    moves = draws.process(*unrest) * draws.choice([0, 0.4, 0.8], [0.6, 0.25, 0.15])
    return both * jnp.exp(moves + size) * draws.scale(0.03, 1.2)


def distorted(draws: Draws, values: Array, *, smallest_count: float = 1.0) -> Array:
    """As it is, as an exponential, cut at a floor, as counts, or bounded on both sides."""
    size = draws.scale(smallest_count, 60.0)
    rate = size * jnp.exp(draws.uniform(0.2, 0.8) * jnp.clip(values, -4, 4))
    return draws.either(
        [
            (0.55, values),
            (0.2, jnp.exp(jnp.clip(draws.uniform(0.15, 0.8) * values, -6, 6))),
            (0.08, jax.nn.relu(values - draws.uniform(-2.0, 0.5))),
            (0.1, jnp.floor(rate + draws.uniform(0, 1, draws.steps))),
            (0.07, jnp.tanh(draws.uniform(0.4, 1.2) * values)),
        ]
    )


def usual_change(values: Array, season: int) -> Array:
    """How much series change within a season on average, never nothing, shape `(n,)`."""
    return jnp.maximum(mean_change(values, season), 0.05 * values.std(axis=1) + 1e-3)


def mean_change(values: Array, lag: int) -> Array:
    """How far steps so many apart lie from each other on average, shape `(n,)`."""
    return jnp.mean(jnp.abs(values[:, lag:] - values[:, :-lag]), axis=1)
