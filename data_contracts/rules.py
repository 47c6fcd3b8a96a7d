"""How contracts are written down: rules as lines of a table, without what checks them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_contracts.verdicts import Comparison, Scope, Severity


@dataclass(frozen=True)
class Expectation:
    """What a rule expects.

    Attributes:
        kind: Class name in Great Expectations, or in `data_contracts.expectations`.
        arguments: Its arguments; `{"$PARAMETER": name}` stands for a fact of the contract.
    """

    kind: str
    arguments: Mapping[str, Any]

    @property
    def column(self) -> str | None:
        """The one column that is looked at, None where there is no such one."""
        column = self.arguments.get("column")
        return None if column is None else str(column)

    @property
    def comparison(self) -> Comparison:
        """How values have to lie to the bound.

        >>> at_most("age", 48).comparison, one_value("cutoff").comparison
        ('at most', 'exactly')
        """
        least, most = "min_value" in self.arguments, "max_value" in self.arguments
        if "value" in self.arguments or (least and most):
            return "exactly"
        if most:
            return "at most"
        if least:
            return "above" if self.arguments.get("strict_min") else "at least"
        return ""

    def bound(self, facts: Mapping[str, Any]) -> float | None:
        """The one number that values are compared with, None where there is no such one."""
        bound = self._bound
        if bound is None:
            return None
        return float(facts[bound["$PARAMETER"]] if isinstance(bound, dict) else bound)

    @property
    def fact(self) -> str:
        """The fact that the bound is, empty where it is a fixed number or there is none."""
        return str(self._bound["$PARAMETER"]) if isinstance(self._bound, dict) else ""

    @property
    def _bound(self) -> Any:
        names = ("max_value", "min_value", "value")
        return next((self.arguments[name] for name in names if name in self.arguments), None)


def _bound(bound: object) -> object:
    """A value, or in place of the name of a fact what Great Expectations looks up."""
    return {"$PARAMETER": bound} if isinstance(bound, str) else bound


def at_most(column: str, bound: float | str) -> Expectation:
    """No value lies above the bound, a number or a fact; a missing value is no value."""
    arguments = {"column": column, "max_value": _bound(bound)}
    return Expectation("ExpectColumnValuesToBeBetween", arguments)


def at_least(column: str, bound: float | str) -> Expectation:
    """No value lies below the bound, a number or a fact; a missing value is no value."""
    arguments = {"column": column, "min_value": _bound(bound)}
    return Expectation("ExpectColumnValuesToBeBetween", arguments)


def above(column: str, bound: float) -> Expectation:
    """Every value lies above the bound; a missing value is no value."""
    arguments = {"column": column, "min_value": bound, "strict_min": True}
    return Expectation("ExpectColumnValuesToBeBetween", arguments)


def equal(column: str, other: str) -> Expectation:
    """Two columns hold the same in every row."""
    return Expectation("ExpectColumnPairValuesToBeEqual", {"column_A": column, "column_B": other})


def one_of(column: str, words: Sequence[str] | str) -> Expectation:
    """Every value is one of these words, or of those in a fact."""
    arguments = {"column": column, "value_set": _bound(words)}
    return Expectation("ExpectColumnValuesToBeInSet", arguments)


def one_value(column: str) -> Expectation:
    """The whole column holds one value."""
    arguments = {"column": column, "min_value": 1, "max_value": 1}
    return Expectation("ExpectColumnUniqueValueCountToBeBetween", arguments)


def unique(*columns: str) -> Expectation:
    """No two rows agree in all of these columns."""
    return Expectation("ExpectCompoundColumnsToBeUnique", {"column_list": list(columns)})


def complete(*columns: str) -> Expectation:
    """No value is missing or infinite; two columns or more."""
    return Expectation("ExpectRowsToBeComplete", {"column_list": list(columns)})


def ascending(*columns: str) -> Expectation:
    """No value is below that of the column before it; two columns or more."""
    return Expectation("ExpectColumnsToAscend", {"column_list": list(columns)})


def row_count(rows: int | str) -> Expectation:
    """The table has as many rows, a number or a fact."""
    return Expectation("ExpectTableRowCountToEqual", {"value": _bound(rows)})


@dataclass(frozen=True)
class Rule:
    """One line of a contract.

    A quarantine rule gives one finding per offending row, every other rule one in all.

    Attributes:
        name: Short and fixed, because tables and files keep it.
        title: The rule in words; `{…}` names a fact of the contract or `bound`.
        sentence: What to tell if it is broken; `{…}` also names a column of the first offending
            row, `count` (offending rows) or `found` (of a rule about the whole table).
        explained_by: Rules whose failure in the same row makes that of this one a mere consequence.
        scope: What the rule is about, and so what a quarantine sets aside.
        fixed: Whether the spec may not change the severity, because all else stands on the rule.
    """

    name: str
    severity: Severity
    expectation: Expectation
    title: str
    sentence: str
    explained_by: tuple[str, ...] = ()
    scope: Scope = Scope.TABLE
    fixed: bool = False


@dataclass(frozen=True)
class Contract:
    """Rules about one kind of frame, and the facts that their bounds and texts name."""

    name: str
    rules: tuple[Rule, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
