"""Where trainings begin: from scratch, the champion, a version or the weights of the package."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from data_contracts.errors import SpecError, StorageError
from data_contracts.spec import NO_START, PRETRAINED, Spec
from data_contracts.vocabulary import CHAMPION
from models.forecasters.neural import NeuralForecaster
from models.learning.pretrained import pretrained_settings, weights_for, why_not_pretrained
from models.learning.settings import TrainingSettings
from models.learning.transfer import why_not
from models.panel import Panel
from tasks.contenders import CHALLENGER, misfit, open_contender
from tasks.stores.registry import champion_history
from tasks.tonight import Tonight


@dataclass(frozen=True, eq=False)
class Start:
    """Where one training begins.

    Attributes:
        reason: Why there, one sentence.
        forecaster: What it goes on from, None from scratch or from the weights of the package.
        version: Of that in the registry; of weights of the package their name.
        pretrained: Whether it goes on from the weights of the package.
    """

    reason: str = "It starts from scratch, as training.start_from says."
    forecaster: NeuralForecaster | None = None
    version: str | None = None
    pretrained: bool = False


class _Found(NamedTuple):
    """The start that the spec asks for.

    Attributes:
        version: In the registry, empty where there is none.
        forecaster: None where it cannot be had.
        trouble: Why no training can begin there, as the end of a sentence.
    """

    version: str = ""
    forecaster: NeuralForecaster | None = None
    trouble: str = ""


def choose_starts(
    tonight: Tonight, settings: Mapping[str, TrainingSettings], panel: Panel, *, train_until: int
) -> dict[str, Start]:
    """Choose where each of tonight's trainings begins.

    Where the champion does not fit, a network starts from the weights of the package, and where
    these do not fit either, from scratch; the reason says so.

    Args:
        tonight: The night.
        settings: What is trained, by network.
        panel: What is trained on.
        train_until: Slot of the last step that training may see.

    Raises:
        SpecError: If the spec names a version that does not exist, or that cannot be the start.
    """
    if tonight.spec.training.start_from == NO_START:
        return {network: Start() for network in settings}
    if tonight.spec.training.start_from == PRETRAINED:
        return {
            network: _without_a_model(tonight, wanted, panel, train_until)
            for network, wanted in settings.items()
        }
    found = _find(tonight)
    return {
        network: _start(tonight, found, wanted, panel, train_until)
        for network, wanted in settings.items()
    }


def as_it_starts(
    spec: Spec, settings: TrainingSettings, panel: Panel, *, train_until: int
) -> TrainingSettings:
    """How a training goes that starts from no model: from the weights of the package, or scratch.

    Args:
        spec: Says whether everything is trained from scratch.
        settings: What is trained.
        panel: What is trained on.
        train_until: Slot of the last step that training may see.
    """
    if spec.training.start_from == NO_START:
        return settings
    if why_not_pretrained(settings, panel, train_until=train_until):
        return settings
    return pretrained_settings(settings, panel, train_until=train_until)


def _without_a_model(
    tonight: Tonight, settings: TrainingSettings, panel: Panel, train_until: int, *, why: str = ""
) -> Start:
    """The weights of the package where they fit, else scratch.

    Args:
        tonight: The night.
        settings: What is trained.
        panel: What is trained on.
        train_until: Slot of the last step that training may see.
        why: Why it starts from no model, as the end of a sentence, where one was asked for.
    """
    network = settings.network
    weights = weights_for(panel.grid)
    misfit = why_not_pretrained(settings, panel, train_until=train_until)
    if weights and not misfit:
        name = weights.name
        return Start(f"{network} starts from {name}{why}.", version=name, pretrained=True)
    instead = weights.name if weights else "weights of the package"
    why = why or f" and not from {instead}, because {misfit}"
    frozen = "; nothing is frozen" if tonight.spec.training.freeze else ""
    return Start(f"{network} starts from scratch{why}{frozen}.")


def _find(tonight: Tonight) -> _Found:
    asked = tonight.spec.training.start_from
    version = _champion_before(tonight) if asked == CHAMPION else asked
    if version is None:
        return _Found(trouble="no model was in service before this night")
    try:
        contender = open_contender(tonight.warehouse, version, CHALLENGER)
    except StorageError as error:
        return _Found(version, trouble=f"it cannot be read ({str(error).rstrip('.')})")
    if not isinstance(contender.forecaster, NeuralForecaster):
        return _Found(version, trouble="it has no weights")
    return _Found(version, contender.forecaster, misfit(contender, tonight.spec))


def _champion_before(tonight: Tonight) -> str | None:
    """The champion of the night before; not tonight's, so that a night can be run again."""
    moves = champion_history(tonight.warehouse)
    earlier = [move for move in moves if move.cutoff < tonight.cutoff]
    return earlier[-1].version if earlier else None


def _start(
    tonight: Tonight, found: _Found, settings: TrainingSettings, panel: Panel, train_until: int
) -> Start:
    network, version, forecaster = settings.network, found.version, found.forecaster
    why = found.trouble
    if not why and forecaster is not None:
        why = why_not(forecaster, panel, settings, train_until=train_until)
    if not why:
        return Start(f"{network} starts from {version}.", forecaster, version)
    if tonight.spec.training.start_from != CHAMPION:
        raise SpecError(
            f"training.start_from: {network} cannot start from {version}, because {why}; name a "
            "version that fits, or write champion or none."
        )
    instead = f" and not from {version}" if version else ""
    return _without_a_model(tonight, settings, panel, train_until, why=f"{instead}, because {why}")
