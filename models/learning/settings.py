"""What training and building a network need to know."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from models.decomposition.settings import Decomposition

Entry = Literal["channels", "networks"]  # how the components of a context reach the network
ENTRIES: tuple[Entry, ...] = get_args(Entry)


def networks_in(name: str) -> tuple[str, ...]:
    """Names of the networks that a forecaster is made of.

    >>> networks_in("tcn+transformer")
    ('tcn', 'transformer')
    """
    return tuple(name.split("+"))


@dataclass(frozen=True)
class Member:
    """One of the networks that a forecaster is made of.

    Attributes:
        network: Name of the network.
        context_length: Steps that it reads, `L`.
        scaling: Method of `InstanceScaling`.
        seed: Where its weights start.
    """

    network: str
    context_length: int
    scaling: str
    seed: int


@dataclass(frozen=True)
class TrainingSettings:
    """One forecaster to train.

    Attributes:
        network: Name of its network, such as `attention_lstm`; several joined by `+` take turns.
        context_length: Steps that it reads, `L`.
        horizon: Steps that it forecasts, `H`.
        quantile_levels: Ascending, strictly between 0 and 1, `Q` of them.
        season_lengths: In steps, ascending.
        members: Networks that are trained, each from another seed.
        combine: How members become one forecast: `median`, or `weights` learned on held-out
            windows.
        minutes: Budget of all members together; a safety stop that a usual training does not meet.
        max_epochs: Passes over `windows_per_epoch` windows per member, at the most.
        seed: Where all randomness starts.
        units: Width of the states.
        num_heads: Heads of the attention.
        dropout: Share of activations that training leaves out.
        batch_size: Windows per step of the optimizer.
        windows_per_epoch: Windows drawn for one epoch, fewer where the panel has fewer.
        aligned_share: Share of the windows whose origin lies a whole number of seasons before the
            end of training. A nightly forecast is always made at the same hour; the other windows
            keep the network usable from any.
        learning_rate: At its highest.
        scalings: Methods of `InstanceScaling`; members take them in turn.
        contexts: Multiples of `context_length`; they change after every round of scalings.
        tolerance: Share by which an epoch may be worse on the held-out windows than an earlier one
            and still be taken for better, because few windows tell them apart badly.
        catch_up: Epochs of the last phase, which learns from the held-out windows too, per epoch
            before it.
        patch: Steps that are read as one token; None takes the shortest season, 1 is the classic
            network that goes step by step.
        auxiliary: Past covariates whose future the networks learn to forecast too, each by a head
            of its own on the shared encoder.
        auxiliary_weight: What the loss of all auxiliary heads together, in standard deviations,
            counts beside that of the target, in seasonal changes.
        decomposition: How each context is taken apart; None where it is left whole.
        components: Whether these are `channels` beside the target, or each is the context of one
            of as many `networks` whose forecasts add up.
        holt: Whether level and trend along each series are channels beside the target.
        freeze: Groups of layers that stay as they were in the start, if there is one.
        pretrained: Name of the weights of the package that networks start from; empty for none.
        linear_paths: Ways in which a network may be linear in the past; where there are several,
            it weighs them.
        device: Where to train: `auto`, `cpu` or `gpu`.
    """

    network: str
    context_length: int
    horizon: int
    quantile_levels: tuple[float, ...]
    season_lengths: tuple[int, ...]
    members: int = 3
    minutes: float = 10.0
    max_epochs: int = 20
    seed: int = 7
    units: int = 64
    num_heads: int = 8
    dropout: float = 0.1
    batch_size: int = 128
    windows_per_epoch: int = 4096
    aligned_share: float = 0.8
    learning_rate: float = 3e-3
    scalings: tuple[str, ...] = ("last_season", "mean_std")
    contexts: tuple[float, ...] = (1.0, 2.0)
    combine: str = "median"
    tolerance: float = 0.0
    catch_up: float = 0.25
    patch: int | None = None
    auxiliary: tuple[str, ...] = ()
    auxiliary_weight: float = 0.2
    decomposition: Decomposition | None = None
    components: Entry = "channels"
    holt: bool = False
    freeze: tuple[str, ...] = ()
    pretrained: str = ""
    linear_paths: int = 1
    device: str = "auto"

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> "TrainingSettings":
        """What `asdict` made of some."""
        apart = fields.get("decomposition")
        return cls(**{**fields, "decomposition": Decomposition(**apart) if apart else None})

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks that take turns."""
        return networks_in(self.network)

    def member(self, number: int, *, longest: int) -> Member:
        """What is special about one of the members.

        Args:
            number: Of the member, from 0.
            longest: Steps of the longest history. No member reads more, unless it starts from
                pretrained weights, which know how a history begins.

        >>> settings = TrainingSettings("tcn+transformer", 336, 24, (0.5,), (24, 168))
        >>> [settings.member(number, longest=9000).scaling for number in range(4)]
        ['last_season', 'last_season', 'mean_std', 'mean_std']
        """
        turn, kind = divmod(number, len(self.networks))
        round_of_scalings = turn // len(self.scalings)
        share = self.contexts[round_of_scalings % len(self.contexts)]
        context = max(round(self.context_length * share), self.season)
        return Member(
            network=self.networks[kind],
            context_length=context if self.pretrained else min(context, longest),
            scaling=self.scalings[turn % len(self.scalings)],
            seed=self.seed + 1000 * number,
        )

    @property
    def season(self) -> int:
        """The shortest season, as far as the context holds one, in steps."""
        return min(*self.season_lengths, self.context_length)

    @property
    def patch_length(self) -> int:
        """Steps per token, `p`."""
        return min(self.patch or self.season, self.context_length)


