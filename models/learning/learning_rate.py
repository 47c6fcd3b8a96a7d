"""The learning-rate schedule of a training."""

import numpy as np

WARM_UP = 0.05  # share of the steps in which the learning rate rises


def learning_rate_share(share: float) -> float:
    """Learning rate relative to its highest: a linear rise, then half a cosine to zero.

    Args:
        share: Of the training that is over; beyond 1 counts as 1.

    >>> [round(learning_rate_share(share), 3) for share in (0.0, 0.05, 0.525, 1.0)]
    [0.05, 1.0, 0.5, 0.0]
    """
    if share < WARM_UP:
        return 0.05 + 0.95 * share / WARM_UP
    turned = min((share - WARM_UP) / (1 - WARM_UP), 1.0)
    return float(0.5 * (1 + np.cos(np.pi * turned)))
