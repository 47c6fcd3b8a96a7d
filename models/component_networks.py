"""A network per component of the context, whose forecasts add up.

The classic strategy trains each network on the future of its own component, and that future is only
known once the days to forecast are decomposed too. Here the networks are trained together on the
target itself: no component of the future is ever asked for, and it is the sum that has to be right,
not each part. Quantiles are added level by level, so that they stay in order; how wide the sum has
to be is learned, as everything else.
"""

from collections.abc import Callable
from dataclasses import replace

import keras
from keras import layers, ops

from models.encoding import network_inputs
from models.layers import Tensor
from models.layers.shown_beside import ShownBeside
from models.learning.settings import NetworkSettings

Build = Callable[[NetworkSettings, int], keras.Model]


def sum_of_networks(build: Build, settings: NetworkSettings, seed: int) -> keras.Model:
    """Networks that each read one component, and the sum of their forecasts.

    Its attention is the mean of theirs.

    Args:
        build: Makes one of them.
        settings: Sizes and constants; `modes` says how many.
        seed: Every weight starts from it.

    Raises:
        ValueError: If there are auxiliary targets, which no component belongs to.
    """
    if settings.auxiliary:
        raise ValueError("Expected no auxiliary targets beside a network per component.")
    inputs = network_inputs(settings)
    shared = {name: given for name, given in inputs.items() if name != "components"}
    forecasts, looks = [], []
    for number in range(settings.modes):
        one = replace(settings, modes=0, holt=settings.holt and number == 0)
        network = _with_attention(build(one, seed + number), name=f"component_{number}")
        component = inputs["components"][..., number]
        forecast, *look = network(_of_component(shared, component, one))
        forecasts.append(forecast if number == 0 else _unless_empty(forecast, component))
        looks += look
    # In the unit of the target, of which mixed precision would lose digits.
    total = layers.Add(name="sum", dtype="float32")(forecasts)
    if looks:
        look = layers.Average(name="attention", dtype="float32")(looks)
        total = ShownBeside(name="quantiles")(total, look)
    return keras.Model(inputs, total)


def _of_component(
    shared: dict[str, Tensor], component: Tensor, one: NetworkSettings
) -> dict[str, Tensor]:
    """What one network reads. Level and trend are for the slowest, which has the level."""
    beside = {name: given for name, given in shared.items() if name != "holt" or one.holt}
    return {**beside, "context": component}


def _unless_empty(forecast: Tensor, component: Tensor) -> Tensor:
    """Nothing where a window has no such component, whose scale then is none of the target's."""
    there = ops.any(component != 0, axis=1)[:, None, None]
    return ops.where(there, forecast, ops.zeros_like(forecast))


def _with_attention(network: keras.Model, name: str) -> keras.Model:
    """The network with where it looked as another output, if it looks at all."""
    outputs = [network.output]
    outputs += [layer.output for layer in network.layers if layer.name == "attention"]
    return keras.Model(network.input, outputs, name=name)
