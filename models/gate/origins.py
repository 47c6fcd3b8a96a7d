"""Rolling origins: the instants from which forecasts are judged."""

import numpy as np

from models.panel import Ints, Panel

LONGEST_SHARE = 0.4  # of the longest history that evaluation may take from training


def evaluation_origins(panel: Panel, *, origins: int, every: int, horizon: int) -> Ints:
    """Choose the slots from which all contenders forecast what none of them has seen.

    The last origin lies one horizon before the cutoff, the others `every` steps apart before it.
    Training may see targets up to and including the first origin, no further:
    `train_until = evaluation_origins(...)[0]`.

    Where the steps from the first origin to the cutoff would take more than 40 % of the longest
    history, origins first move closer together and then become fewer, down to none.

    Args:
        panel: Where the histories are.
        origins: Wanted number of origins.
        every: Wanted steps between origins.
        horizon: Steps that one forecast covers.

    Returns:
        Slots, ascending, shape `(O,)` with `O <= origins`.
    """
    longest = int(panel.lengths.max(initial=0))
    spare = int(LONGEST_SHARE * longest) - horizon
    if spare < 0:
        return np.empty(0, np.int64)
    if origins > 1:
        every = max(1, min(every, spare // (origins - 1)))
    possible = min(origins, spare // every + 1)
    return panel.cutoff_slot - horizon - every * np.arange(possible - 1, -1, -1, dtype=np.int64)


def earlier_origins(
    panel: Panel, first: int, *, origins: int, every: int, horizon: int, least: int
) -> Ints:
    """Choose slots whose forecasts are over by the first origin that contenders are judged from.

    The last of them lies one horizon before it, the others `every` steps apart before that.

    Args:
        panel: Where the histories are.
        first: The first slot that contenders are judged from.
        origins: Wanted number of origins.
        every: Steps between origins.
        horizon: Steps that one forecast covers.
        least: Steps of the longest history that every origin has behind it.

    Returns:
        Slots, ascending, shape `(O,)` with `O <= origins`.
    """
    last = first - horizon
    spare = int(panel.lengths_until(last).max(initial=0)) - least
    possible = 0 if spare < 0 else min(origins, spare // every + 1)
    return last - every * np.arange(possible - 1, -1, -1, dtype=np.int64)
