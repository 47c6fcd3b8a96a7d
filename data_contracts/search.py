"""The specs that a search may try: what each key may become, and the spec with such values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Self

from data_contracts.ranges import CANDIDATES, changed
from data_contracts.spec import Span, Spec, parse_spec

CONTEXT, PATCH = "training.context_length", "training.patch_length"
MEMBERS, COMBINE = "training.members", "training.combine"
EPOCHS = "training.max_epochs"

Values = dict[str, Any]  # by the path of their key


@dataclass(frozen=True, eq=False)
class Space:
    """All specs that a search may try.

    Attributes:
        spec: As it is.
        ranges: What each key may become; a list, or a `Span` of whole numbers.
    """

    spec: Spec
    ranges: Mapping[str, Span | tuple[Any, ...]]

    @classmethod
    def of(cls, spec: Spec) -> Self:
        """What the spec declares, or else what usually matters."""
        return cls(spec, spec.tuning.ranges or _usual(spec))

    @property
    def as_it_is(self) -> Values:
        """The values that the spec has now, those by default included."""
        return {key: _value_now(self.spec, key) for key in self.ranges}

    @property
    def size(self) -> int:
        """How many combinations of values there are, those that contradict each other included."""
        return prod(len(values_of(held)) for held in self.ranges.values())

    def combinations(self) -> Iterator[Values]:
        """All of them as they were declared, one after the other."""
        for values in product(*(values_of(held) for held in self.ranges.values())):
            yield dict(zip(self.ranges, values, strict=True))

    def settled(self, values: Values) -> Values:
        """Values as the spec understands them: one network is a list of one, none the default."""
        settled = dict(values)
        if CANDIDATES in settled:
            names = settled[CANDIDATES]
            settled[CANDIDATES] = (names,) if isinstance(names, str) else tuple(names)
        if CONTEXT in settled and settled[CONTEXT] is None:
            settled[CONTEXT] = self.spec.usual_context_length
        if PATCH in settled and settled[PATCH] is None:
            context = settled.get(CONTEXT, self.spec.context_length)
            settled[PATCH] = min(self.spec.seasons[0], context)
        return settled

    def changes(self, values: Values) -> Values:
        """Those of some values that are not what the spec has now."""
        now = self.as_it_is
        if PATCH in values and self.spec.training.patch_length is None:
            # Without a word on it, the patch follows the context.
            now[PATCH] = self.settled({**values, PATCH: None})[PATCH]
        return {key: value for key, value in values.items() if value != now[key]}

    def with_values(self, values: Values) -> Spec:
        """The spec with some values in the place of its own.

        Raises:
            SpecError: If they contradict each other.
        """
        fields = self.spec.model_dump(mode="json", exclude={"tuning"})
        return parse_spec(changed(fields, self.changes(values)), origin="tuning.ranges")


def values_of(held: Span | tuple[Any, ...]) -> tuple[Any, ...]:
    """What a range holds, one by one."""
    return tuple(held.values) if isinstance(held, Span) else held


def _value_now(spec: Spec, key: str) -> Any:
    if key == CONTEXT:
        return spec.context_length
    if key == PATCH:
        return spec.training.patch_length or min(spec.seasons[0], spec.context_length)
    return spec.candidates if key == CANDIDATES else getattr(spec.training, key.split(".")[1])


def _usual(spec: Spec) -> dict[str, Span | tuple[Any, ...]]:
    """Ranges around the spec that are worth a search; more members only cost more time.

    Contexts of half and double the length, patches of a season and of half of one, members
    combined either way, and each network alone, beside all of them as they are.
    """
    context, season = spec.context_length, spec.seasons[0]
    wanted: dict[str, list[Any]] = {
        CONTEXT: [max(season, context // 2), context, 2 * context],
        PATCH: [season, max(1, season // 2), _value_now(spec, PATCH)],
        COMBINE: ["median", "weights"],
        CANDIDATES: [spec.candidates, *((name,) for name in _pool(spec)), *_mixture(spec)],
    }
    distinct = {key: tuple(dict.fromkeys(values)) for key, values in wanted.items()}
    return {key: values for key, values in distinct.items() if len(values) > 1}


def _pool(spec: Spec) -> list[str]:
    usual: tuple[str, ...] = Spec.model_fields[CANDIDATES].default
    return list(dict.fromkeys([*spec.candidates, *usual]))


def _mixture(spec: Spec) -> list[tuple[str]]:
    """The first two networks as one forecaster, where there are members for both."""
    plain = [name for name in _pool(spec) if "+" not in name]
    return [("+".join(plain[:2]),)] if spec.training.members >= len(plain[:2]) > 1 else []
