"""The spec: one YAML file per set of series says what to forecast, from what, and how.

Three lines are enough:

    source: {uri: observations.parquet}
    calendar: {frequency: h}
    horizon: 24
"""

import difflib
import hashlib
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from data_contracts.cron import check_cron
from data_contracts.errors import SpecError
from data_contracts.frequency import MICROSECONDS_PER_MINUTE, Grid
from data_contracts.plain_text import without_secrets
from data_contracts.ranges import CANDIDATES, MOST_VALUES, TUNABLE, is_flat, key_trouble
from data_contracts.spec_yaml import read_yaml
from data_contracts.vocabulary import CHAMPION, quantile_columns

DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MANY = 100_000  # steps, minutes or days beyond which a number is a slip
Share = Annotated[float, Field(ge=0, le=1)]
LayerGroup = Literal["encoder", "attention", "head"]
NO_START, PRETRAINED = "none", "pretrained"
ALL_SERIES = "total"  # the level of the sum of all series
_ASIDE = {"log", "on", "queue_minutes", "timeout_minutes"}  # of training, what changes no model
VERSION_NAME = r"\d{8}T\d{4}-[a-z0-9_+]+-[0-9a-f]{6}"


class Part(BaseModel):
    """A section of the spec: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    switches: ClassVar[tuple[str, ...]] = ()  # keys that are meant to be true or false

    @field_validator("*", mode="before")
    @classmethod
    def _no_switches(cls, value: object, info: ValidationInfo) -> object:
        # YAML reads yes and on as true, which would pass for the number 1.
        if isinstance(value, bool) and info.field_name not in cls.switches:
            raise ValueError("expected no true or false")
        return value


class Columns(Part):
    """What the three columns are called in the source; they are renamed once, at the border."""

    unique_id: str = "unique_id"
    ds: str = "ds"
    y: str = "y"

    @model_validator(mode="after")
    def _three_columns(self) -> Self:
        if len({self.unique_id, self.ds, self.y}) < 3:
            raise ValueError(
                "expected three different columns, "
                f"got {self.unique_id!r}, {self.ds!r} and {self.y!r}"
            )
        return self


class Source(Part):
    """Where the observations are.

    Attributes:
        uri: A Parquet file, a folder of them, or an object store (s3://, gs://, az://).
        columns: What the source calls `unique_id`, `ds` and `y`.
        available_at: Column that says when each row became known. With it every read is
            point-in-time and the row known last wins; without it `ds` decides.
    """

    uri: str = Field(min_length=1)
    columns: Columns = Columns()
    available_at: str | None = None


class Covariates(Part):
    """Columns beside the target: known up to the cutoff, known ahead, or constant per series."""

    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _each_column_once(self) -> Self:
        names = [*self.past, *self.known, *self.static]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"expected every covariate in one role, got {doubled[0]!r} in two")
        return self


class Calendar(Part):
    """The time grid: step and zone. Calendar features and local midnights come from the zone.

    Attributes:
        frequency: A pandas offset alias.
        timezone: May be left out where the source's times carry one; then it is UTC.
        ambiguous: What a time without a zone means that occurs twice, on steps shorter than a day:
            it is refused, the `earliest` or the `latest` of both instants, or by the `order` of
            the rows of a series the earlier one first.
        missing: What becomes of a row whose time without a zone is skipped: it is refused, goes
            `forward` by as much as the clock, or is set `aside`.
        offset: Minutes that steps shorter than a day begin after those of UTC, as full hours do
            where clocks differ from UTC by half an hour.
    """

    frequency: str
    timezone: str | None = None
    ambiguous: Literal["refuse", "earliest", "latest", "order"] = "refuse"
    missing: Literal["refuse", "forward", "aside"] = "refuse"
    offset: int = Field(default=0, ge=0, le=MANY)

    @field_validator("frequency")
    @classmethod
    def _frequency_exists(cls, frequency: str) -> str:
        _try_grid(frequency, "UTC")
        return frequency

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, timezone: str | None) -> str | None:
        if timezone is not None:
            _try_grid("h", timezone)
        return timezone

    @model_validator(mode="after")
    def _offset_within_a_step(self) -> Self:
        try:
            self.grid()
        except SpecError as error:
            raise _without_key(error) from None
        return self

    def grid(self) -> Grid:
        """The steps."""
        offset = self.offset * MICROSECONDS_PER_MINUTE
        return Grid(self.frequency, self.timezone or "UTC", offset)


def _try_grid(frequency: str, timezone: str) -> None:
    """Raise `ValueError` with what was expected, without the key, if there is no such grid."""
    try:
        Grid(frequency, timezone)
    except SpecError as error:
        raise _without_key(error) from None


def _without_key(error: SpecError) -> ValueError:
    """What was expected and what came, for pydantic to say of which key."""
    return ValueError(str(error).partition(": ")[2].removesuffix("."))


class Decomposition(Part):
    """What each context is taken apart into before a network reads it.

    Attributes:
        method: Variational mode decomposition (`vmd`), ensemble empirical mode decomposition
            (`eemd`, or with adaptive noise `ceemdan`), or trend, season and rest (`stl`).
        modes: Components; 5 by default, of `stl` always 3.
        components: Whether they are `channels` beside the target, or each is read by one of as
            many `networks`, whose forecasts add up.
    """

    method: Literal["vmd", "eemd", "ceemdan", "stl"]
    modes: int = Field(default=5, ge=2, le=MANY)
    components: Literal["channels", "networks"] = "channels"

    @model_validator(mode="before")
    @classmethod
    def _stl_has_three(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("method") == "stl":
            fields = {"modes": 3, **fields}
            if fields["modes"] != 3:
                raise ValueError(
                    f"expected modes to be 3 with stl (trend, season and rest), got "
                    f"{fields['modes']}"
                )
        return fields


class Training(Part):
    """When and how challengers are trained.

    Attributes:
        when: `auto` trains without a champion, with one older than `max_age_days`, and where its
            losses or the input have moved too far.
        context_length: Steps that a network reads, some members more; None takes what is usual
            for the frequency.
        patch_length: Steps that a network reads as one token; None takes the shortest season, 1 is
            the classic network that goes step by step.
        members: Networks per forecaster, trained from different seeds.
        combine: How members become one forecast: by the `median`, or by `weights` that are learned
            on held-out windows.
        minutes: Budget of one night's training, all candidates together.
        max_epochs: Passes over the sampled windows, at the most; training stops early before that.
        seed: Where all randomness starts.
        auxiliary: Some of `covariates.past`; the networks learn to forecast these too.
        decomposition: What each context is taken apart into; None leaves it whole.
        holt: Whether the networks read level and trend along each series too.
        on: `local` trains in this process, `gpu` on the gpu work pool.
        queue_minutes: How long a night waits for a worker of that pool to begin.
        timeout_minutes: How long it waits for a training that has begun there; None: ten minutes
            more than twice `minutes`.
        device: What the process trains on: `auto` takes the GPUs it sees, or else the CPU.
        log: `tensorboard` writes the course of a training into the folder of its cutoff.
        max_age_days: Days after its training that a champion may be in service until `auto` trains
            again and an equal may replace it; None: four horizons, at least 14 days.
        cooldown_days: From one training to the next that `auto` may begin, whatever came of the
            first.
        max_loss_growth: Growth of the champion's loss relative to the baseline's since its
            promotion, 0.1 for a tenth, that makes `auto` train again on the second night.
        max_drift: Distance of the recent input from what the champion learned from, in multiples
            of what was usual, that does the same.
        start_from: `pretrained` goes on from the weights of the package wherever they fit, and
            trains from scratch elsewhere, as `none` always does; `champion` goes on from the model
            in service, for a twentieth of the epochs or less, where it fits, like `pretrained`
            elsewhere; the name of a version goes on from that one.
        freeze: Groups of layers that stay as they were in the start.
    """

    switches: ClassVar[tuple[str, ...]] = ("holt",)

    when: Literal["auto", "always", "never"] = "auto"
    context_length: int | None = Field(default=None, ge=1, le=MANY)
    patch_length: int | None = Field(default=None, ge=1, le=MANY)
    members: int = Field(default=3, ge=1, le=32)
    combine: Literal["median", "weights"] = "median"
    minutes: float = Field(default=10, gt=0, le=MANY)
    max_epochs: int = Field(default=20, ge=1, le=MANY)
    seed: int = Field(default=7, ge=0, lt=2**31)
    auxiliary: tuple[str, ...] = ()
    decomposition: Decomposition | None = None
    holt: bool = False
    on: Literal["local", "gpu"] = "local"
    queue_minutes: float = Field(default=10, gt=0, le=MANY)
    timeout_minutes: float | None = Field(default=None, gt=0, le=MANY)
    device: Literal["auto", "cpu", "gpu"] = "auto"
    log: Literal["none", "tensorboard"] = "none"
    max_age_days: float | None = Field(default=None, gt=0, le=MANY)
    cooldown_days: float = Field(default=7, ge=0, le=MANY)
    max_loss_growth: float = Field(default=0.2, gt=0, le=MANY)
    max_drift: float = Field(default=1.5, gt=0, le=MANY)
    start_from: str = PRETRAINED
    freeze: tuple[LayerGroup, ...] = ()

    @field_validator("start_from")
    @classmethod
    def _start_is_named(cls, start_from: str) -> str:
        named = start_from not in (NO_START, PRETRAINED, CHAMPION)
        if named and not re.fullmatch(VERSION_NAME, start_from):
            raise ValueError(
                "expected none, pretrained, champion or the name of a version, such as those that "
                "`nightcast champion SPEC` lists"
            )
        return start_from

    @model_validator(mode="after")
    def _components_of_the_target_alone(self) -> Self:
        apart = self.decomposition and self.decomposition.components == "networks"
        if apart and self.auxiliary:
            raise ValueError(
                "expected no auxiliary targets beside a network per component, which they are no "
                f"sum of, got {', '.join(self.auxiliary)}; write components: channels"
            )
        return self

    @model_validator(mode="after")
    def _something_learns(self) -> Self:
        if self.freeze and self.start_from == NO_START:
            raise ValueError(
                "expected freeze only beside a start, because layers that are frozen from "
                f"scratch never learn, got start_from {NO_START!r}"
            )
        if len(set(self.freeze)) == len(get_args(LayerGroup)):
            raise ValueError(
                "expected freeze to leave one group of layers to train, "
                f"got {', '.join(self.freeze)}"
            )
        return self


class Gate(Part):
    """What a challenger has to show on unseen origins.

    Attributes:
        origins: Rolling origins on which all contenders are scored.
        every: Steps between origins; None takes the horizon.
        alpha: Accepted probability of promoting a challenger that is no better.
        min_gain: Least gain over the champion that is worth a change.
        margin: Share by which the loss of a challenger may be higher than that of a champion older
            than `training.max_age_days`, which an equal may replace.
        min_coverage: Least share of actuals inside the widest interval, relative to its nominal.
        min_missed: Least share of actuals outside of it, relative to its nominal.
        max_bias: Mean error of the median per unit of mean |y| that may be further from 0 than
            that of the champion.
        max_worst_tenth: Factor to which the mean loss of the worst tenth of the series may grow.
        max_segment: Factor to which the mean loss of the series with one label of a static column
            may grow, where that is beyond doubt.
    """

    origins: int = Field(default=14, ge=5, le=MANY)
    every: int | None = Field(default=None, ge=1, le=MANY)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    min_gain: Share = 0.015
    margin: Share = 0.02
    min_coverage: Share = 0.8
    min_missed: Share = 0.25
    max_bias: float = Field(default=0.1, gt=0)
    max_worst_tenth: float = Field(default=1.2, ge=1)
    max_segment: float = Field(default=1.2, ge=1)


class Calibration(Part):
    """How the quantiles of a forecast are adjusted by what past forecasts missed.

    Attributes:
        method: `conformal` follows each level by lead and by series; `none` publishes what the
            forecaster says.
        origins: Past origins at most, one `gate.every` apart, whose errors count.
    """

    method: Literal["conformal", "none"] = "conformal"
    origins: int = Field(default=28, ge=1, le=MANY)


class Hierarchy(Part):
    """Which totals of the series are published beside them.

    Attributes:
        by: Static columns of each label of which the sum of its series is published.
        total: Whether the sum of all series is.
        method: `bottom_up` sums up the forecasts of the series; `mint` first moves these, so that
            they agree with forecasts of the totals.
    """

    switches: ClassVar[tuple[str, ...]] = ("total",)

    by: tuple[str, ...] = ()
    total: bool = False
    method: Literal["bottom_up", "mint"] = "bottom_up"

    @field_validator("by")
    @classmethod
    def _columns_differ(cls, by: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(by)) < len(by):
            raise ValueError("expected every column once")
        if ALL_SERIES in by:
            raise ValueError(
                f"expected no column named {ALL_SERIES!r}, the name of the sum of all series"
            )
        return by

    @model_validator(mode="after")
    def _method_has_totals(self) -> Self:
        if self.method == "mint" and not self.is_asked_for:
            raise ValueError("expected by or total beside method, got no total to agree with")
        return self

    @property
    def is_asked_for(self) -> bool:
        """Whether there are any totals."""
        return self.total or bool(self.by)


class Contracts(Part):
    """Thresholds of the input and output contracts.

    Recent steps are the last ones that hold the shortest season, or the horizon if that is less; a
    month is 28 days of steps before them, and at least four times as many.

    Attributes:
        max_age: Steps that the newest observation may lie before the cutoff; None: two days'
            worth of steps, at least two.
        ended_after: Steps of silence after which a series is over, neither forecast nor counted;
            None: a month beyond `max_age`.
        max_gap: Longest run of missing steps before a series is put in quarantine; None: half of
            the context.
        max_null_share: Share of missing steps before a series is put in quarantine.
        max_quarantine_share: Share of series in quarantine that stops the night.
        max_substituted_share: Share of series whose forecast is a substitute that blocks a batch;
            None: as `max_quarantine_share`.
        min_value, max_value: Rows with a value beyond are set aside.
        numbers: `whole` sets rows with fractions aside.
        max_spike: Rows further than so many ranges outside the usual range of their series (from
            its 1 % to its 99 % quantile) are set aside.
        max_bad_rows: Share of rows set aside that stops the night.
        max_level_ratio: Factor between the usual size of the recent values and of those of the
            month before, beyond which a series is put in quarantine.
        max_shift: Change of the level over the longest season, in standard deviations of the
            levels of all such seasons before, beyond which a person is told.
        max_flat: Equal values at the end beyond which a person is told; None: the longest season.
        max_frozen: Equal values at the end, half as many again as ever before, beyond which a
            person is told; None: one less than the recent steps, at least 7.
        told_null_share: Share of missing steps beyond which a person is told.
        max_moved_share: Share of series that change their size at once that stops the night.
        min_volume: Least number of recent values, as a share of those usual in the month before.
        max_series_change: Series that appeared or fell silent, as a share of those of the month
            before, beyond which a person is told.
        min_covered: Least share of the context over which each covariate has values.
        min_ahead: Least share of the horizon over which those known ahead have.
        max_ranges_outside: Distance of a forecast from the history of its series, in ranges of
            that history, that blocks a batch.
        told_ranges_outside: The same, beyond which a person is told. Growth or a new peak takes a
            series one range out; a network that diverged, or a wrong unit, takes it tens out.
        severity: What a rule leads to, by its name, where that shall not be the default:
            critical, quarantine, warning, note or off.
    """

    max_age: int | None = Field(default=None, ge=0, le=MANY)
    ended_after: int | None = Field(default=None, ge=1, le=MANY)
    max_gap: int | None = Field(default=None, ge=1, le=MANY)
    max_null_share: Share = 0.5
    max_quarantine_share: Share = 0.2
    max_substituted_share: Share | None = None
    min_value: float | None = None
    max_value: float | None = None
    numbers: Literal["any", "whole"] = "any"
    max_spike: float = Field(default=10, gt=0)
    max_bad_rows: Share = 0.05
    max_level_ratio: float = Field(default=8, gt=1)
    max_shift: float = Field(default=10, gt=0)
    max_flat: int | None = Field(default=None, ge=2, le=MANY)
    max_frozen: int | None = Field(default=None, ge=2, le=MANY)
    told_null_share: Share = 0.05
    max_moved_share: Share = 0.5
    min_volume: Share = 0.8
    max_series_change: Share = 0.2
    min_covered: Share = 0.5
    min_ahead: Share = 1.0
    max_ranges_outside: float = Field(default=10, gt=0)
    told_ranges_outside: float = Field(default=3, gt=0)
    severity: dict[str, Literal["critical", "quarantine", "warning", "note", "off"]] = {}

    @field_validator("severity", mode="before")
    @classmethod
    def _off_is_a_word(cls, severity: object) -> object:
        if not isinstance(severity, dict):
            return severity
        return {rule: "off" if word is False else word for rule, word in severity.items()}

    @property
    def sets_spikes_aside(self) -> bool:
        """Whether spikes are set aside, and not only told of."""
        return self.severity.get("no_spikes", "quarantine") in ("quarantine", "critical")

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        low, high = self.min_value, self.max_value
        if low is not None and high is not None and low > high:
            raise ValueError(
                f"expected min_value to be at most max_value, got {low:g} and {high:g}"
            )
        return self


class Retention(Part):
    """How much is kept of what serves no more.

    Always kept are versions that were ever in service, that a published batch names or that a kept
    version started from, the snapshots of all kept versions, and whatever is younger than a day.

    Attributes:
        versions: Newest of the other model versions that are kept.
        snapshots: Newest of the other snapshots that are kept.
        runs: Newest nights whose record, report and validation result are kept.
        history_days: Days for which rows that were replaced can still be read.
    """

    versions: int = Field(default=20, ge=0, le=MANY)
    snapshots: int = Field(default=14, ge=0, le=MANY)
    runs: int = Field(default=400, ge=1, le=MANY)
    history_days: int = Field(default=30, le=MANY)

    @field_validator("history_days")
    @classmethod
    def _readers_find_their_files(cls, days: int) -> int:
        if days < 7:
            raise ValueError(
                "expected at least 7, because a reader may still hold a list of files from before"
            )
        return days


class Exports(Part):
    """Plain files of the newest batch; `latest.parquet` is always written.

    Attributes:
        csv: Whether there is a `latest.csv`, too.
    """

    switches: ClassVar[tuple[str, ...]] = ("csv",)

    csv: bool = False


class Attention(Part):
    """What is kept of where forecasts looked, and how it is checked.

    Attributes:
        keep: `heads` keeps the weights of every head and their mean, `mean` only that, `none`
            nothing: then nothing is checked or drawn either.
        checked: Series at most from which patches are removed every night to see whether that
            changes the forecast; 0 removes none.
    """

    keep: Literal["heads", "mean", "none"] = "heads"
    checked: int = Field(default=200, ge=0, le=MANY)


class Scoring(Part):
    """What is accepted of a published night once its actuals are known, and who is told.

    Attributes:
        max_loss_ratio: Loss of the network per loss of the baseline beyond which a night is bad.
        min_coverage: Least share of actuals inside the widest interval, relative to its nominal.
        bad_nights: Bad nights in a row that ask for a training and are told of.
        notify: Who is told: the name of a notification block of Prefect, such as
            `slack-webhook/ops`; None: as `notify` of the spec.
    """

    max_loss_ratio: float = Field(default=1.25, ge=1, le=MANY)
    min_coverage: Share = 0.7
    bad_nights: int = Field(default=2, ge=1, le=MANY)
    notify: str | None = None

    @field_validator("notify")
    @classmethod
    def _notify_is_a_block(cls, notify: str | None) -> str | None:
        return _block(notify)


def _block(notify: str | None) -> str | None:
    """The message names no value: an address would hold a secret."""
    if notify is not None and not re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", notify):
        raise ValueError(
            "expected the type and the name of a Prefect block, as in slack-webhook/ops, "
            "got something else"
        )
    return notify


class Schedule(Part):
    """When a service runs what nobody starts by hand, in the time zone of `calendar.timezone`.

    Attributes:
        cron: When the night runs, in the five fields of cron.
        scoring: When published forecasts are held against what came; None: never.
        active: Whether it runs by itself. Without it everything is there, and waits for a person.
    """

    switches: ClassVar[tuple[str, ...]] = ("active",)

    cron: str = "30 3 * * *"
    scoring: str | None = "30 9 * * *"
    active: bool = True

    @field_validator("cron", "scoring")
    @classmethod
    def _comes_some_time(cls, cron: str | None) -> str | None:
        if cron is not None:
            check_cron(cron)
        return cron


class Span(Part):
    """A range of whole numbers.

    Attributes:
        low, high: The smallest and the largest.
        step: From one to the next; they begin at `low`.
    """

    low: int = Field(ge=0, le=MANY)
    high: int = Field(ge=0, le=MANY)
    step: int = Field(default=1, ge=1, le=MANY)

    @model_validator(mode="after")
    def _holds_several(self) -> Self:
        if len(self.values) < 2:
            raise ValueError(
                f"expected high to be at least one step of {self.step} above low, "
                f"got {self.low} and {self.high}"
            )
        if len(self.values) > MOST_VALUES:
            raise ValueError(
                f"expected at most {MOST_VALUES} values from low to high, got {len(self.values)}; "
                "add a step"
            )
        return self

    @property
    def values(self) -> range:
        """All of them."""
        return range(self.low, self.high + 1, self.step)


class Tuning(Part):
    """What `nightcast tune` tries, and what it judges by.

    Attributes:
        ranges: The values that each key may take, by its path such as `training.members`: a list,
            or a `Span`. Empty: what usually matters, around the spec as it is.
        trials: Specs that are tried, the one as it is included.
        folds: Parts of the history, one after the other, or of the series, on which each of them is
            judged.
        origins: Origins in each.
        every: Steps between origins; None takes those of the gate.
        window: Whether a fold learns from everything before it, or from the last steps of it.
        by: Whether folds are parts of the history, or of the series: then each is judged on series
            that its training did not see, as on their first nights.
    """

    ranges: dict[str, Span | tuple[Any, ...]] = {}
    trials: int = Field(default=20, ge=1, le=MANY)
    folds: int = Field(default=3, ge=2, le=100)
    origins: int = Field(default=7, ge=1, le=MANY)
    every: int | None = Field(default=None, ge=1, le=MANY)
    window: Literal["expanding", "rolling"] = "expanding"
    by: Literal["time", "series"] = "time"

    @model_validator(mode="after")
    def _folds_by_series_learn_from_all_days(self) -> Self:
        if self.by == "series" and self.window == "rolling":
            raise ValueError(
                "window: expected expanding where folds are by series, all of which learn until "
                "the same day, got 'rolling'"
            )
        return self

    @field_validator("ranges", mode="before")
    @classmethod
    def _ranges_hold(cls, ranges: object) -> object:
        if not isinstance(ranges, dict):
            return ranges
        return {_tunable(key): _range(key, given) for key, given in ranges.items()}


def _tunable(key: object) -> object:
    if trouble := key_trouble(key):
        raise ValueError(f"expected keys that can be tuned ({', '.join(TUNABLE)}), {trouble}")
    return key


def _range(key: str, given: object) -> Span | tuple[Any, ...]:
    """A range as it was written; every value of it is one that its key accepts."""
    if isinstance(given, Span):
        span = given
    elif isinstance(given, dict):
        try:
            span = Span.model_validate(given)
        except ValidationError as invalid:
            raise ValueError(f"{key}: {_first_complaint(invalid)}") from None
    elif not isinstance(given, (list, tuple)) or not given:
        raise ValueError(f"{key}: expected a list of values, or low and high, got {given!r}")
    else:
        values = tuple(given)
        for at, value in enumerate(values):
            _refuse_value(f"{key}[{at}]", key, value)
            if value in values[:at]:
                raise ValueError(f"{key}: expected every value once, got {value!r} twice")
        return values
    _refuse_value(f"{key}.low", key, span.values[0])
    _refuse_value(f"{key}.high", key, span.values[-1])
    return span


def _refuse_value(where: str, key: str, value: object) -> None:
    """Raise `ValueError` with what the key expects, if it does not accept a value."""
    if not is_flat(value):
        raise ValueError(f"{where}: expected a value, or a list of values, got {value!r}")
    if key == CANDIDATES:
        names = value if isinstance(value, (list, tuple)) else [value]
        if not names or not all(map(_is_name, names)) or len(set(names)) < len(names):
            raise ValueError(f"{where}: expected a network, or a list of them, got {value!r}")
        return
    try:
        Training.model_validate({key.removeprefix("training."): value})
    except ValidationError as invalid:
        complaint = _first_complaint(invalid).partition(": ")[2]  # `where` names the key
        raise ValueError(f"{where}: {complaint}") from None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _first_complaint(invalid: ValidationError) -> str:
    sentence = _sentence(dict(invalid.errors(include_url=False)[0]))
    return sentence.removesuffix(".")


class Registry(Part):
    """Where model versions are shown beside the warehouse.

    Attributes:
        mlflow: Tracking URI of an MLflow that mirrors versions, scores and champion (extra
            `mlflow`), such as `sqlite:////srv/mlflow.db` or `http://mlflow:5000`; None: nowhere.
    """

    mlflow: str | None = Field(default=None, min_length=1)


class Spec(Part):
    """One set of series and everything that Nightcast has to know about it.

    Attributes:
        notify: Who is told of nights that fail and of bad nights in a row: the name of a
            notification block of Prefect, such as `slack-webhook/ops`; None: nobody.
    """

    name: str = ""
    source: Source
    covariates: Covariates = Covariates()
    calendar: Calendar
    horizon: int = Field(ge=1, le=MANY)
    season_lengths: tuple[Annotated[int, Field(ge=1, le=MANY)], ...] = ()
    quantile_levels: tuple[float, ...] = DECILES
    candidates: tuple[str, ...] = ("attention_lstm", "multihead_lstm")
    baseline: str | tuple[str, ...] = "seasonal_naive"
    training: Training = Training()
    gate: Gate = Gate()
    calibration: Calibration = Calibration()
    hierarchy: Hierarchy = Hierarchy()
    contracts: Contracts = Contracts()
    retention: Retention = Retention()
    exports: Exports = Exports()
    attention: Attention = Attention()
    registry: Registry = Registry()
    scoring: Scoring = Scoring()
    schedule: Schedule = Schedule()
    notify: str | None = None
    tuning: Tuning = Tuning()
    warehouse: str = Field(default="./warehouse", min_length=1)

    @field_validator("name")
    @classmethod
    def _name_is_plain(cls, name: str) -> str:
        if name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise ValueError(
                "expected letters, digits, - and _, because folders are named after it"
            )
        return name

    @field_validator("notify")
    @classmethod
    def _notify_is_a_block(cls, notify: str | None) -> str | None:
        return _block(notify)

    @field_validator("quantile_levels")
    @classmethod
    def _levels_ascend(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        inside = all(0 < level < 1 for level in levels)
        if not levels or not inside or list(levels) != sorted(set(levels)):
            raise ValueError("expected ascending numbers between 0 and 1")
        if 0.5 not in levels:
            raise ValueError("expected the median, 0.5, to be among them")
        names = quantile_columns(levels)
        if len(set(names)) < len(names):
            raise ValueError("expected levels that differ in their first ten digits")
        return levels

    @field_validator("candidates")
    @classmethod
    def _candidates_differ(cls, candidates: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(candidates)) < len(candidates):
            raise ValueError("expected every candidate once")
        return candidates

    @field_validator("baseline", mode="before")
    @classmethod
    def _baselines_differ(cls, baseline: Any) -> Any:
        """One name is the same alone and in a list, so that both have the same digest."""
        names = baseline if isinstance(baseline, (list, tuple)) else [baseline]
        if not names or not all(isinstance(name, str) and name for name in names):
            raise ValueError("expected a name or a list of names")
        if len(set(names)) < len(names):
            raise ValueError("expected every baseline once")
        return tuple(names) if len(names) > 1 else names[0]

    @model_validator(mode="after")
    def _columns_in_one_role(self) -> Self:
        names = self.source.columns
        for role, columns in self.covariates:
            if taken := {names.unique_id, names.ds, names.y}.intersection(columns):
                raise ValueError(
                    f"covariates.{role}: expected other columns than those in source.columns, "
                    f"got {min(taken)!r}"
                )
        return self

    @model_validator(mode="after")
    def _auxiliary_are_past_covariates(self) -> Self:
        names, past = self.training.auxiliary, self.covariates.past
        for at, name in enumerate(names):
            if name not in past or name in names[:at]:
                raise ValueError(
                    "training.auxiliary: expected columns of covariates.past, each once "
                    f"({', '.join(past) or 'there are none'}), got {name!r}"
                )
        return self

    @model_validator(mode="after")
    def _totals_of_static_columns(self) -> Self:
        for column in self.hierarchy.by:
            if column not in self.covariates.static:
                known = ", ".join(self.covariates.static) or "there are none"
                raise ValueError(
                    f"hierarchy.by: expected columns of covariates.static ({known}), got {column!r}"
                )
        return self

    @model_validator(mode="after")
    def _patch_within_context(self) -> Self:
        length = self.training.patch_length
        if length is not None and length > self.context_length:
            raise ValueError(
                f"training.patch_length: expected at most the context, {self.context_length} "
                f"steps, got {length}"
            )
        return self

    @model_validator(mode="after")
    def _late_before_over(self) -> Self:
        if self.ended_after < self.max_age:
            raise ValueError(
                "contracts.ended_after: expected at least contracts.max_age, "
                f"{self.max_age} steps, got {self.ended_after}"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _name_after_source(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and not fields.get("name"):
            source = fields.get("source")
            uri = source.get("uri") if isinstance(source, dict) else None
            if isinstance(uri, str) and uri:
                fields = {**fields, "name": _plain_name(Path(uri.rstrip("/")).stem)}
        return fields

    @property
    def grid(self) -> Grid:
        """The time grid that the series live on."""
        return self.calendar.grid()

    @property
    def seasons(self) -> tuple[int, ...]:
        """Season lengths in steps, ascending: those of the spec, or those of the frequency."""
        return tuple(sorted(self.season_lengths or self.grid.habits.season_lengths))

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the baselines, of which the best on earlier origins counts."""
        return (self.baseline,) if isinstance(self.baseline, str) else self.baseline

    @property
    def season_length(self) -> int:
        """The longest season: what the baseline repeats and MASE is scaled by."""
        return self.seasons[-1]

    @property
    def context_length(self) -> int:
        """Steps that a network reads."""
        return self.training.context_length or self.usual_context_length

    @property
    def usual_context_length(self) -> int:
        """The same where the spec does not say it."""
        return max(self.grid.habits.context_length, 2 * self.season_length)

    @property
    def origin_step(self) -> int:
        """Steps between evaluation origins."""
        return self.gate.every or self.horizon

    @property
    def champion_max_age(self) -> timedelta:
        """Time after its training that a champion may be in service."""
        if self.training.max_age_days is not None:
            return timedelta(days=self.training.max_age_days)
        four_horizons = self.grid.timestamp(4 * self.horizon) - self.grid.timestamp(0)
        return max(timedelta(days=14), four_horizons.to_pytimedelta())

    @property
    def training_timeout(self) -> timedelta:
        """How long a night waits for a training that has begun on another worker."""
        minutes = self.training.timeout_minutes
        return self._training_at_most if minutes is None else timedelta(minutes=minutes)

    @property
    def training_limit(self) -> timedelta:
        """Time after which a candidate's training on another worker is given up, for it hangs.

        A night that does not want to wait long is no reason to give up what the next one can judge.
        """
        return 2 * max(self.training_timeout, self._training_at_most)

    @property
    def _training_at_most(self) -> timedelta:
        """What trainings take in all, with slack for what is no training."""
        return timedelta(minutes=2 * self.training.minutes + 10)

    @property
    def max_age(self) -> int:
        """Steps that the newest observation may lie before the cutoff."""
        if self.contracts.max_age is not None:
            return self.contracts.max_age
        step = self.grid.step
        return 2 if step is None else max(2, 2 * 86_400_000_000 // step)

    @property
    def recent(self) -> int:
        """Steps that the contract holds against those before."""
        return min(self.seasons[0], self.horizon)

    @property
    def month(self) -> int:
        """Steps before the recent ones that say what is usual."""
        return max(4 * self.recent, self.grid.steps_in(days=28))

    @property
    def ended_after(self) -> int:
        """Steps of silence after which a series is over."""
        return self.contracts.ended_after or self.max_age + self.month

    @property
    def max_substituted_share(self) -> float:
        """Largest accepted share of series whose forecast is a substitute."""
        share = self.contracts.max_substituted_share
        return self.contracts.max_quarantine_share if share is None else share

    @property
    def max_gap(self) -> int:
        """Longest accepted run of missing steps."""
        return self.contracts.max_gap or max(1, self.context_length // 2)

    @property
    def told_of_bad_nights(self) -> str | None:
        """The block that is told of bad nights in a row, if any."""
        return self.scoring.notify or self.notify

    @property
    def digest(self) -> str:
        """Twelve hex digits of the content, without what changes no forecast.

        That is where the warehouse is, what is kept in it, exported from it, shown beside it and
        told of forecasts, what is accepted of nights that are over, when they run, who is told,
        where trainings run, how long nights wait for them, what a search tries, and the log;
        totals that are only summed up; and secrets.
        """
        beside = ("warehouse", "retention", "exports", "attention", "registry")
        apart = (*beside, "scoring", "schedule", "notify", "tuning")
        elsewhere: Any = dict.fromkeys(apart, True)
        if self.hierarchy.method == "bottom_up":
            elsewhere["hierarchy"] = True
        content = self.model_dump(mode="json", exclude=elsewhere | {"training": _ASIDE})
        text = without_secrets(json.dumps(content, sort_keys=True))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def parse_spec(fields: object, *, origin: str = "spec") -> Spec:
    """Turn the content of a YAML file into a spec.

    Args:
        fields: What the YAML parser returned.
        origin: How to call the source in an error message.

    Raises:
        SpecError: One sentence per wrong key: its name, what was expected, what came.
    """
    if not isinstance(fields, dict):
        raise SpecError(
            f"{origin}: expected a mapping with source, calendar and horizon, "
            f"got {type(fields).__name__}."
        )
    try:
        return Spec.model_validate(fields)
    except ValidationError as invalid:
        complaints = [_sentence(dict(error)) for error in invalid.errors(include_url=False)]
        raise SpecError(f"{origin}: " + " ".join(complaints)) from None


def load_spec(path: str | Path) -> Spec:
    """Read a spec from a YAML file.

    Raises:
        SpecError: If there is no such file, it is not YAML, or a key is wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(
            f"{path}: no such spec file; `nightcast init FILE.parquet -o {path}` proposes one."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: expected a readable YAML file, got {error}.") from None
    return spec_in(text, origin=str(path))


def spec_in(text: str, *, origin: str) -> Spec:
    """The spec in the text of a YAML file.

    Args:
        text: Of the file.
        origin: Its path or URI; a spec without a name is called after it.

    Raises:
        SpecError: If it is not YAML, or a key is wrong.
    """
    try:
        fields = read_yaml(text)
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise SpecError(f"{origin}: expected YAML, got a syntax error: {where}.") from None
    if isinstance(fields, dict) and not fields.get("name"):
        fields["name"] = _plain_name(Path(origin).stem)  # two specs over one source stay apart
    return parse_spec(fields, origin=origin)


_EXPECTED = {
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "tuple_type": "a list",
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "literal_error": "{expected}",
}


def _plain_name(stem: str) -> str:
    """What a folder may be called after a file.

    >>> _plain_name("Umsatz Köln 2024")
    'Umsatz-K-ln-2024'
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_") or "series"


def _sentence(error: dict[str, Any]) -> str:
    """One pydantic error in words: the key, what was expected, what came."""
    key = _key(error["loc"])
    if not key:
        return str(error["msg"]).removeprefix("Value error, ") + "."
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key{_suggestion(error['loc'])}"
    if error["type"] == "missing":
        return f"{key}: expected a value, got none; add this key."
    if error["type"] in _EXPECTED:
        expected = "expected " + _EXPECTED[error["type"]].format(**error.get("ctx", {}))
    else:
        expected = error["msg"].removeprefix("Value error, ")
    if ", got " in expected:
        return f"{key}: {expected}."
    got = "nothing" if error["input"] is None else repr(error["input"])
    return f"{key}: {expected}, got {got}."


def _key(location: tuple[int | str, ...]) -> str:
    """The path of a key, as in `source.uri` and `season_lengths[0]`.

    >>> _key(("season_lengths", 0))
    'season_lengths[0]'
    """
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".")


def _suggestion(location: tuple[int | str, ...]) -> str:
    """Name the known key that an unknown one resembles, or all that are known."""
    part: Any = Spec
    for key in location[:-1]:
        part = part.model_fields[key].annotation
    known = sorted(part.model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(known)}."
