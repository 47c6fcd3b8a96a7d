"""Checks a contract with Great Expectations.

Importing this module takes seconds, because it imports Great Expectations: import it in functions.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any, ClassVar

import great_expectations as gx
import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
from great_expectations.core import ExpectationValidationResult
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import MulticolumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    MulticolumnMapMetricProvider,
    multicolumn_condition_partial,
)
from tqdm import tqdm

from data_contracts.rules import Contract, Rule
from data_contracts.spec import Contracts
from data_contracts.verdicts import Check, Finding, Severity, Verdict
from data_contracts.vocabulary import UNIQUE_ID

# Its bars, which nobody sees, would take a lock for several processes: one that is killed leaves
# a semaphore behind, of which Python warns whoever started it.
tqdm.set_lock(RLock())

MOST_EXAMPLES = 5  # series that a check names
WHOLE_TABLE = -1  # the "row" that breaks a rule about the table as a whole
DOMAIN = ("batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if")


class RowsComplete(MulticolumnMapMetricProvider):
    """Whether each row has a value, and no infinite one, in every column."""

    condition_metric_name = "multicolumn_values.nightcast_complete"
    condition_domain_keys = DOMAIN
    condition_value_keys = ()

    @multicolumn_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]  # of an untyped library
    def _pandas(cls, column_list: pd.DataFrame, **_: object) -> "pd.Series[bool]":  # noqa: N805  # a class method to its decorator
        return (column_list.notna() & ~column_list.isin([np.inf, -np.inf])).all(axis=1)


class ColumnsAscend(MulticolumnMapMetricProvider):
    """Whether no value of a row is below that of the column before it."""

    condition_metric_name = "multicolumn_values.nightcast_ascending"
    condition_domain_keys = DOMAIN
    condition_value_keys = ()

    @multicolumn_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]  # of an untyped library
    def _pandas(cls, column_list: pd.DataFrame, **_: object) -> "pd.Series[bool]":  # noqa: N805  # a class method to its decorator
        ascending = (np.diff(column_list.to_numpy(), axis=1) >= 0).all(axis=1)
        return pd.Series(ascending, index=column_list.index)


class ExpectRowsToBeComplete(MulticolumnMapExpectation):
    """Expect a value that is not infinite in every one of several columns."""

    column_list: list[str]
    ignore_row_if: str = "never"
    map_metric: ClassVar[str] = "multicolumn_values.nightcast_complete"
    domain_keys: ClassVar[tuple[str, ...]] = DOMAIN
    success_keys: ClassVar[tuple[str, ...]] = ("mostly",)
    args_keys = ("column_list",)


class ExpectColumnsToAscend(MulticolumnMapExpectation):
    """Expect columns, such as quantiles, that do not fall from left to right; NaN falls."""

    column_list: list[str]
    ignore_row_if: str = "never"
    map_metric: ClassVar[str] = "multicolumn_values.nightcast_ascending"
    domain_keys: ClassVar[tuple[str, ...]] = DOMAIN
    success_keys: ClassVar[tuple[str, ...]] = ("mostly",)
    args_keys = ("column_list",)


OWN = {kind.__name__: kind for kind in (ExpectRowsToBeComplete, ExpectColumnsToAscend)}


@dataclass(frozen=True)
class Outcome:
    """What Great Expectations said about one rule.

    Attributes:
        rows: Positions of the offending rows, ascending, or `WHOLE_TABLE` alone; none if it passed.
        found: Observed value of a rule about the whole table.
        crash: Why the rule could not be checked, None if it could.
    """

    rows: tuple[int, ...] = ()
    found: Any = None
    crash: str | None = None


class Words(string.Formatter):
    """Fills in sentences; a missing value reads as `unknown`, whatever its format."""

    def format_field(self, value: Any, format_spec: str) -> str:
        """One value in words."""
        missing = value is None or (pd.api.types.is_scalar(value) and pd.isna(value))
        return "unknown" if missing else str(super().format_field(value, format_spec))


def judge(contract: Contract, frame: pd.DataFrame) -> Verdict:
    """Check every rule of a contract.

    A rule that cannot be checked counts as broken, and says so: critical, unless it is a warning
    or a note.
    Rules about rows hold for a frame without any, so a contract needs one about their number.

    Args:
        contract: The rules.
        frame: What they are about; `unique_id` names the series of a quarantine.
    """
    frame = frame.reset_index(drop=True)
    columns = {str(name): frame[name].array for name in frame}
    outcomes = _outcomes(contract, frame)
    checks: list[Check] = []
    findings: list[Finding] = []
    for rule in contract.rules:
        outcome = outcomes[rule.name]
        excused = {row for name in rule.explained_by for row in outcomes[name].rows}
        rows = [row for row in outcome.rows if row not in excused]
        checks.append(_check(rule, outcome, contract, _examples(rows, frame)))
        if WHOLE_TABLE in excused:
            continue
        if outcome.crash:
            findings.append(_crash(contract, checks[-1], outcome.crash))
            continue
        told = rows if rule.severity is Severity.QUARANTINE else rows[:1]
        for row in told:
            fields = {"found": outcome.found} if row == WHOLE_TABLE else _record(columns, row)
            findings.append(_finding(contract, rule, {**fields, "count": len(rows)}))
    return Verdict(contract=contract.name, checked=tuple(checks), findings=tuple(findings))


def _outcomes(contract: Contract, frame: pd.DataFrame) -> dict[str, Outcome]:
    """What Great Expectations says about each rule, by name."""
    context = gx.get_context(project_config=_in_memory_and_quiet(), mode="ephemeral")
    suite = gx.ExpectationSuite(
        contract.name, expectations=[_build(rule) for rule in contract.rules]
    )
    batch = context.data_sources.pandas_default.read_dataframe(frame)
    # Which rows offend comes back as their index, whatever their number.
    answer = batch.validate(
        suite,
        result_format={"result_format": "COMPLETE"},
        expectation_parameters=dict(contract.facts),
    )
    results = {result.expectation_config.meta["rule"]: result for result in answer.results}
    return {rule.name: _outcome(results.get(rule.name)) for rule in contract.rules}


def _in_memory_and_quiet() -> DataContextConfig:
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )


def _build(rule: Rule) -> gxe.Expectation:
    """The rule as an object of Great Expectations, which knows no quarantine."""
    severity = "critical" if rule.severity is Severity.CRITICAL else "warning"
    kind = OWN.get(rule.expectation.kind) or getattr(gxe, rule.expectation.kind)
    return kind(**rule.expectation.arguments, severity=severity, meta={"rule": rule.name})


def _outcome(result: ExpectationValidationResult | None) -> Outcome:
    if result is None:
        return Outcome(rows=(WHOLE_TABLE,), crash="it gave no result")
    if result.success:
        return Outcome()
    rows = result.result.get("unexpected_index_list")
    if rows:
        return Outcome(rows=tuple(sorted(rows)))
    if "observed_value" in result.result:
        return Outcome(rows=(WHOLE_TABLE,), found=result.result["observed_value"])
    return Outcome(rows=(WHOLE_TABLE,), crash=_exception(result.exception_info or {}))


def _exception(info: Mapping[str, Any]) -> str:
    """The first message in an `exception_info`, which is flat or nested by metric."""
    for part in (info, *info.values()):
        if isinstance(part, Mapping) and part.get("exception_message"):
            return " ".join(str(part["exception_message"]).split()).rstrip(".")
    return "it failed without a reason"


def _record(columns: Mapping[str, Any], row: int) -> dict[str, Any]:
    """One row, each value of its own type; taking it from the frame costs a hundred times more."""
    return {name: values[row] for name, values in columns.items()}


def _check(rule: Rule, outcome: Outcome, contract: Contract, examples: tuple[str, ...]) -> Check:
    expectation = rule.expectation
    bound = expectation.bound(contract.facts)
    return Check(
        expectation=rule.name,
        title=Words().vformat(rule.title, (), {**contract.facts, "bound": bound}),
        contract=contract.name,
        severity=rule.severity,
        scope=rule.scope,
        comparison=expectation.comparison,
        bound=bound,
        setting=expectation.fact if expectation.fact in Contracts.model_fields else "",
        passed=not outcome.rows,
        offending=len(outcome.rows),
        examples=examples,
    )


def _examples(rows: list[int], frame: pd.DataFrame) -> tuple[str, ...]:
    """The first few series in offending rows."""
    if UNIQUE_ID not in frame or WHOLE_TABLE in rows:
        return ()
    names = frame[UNIQUE_ID].iloc[rows].dropna()
    return tuple(map(str, names.unique()[:MOST_EXAMPLES]))


def _crash(contract: Contract, check: Check, why: str) -> Finding:
    harmless = check.severity in (Severity.WARNING, Severity.NOTE)
    return Finding(
        contract=contract.name,
        expectation=check.expectation,
        severity=Severity.WARNING if harmless else Severity.CRITICAL,
        sentence=f"Nobody could check that {check.title}: {why}; "
        "that is a fault of the program or of the profile that it was given, so report it.",
    )


def _finding(contract: Contract, rule: Rule, fields: Mapping[str, Any]) -> Finding:
    expectation = rule.expectation
    bound = expectation.bound(contract.facts)
    value = fields.get(expectation.column or "", fields.get("found"))
    return Finding(
        contract=contract.name,
        expectation=rule.name,
        severity=rule.severity,
        scope=rule.scope,
        column=expectation.column,
        unique_id=fields[UNIQUE_ID] if rule.severity is Severity.QUARANTINE else None,
        value=_number(value),
        bound=bound,
        sentence=Words().vformat(rule.sentence, (), {**contract.facts, **fields, "bound": bound}),
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return None
    return float(value)