@dataclass(frozen=True)
class NetworkSettings:
    """Sizes and constants of one network; everything is known before it is built.

    Attributes:
        context_length, horizon, quantile_levels, season_lengths, units, num_heads, dropout: As in
            `TrainingSettings`.
        past_means, past_scales: Per covariate known up to the origin, `P` of each.
        known_means, known_scales: Per covariate known ahead, `K` of each.
        static_sizes: Codes per static column, the unknown included, `C` of them.
        scaling: Method of `InstanceScaling`.
        patch: As in `TrainingSettings`.
        auxiliary: Positions among the past covariates whose future is forecast too, `A` of them.
        modes: Components of the context that come with it, `M`; 0 for none.
        components: As in `TrainingSettings`.
        holt: Whether level and trend come with the context.
        linear_paths: As in `TrainingSettings`, `E`.
    """

    context_length: int
    horizon: int
    quantile_levels: tuple[float, ...]
    season_lengths: tuple[int, ...]
    past_means: tuple[float, ...] = ()
    past_scales: tuple[float, ...] = ()
    known_means: tuple[float, ...] = ()
    known_scales: tuple[float, ...] = ()
    static_sizes: tuple[int, ...] = ()
    units: int = 64
    num_heads: int = 8
    dropout: float = 0.1
    scaling: str = "mean_std"
    patch: int | None = None
    auxiliary: tuple[int, ...] = ()
    modes: int = 0
    components: Entry = "channels"
    holt: bool = False
    linear_paths: int = 1

    def of(self, member: Member) -> "NetworkSettings":
        """The sizes of one member."""
        return replace(self, context_length=member.context_length, scaling=member.scaling)

    @property
    def shape(self) -> "NetworkSettings":
        """The same without what networks of one shape differ in: constants that are weights.

        Those of auxiliary covariates stay, because heads and loss use them as they are.

        >>> sizes = NetworkSettings(336, 24, (0.5,), (24,), past_means=(7.1,), past_scales=(3.2,))
        >>> sizes.shape.past_means, sizes.shape.past_scales
        ((0.0,), (1.0,))
        """
        return replace(
            self,
            past_means=tuple(
                mean if column in self.auxiliary else 0.0
                for column, mean in enumerate(self.past_means)
            ),
            past_scales=tuple(
                scale if column in self.auxiliary else 1.0
                for column, scale in enumerate(self.past_scales)
            ),
            known_means=(0.0,) * len(self.known_means),
            known_scales=(1.0,) * len(self.known_scales),
        )

    @property
    def season(self) -> int:
        """The shortest season, as far as the context holds one, in steps."""
        return min(*self.season_lengths, self.context_length)

    @property
    def patch_length(self) -> int:
        """Steps per token, `p`."""
        return min(self.patch or self.season, self.context_length)

    @property
    def num_tokens(self) -> int:
        """Whole patches in the context, `T`."""
        return self.context_length // self.patch_length

    @property
    def num_future_patches(self) -> int:
        """Patches that cover the horizon, `J`."""
        return -(-self.horizon // self.patch_length)

    @property
    def patches_per_season(self) -> int:
        """Whole patches in the shortest season, 1 where a patch is as long."""
        return max(1, self.season // self.patch_length)

    @property
    def lags(self) -> tuple[int, ...]:
        """Seasons that are whole numbers of patches, in patches.

        >>> NetworkSettings(336, 24, (0.5,), season_lengths=(24, 168)).lags
        (1, 7)
        """
        length = self.patch_length
        return tuple(season // length for season in self.season_lengths if season % length == 0)
