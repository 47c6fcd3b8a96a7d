"""Networks by name. A file `NAME.py` here with `build(settings, seed)` is a network of that name.

Every network takes a dict of raw arrays and returns quantiles in the unit of the target:

    context  (B, L)         target up to the origin, 0 where not observed
    observed (B, L)         where `context` holds an observation
    past     (B, L, P)      covariates known up to the origin, NaN where missing; absent if P is 0
    known    (B, L + H, K)  calendar, then covariates known ahead, NaN where missing
    static   (B, C)         codes, 0 for unknown; absent if C is 0
    components (B, L, M)    of the context, slowest first, which add up to it; absent if M is 0
    holt     (B, L, 2)      level and trend, NaN before the first observation; absent unless wanted
    →        (B, H, Q)      ascending quantiles

Where `settings.auxiliary` names covariates, the output is a list, and the quantiles of these, shape
`(B, H, A, Q)`, come second.

Its attention is the output of the layer called `attention`, shape `(B, N, J, T)`. Every layer with
weights carries a name that begins with its group: `encoder`, `attention` or `head`.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from data_contracts.errors import SpecError
from models.learning.settings import NetworkSettings

GROUPS = ("encoder", "attention", "head")  # of layers: reading, looking back, forecasting


def network_names() -> tuple[str, ...]:
    """Names that `build_network` knows, ascending."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def check_network(name: str) -> None:
    """Refuse a name that no network has.

    Raises:
        SpecError: Naming those that exist.
    """
    if name not in network_names():
        raise SpecError(
            f"candidates: expected networks among {', '.join(network_names())}, got {name!r}."
        )


def build_network(name: str, settings: NetworkSettings, seed: int) -> Any:
    """Build an untrained `keras.Model`.

    Args:
        name: One of `network_names()`.
        settings: Sizes and constants.
        seed: Every weight starts from it; the same seed gives the same weights.

    Raises:
        SpecError: If there is no network of that name.
    """
    check_network(name)
    if settings.modes and settings.components == "networks":
        from models.component_networks import sum_of_networks

        return sum_of_networks(partial(build_network, name), settings, seed)
    return importlib.import_module(f"{__name__}.{name}").build(settings, seed)


def all_layers(network: Any) -> Iterator[Any]:
    """The layers of a network, those of networks inside it instead of these."""
    for layer in network.layers:
        inside = getattr(layer, "layers", None)
        yield from all_layers(layer) if inside else [layer]


def layer_groups(network: Any) -> dict[str, list[Any]]:
    """The layers of a network that hold weights, by group."""
    holding = [layer for layer in all_layers(network) if layer.weights]
    return {
        group: [layer for layer in holding if layer.name.split("_")[0] == group] for group in GROUPS
    }


def freeze(network: Any, groups: Iterable[str]) -> None:
    """Keep the weights of some groups of layers as they are in training, and train the others.

    A model that was compiled before has to be compiled again.

    Raises:
        SpecError: If there is no such group, naming those that exist.
    """
    frozen = set(groups)
    unknown = sorted(frozen - set(GROUPS))
    if unknown:
        raise SpecError(
            f"training.freeze: expected layer groups among {', '.join(GROUPS)}, got {unknown[0]!r}."
        )
    for group, members in layer_groups(network).items():
        for layer in members:
            layer.trainable = group not in frozen
