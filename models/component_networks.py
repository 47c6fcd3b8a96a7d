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
from keras import layers

from models.encoding import network_inputs
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
    one = replace(settings, modes=0)
    forecasts, looks = [], []
    for number in range(settings.modes):
        network = _with_attention(build(one, seed + number), name=f"component_{number}")
        forecast, *look = network({**shared, "context": inputs["components"][..., number]})
        forecasts.append(forecast)
        looks += look
    total = layers.Add(name="sum")(forecasts)
    if looks:
        total = ShownBeside(name="quantiles")(total, layers.Average(name="attention")(looks))
    return keras.Model(inputs, total)


def _with_attention(network: keras.Model, name: str) -> keras.Model:
    """The network with where it looked as another output, if it looks at all."""
    outputs = [network.output]
    outputs += [layer.output for layer in network.layers if layer.name == "attention"]
    return keras.Model(network.input, outputs, name=name)
