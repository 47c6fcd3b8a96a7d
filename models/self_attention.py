"""Looking of each state at the others, a step that several networks share."""

from keras import layers, ops

from models.encoding import Past, Seeds
from models.layers import Tensor
from models.layers.multi_head_attention import MultiHeadAttention
from models.layers.patching import Patching
from models.learning.settings import NetworkSettings

MAX_MEANS = 64  # of states that one state looks at


def self_attention(
    states: Tensor, past: Past, settings: NetworkSettings, seeds: Seeds, name: str
) -> Tensor:
    """Add to each state what it finds in all of them (Vaswani et al., 2017; normalised before).

    Patches of a season look at each other. Shorter ones look at the means of seasons, so that the
    cost does not grow with the square of their number.

    Args:
        states: Shape `(B, T, U)`.
        past: Where the states come from.
        settings: Sizes.
        seeds: Where the weights start.
        name: Prefix of the layers' names.

    Returns:
        Shape `(B, T, U)`.
    """
    key_dim = max(1, states.shape[-1] // settings.num_heads)
    attention = MultiHeadAttention(
        settings.num_heads, key_dim, seeds.next(), name=f"{name}_attention"
    )
    normal = layers.LayerNormalization(name=f"{name}_norm")(states)
    offered, usable = _season_means(normal, past.usable, states_per_mean(settings))
    return states + seeds.dropout(settings)(attention(normal, offered, usable))


def states_per_mean(settings: NetworkSettings) -> int:
    """Successive states that are looked at as one."""
    return max(settings.patches_per_season, -(-settings.num_tokens // MAX_MEANS))


def _season_means(states: Tensor, usable: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Means of so many successive states, and whether any of them is usable."""
    if size == 1:
        return states, usable
    means = ops.mean(Patching(size)(states), axis=2)
    counts = Patching(size)(ops.expand_dims(ops.cast(usable, "float32"), -1))
    return means, ops.max(counts[..., 0], axis=-1) > 0
