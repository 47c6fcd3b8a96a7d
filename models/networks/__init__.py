"""Networks by name. A file `NAME.py` here with `build(settings, seed)` is a network of that name.

Every network takes a dict of raw arrays and returns quantiles in the unit of the target:

    context  (B, L)         target up to the origin, 0 where not observed
    observed (B, L)         where `context` holds an observation
    past     (B, L, P)      covariates known up to the origin, NaN where missing; absent if P is 0
    known    (B, L + H, K)  calendar, then covariates known ahead, NaN where missing
    static   (B, C)         codes, 0 for unknown; absent if C is 0
    →        (B, H, Q)      ascending quantiles

Its attention is the output of the layer called `attention`, shape `(B, N, J, T)`.
"""

import importlib
import pkgutil
from typing import Any

from data_contracts.errors import SpecError
from models.settings import NetworkSettings


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
    return importlib.import_module(f"{__name__}.{name}").build(settings, seed)
