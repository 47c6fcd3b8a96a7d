"""How a training went, epoch by epoch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """The losses of one member, in units of each series' seasonal change.

    Attributes:
        training: Mean over the windows of each epoch, auxiliary targets included.
        held_out: Of the target, on the held-out windows after each epoch; empty of a member that
            learned from these too.
        best: Epoch whose weights were kept, counted from 0.
        seconds: That the member took.
    """

    training: tuple[float, ...]
    held_out: tuple[float, ...]
    best: int
    seconds: float
