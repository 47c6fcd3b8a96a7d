"""A network of the product that learns on the accelerator, many steps per call."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.pretraining.draws import Array
from data_contracts.spec import DECILES
from models.learning.pinball import PinballLoss
from models.learning.pretrained import Weights
from models.learning.settings import NetworkSettings
from models.networks import build_network

FIRST, SECOND = 0.9, 0.999  # how long AdamW remembers gradients and their squares


@dataclass(frozen=True, eq=False)
class Source:
    """Where the series of one kind of weights come from.

    Attributes:
        kind: The weights.
        draw: Draws series with a key, so many: values, the place of each first step in the week,
            and how much each series usually changes.
        calendar: Features of each step of a week.
    """

    kind: Weights
    draw: Callable[[Array, int], tuple[Array, Array, Array]]
    calendar: Array


class Pretraining:
    """One network and what AdamW knows of it.

    Args:
        network: As in the product.
        source: What it learns from.
        seed: Where its weights start.
        batch: Windows per step.
        decay: Of the weights.
    """

    def __init__(
        self, network: str, source: Source, *, seed: int, batch: int, decay: float
    ) -> None:
        kind = source.kind
        sizes = NetworkSettings(
            context_length=kind.context_length,
            horizon=kind.horizon,
            quantile_levels=DECILES,
            season_lengths=kind.season_lengths,
            known_means=(0.0,) * kind.num_waves,
            known_scales=(1.0,) * kind.num_waves,
            units=kind.units,
            num_heads=kind.num_heads,
            dropout=0.0,  # no window comes twice
            linear_paths=kind.linear_paths,
            scaling=kind.scaling,
        )
        self._model: Any = build_network(network, sizes, seed)
        self._source, self._batch, self._decay = source, batch, decay
        learned = [jnp.asarray(each.value) for each in self._model.trainable_variables]
        others = [jnp.asarray(each.value) for each in self._model.non_trainable_variables]
        nothing = [jnp.zeros_like(each) for each in learned]
        self._state: Any = (learned, nothing, nothing, jnp.zeros(()), others)
        self._steps = jax.jit(self._learn)

    def learn(self, key: Array, series: Any, rates: Array) -> Array:
        """Learn one step per learning rate from windows of a bank of series; the mean loss."""
        self._state, losses = self._steps(self._state, key, series, rates)
        return losses.mean()

    def weights(self) -> dict[str, Any]:
        """What it has learned, by the path of each variable."""
        paths = [each.path for each in self._model.trainable_variables]
        return {path: np.asarray(value) for path, value in zip(paths, self._state[0], strict=True)}

    def _learn(self, state: Any, key: Array, series: Any, rates: Array) -> tuple[Any, Array]:
        def step(state: Any, drawn: tuple[Array, Array]) -> tuple[Any, Array]:
            learned, means, squares, count, others = state
            inputs, target, weights = windows(drawn[0], series, self._source, self._batch)
            loss = jax.value_and_grad(self._loss, has_aux=True)
            (value, others), gradients = loss(learned, others, inputs, target, weights)
            moved = [
                self._moved(*each, count + 1, drawn[1])
                for each in zip(learned, means, squares, gradients, strict=True)
            ]
            learned, means, squares = (list(part) for part in zip(*moved, strict=True))
            return (learned, means, squares, count + 1, others), value

        return jax.lax.scan(step, state, (jax.random.split(key, len(rates)), rates))

    def _loss(
        self, learned: Any, others: Any, inputs: Any, target: Array, weights: Array
    ) -> tuple[Array, Any]:
        quantiles, others = self._model.stateless_call(learned, others, inputs, training=True)
        losses = PinballLoss(DECILES).call(target, quantiles)
        return jnp.mean(losses * weights), others

    def _moved(
        self, value: Array, mean: Array, square: Array, gradient: Array, count: Array, rate: Array
    ) -> tuple[Array, Array, Array]:
        """AdamW (Loshchilov and Hutter, 2019), each gradient clipped to a norm of 1."""
        norm = jnp.sqrt(jnp.sum(gradient**2))
        gradient = jnp.where(jnp.isfinite(norm), gradient / jnp.maximum(norm, 1.0), 0.0)
        mean = FIRST * mean + (1 - FIRST) * gradient
        square = SECOND * square + (1 - SECOND) * gradient**2
        fair = rate * jnp.sqrt(1 - SECOND**count) / (1 - FIRST**count)
        value = value - self._decay * rate * value - fair * mean / (jnp.sqrt(square) + 1e-7)
        return value, mean, square


def windows(
    key: Array, series: Any, source: Source, size: int
) -> tuple[dict[str, Array], Array, Array]:
    """Windows as a network reads them, with gaps, and many with a shorter history.

    Args:
        key: What they are drawn with.
        series: As drawn from the source.
        source: Says how long they are.
        size: How many.

    Returns:
        Inputs; what came, shape `(size, H)`; how much each window counts `(size,)`.
    """
    values, first, change = series
    length, horizon = source.kind.context_length, source.kind.horizon
    keys = iter(jax.random.split(key, 10))
    steps = jnp.arange(length)

    def uniform(high: float, width: int = 1) -> Array:
        return jax.random.uniform(next(keys), (size, width), maxval=high)

    which = jax.random.randint(next(keys), (size,), 0, len(values))
    begin = jax.random.randint(next(keys), (size,), 0, values.shape[1] - length - horizon + 1)
    slots = begin[:, None] + jnp.arange(length + horizon)
    drawn = values[which[:, None], slots]
    holes = (uniform(1.0, length) < uniform(0.3)) & (uniform(1.0) < 0.08)
    gap, lost = uniform(length), 1 + uniform(length / 7)
    block = (steps > gap) & (steps < gap + lost) & (uniform(1.0) < 0.08)
    kind, short = uniform(1.0), jnp.floor(uniform(length - source.kind.patch_length))
    shares, lengths = (0.2, 0.35, 0.5), (length / 2, 3 * length / 4, short)
    missing = jnp.select([kind < share for share in shares], lengths, 0)
    observed = ~holes & ~block & (steps >= missing)
    week = len(source.calendar)
    inputs = {
        "context": jnp.where(observed, drawn[:, :length], 0),
        "observed": observed,
    }
    if source.kind.num_waves:
        inputs["known"] = source.calendar[(first[which][:, None] + slots) % week]
    return inputs, drawn[:, length:], 1 / change[which]
