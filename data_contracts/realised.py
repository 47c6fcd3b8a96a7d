"""What one scoring found, as a record: `runs/<cutoff>/accuracy.json`, and the answer of `score`."""

from typing import Self

from pydantic import AwareDatetime

from data_contracts.night import Record
from data_contracts.versions import read_document


class Realised(Record):
    """What some published forecasts came to; numbers are NaN where nothing is known.

    Attributes:
        rows: Forecasts of one step of one series whose actual is known.
        mase: Mean over series of the mean absolute error of the median over the scale.
        wql: Weighted quantile loss, factor 2, mean over levels.
        coverage: Share of actuals inside the widest interval, and what is nominal.
        bias: Mean error of the median per unit of mean |y|; positive where it is too high.
        baseline_mase, baseline_wql, baseline_coverage: The same of the baseline that would have
            been published, on the rows for which that was kept.
        gain: Share by which the quantile loss is lower than the baseline's, on the same rows, each
            series in units of its scale.
    """

    rows: int
    mase: float
    wql: float
    coverage: float
    nominal_coverage: float
    bias: float
    baseline_mase: float
    baseline_wql: float
    baseline_coverage: float
    gain: float


class OfModel(Realised):
    """Of one model over the last days before the newest night that has actuals."""

    model: str
    days: int
    nights: int


class OfLeads(Realised):
    """Of all models, at some leads."""

    first_lead: int
    last_lead: int


class OfSeries(Realised):
    """Of one series."""

    unique_id: str


class OfNight(Realised):
    """Of one published batch.

    Attributes:
        model_version: Of the network; empty where the baseline published.
        judged: Whether the horizon is over and enough of its actuals are known.
        fault: What is bad about it, in words.
    """

    cutoff: AwareDatetime
    model_version: str
    judged: bool
    fault: str


class InputDrift(Record):
    """How far the recent input has moved away from what the champion learned from.

    Attributes:
        champion: Version in service.
        days: How far back the recent input goes.
        stability_index: Median over series (`models.gate.stability`); NaN where nothing is known.
        shifted: Share of series beyond 0.25, which is a large change.
        series: The index of each series for which it is known, the largest first.
    """

    champion: str
    days: float
    stability_index: float
    shifted: float
    series: dict[str, float]


class Scoring(Record):
    """Everything that one scoring found.

    Attributes:
        cutoff: Of the newest published batch.
        scored: Cutoffs whose rows were written anew, and the rows.
        unchanged: Cutoffs of which nothing was new.
        waiting: Cutoffs of which no actual is known yet.
        models: By model, over the last 7 and 28 days.
        leads: Over the last 28 days, by lead.
        worst: The series with the largest MASE over the last 28 days.
        nights: Of the last 28 days, ascending.
        drift: Of the input, None where no network is in service.
        alarm: Why a training is asked for, one sentence; empty where it is not.
        notified: Who was told of it, empty where nobody was to be or everybody had been.
        warnings: What did not work, one sentence each.
    """

    schema_version: int = 1
    name: str
    spec_digest: str
    code_version: str
    run_id: str
    as_of: AwareDatetime
    cutoff: AwareDatetime
    scored: int
    rows: int
    unchanged: int
    waiting: int
    models: tuple[OfModel, ...] = ()
    leads: tuple[OfLeads, ...] = ()
    worst: tuple[OfSeries, ...] = ()
    nights: tuple[OfNight, ...] = ()
    drift: InputDrift | None = None
    alarm: str = ""
    notified: str = ""
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read an `accuracy.json`.

        Raises:
            VersionError: If a newer Nightcast wrote it.
            ValueError: If the text is no record of a scoring.
        """
        return read_document(cls, text)

    @property
    def headline(self) -> str:
        """What was done in one sentence."""
        if not self.models:
            return "No actual of a published forecast is known yet."
        nights = "1 night" if self.scored == 1 else f"{self.scored:,} nights"
        waits = f", {self.waiting:,} wait for their actuals" if self.waiting else ""
        done = f"Scored {nights} anew ({self.rows:,} rows)" if self.scored else "Nothing is new"
        return f"{done}; {self.unchanged:,} had not changed{waits}."
