import json

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from data_contracts import evaluations, quarantine
from data_contracts.errors import ContractError
from data_contracts.night import Decision
from tasks.stores.delta import read_table
from tasks.stores.records import (
    Occasion,
    decisions_before,
    decisions_table,
    evaluations_table,
    quarantine_table,
    record_decision,
    record_evaluations,
    record_quarantine,
)
from tasks.stores.table import stamped
from tasks.stores.warehouse import Warehouse

NIGHT = pd.Timestamp("2013-10-15T03:00Z")
NEXT = NIGHT + pd.Timedelta("1D")
KEPT = Decision(
    outcome="kept",
    reason="The gain is noise.",
    champion="v1",
    previous="v1",
    origins=14,
    numbers={"gain": 0.01},
)


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path)


def losses(version, *, role="challenger", origins=2, error=1.0):
    rows = [
        {
            "model_version": version,
            "model": "attention_lstm",
            "role": role,
            "unique_id": series,
            "origin": NIGHT - pd.Timedelta(days=days),
            "lead": 1,
            "steps": 1,
            **dict.fromkeys(evaluations.LOSSES, error),
        }
        for series in ("JFK-B6", "LGA-DL")
        for days in range(1, origins + 1)
    ]
    return pa.Table.from_pylist(rows)


def findings(*series, **changes):
    rows = [
        {
            "unique_id": name,
            "expectation": "longest gap",
            "column": "gap",
            "value": 200,
            "bound": 168.0,
            "severity": "quarantine",
            "sentence": f"{name} misses 200 steps in a row.",
            **changes,
        }
        for name in series
    ]
    return pa.Table.from_pylist(rows)


def occasion(run_id="a", cutoff=NIGHT):
    return Occasion(
        cutoff=cutoff,
        run_id=run_id,
        spec_digest="0123",
        code_version="0.1.0",
        decided_at=pd.Timestamp("2013-10-15T04:30:00.123456Z"),
    )


def test_a_night_that_runs_again_doubles_no_losses(warehouse):
    for run_id in ("a", "b"):
        record_evaluations(warehouse, losses("v2"), cutoff=NIGHT, run_id=run_id)
    stored = read_table(evaluations_table(warehouse))
    assert stored.num_rows == 4
    assert stored["run_id"].unique().to_pylist() == ["b"]
    assert stored["cutoff"].unique().to_pylist() == [NIGHT.to_pydatetime()]


def test_a_version_that_only_the_first_run_judged_keeps_its_losses(warehouse):
    both = pa.concat_tables([losses("v1", role="champion"), losses("v2")])
    record_evaluations(warehouse, both, cutoff=NIGHT, run_id="a")
    record_evaluations(warehouse, losses("v1", role="champion"), cutoff=NIGHT, run_id="b")
    stored = read_table(evaluations_table(warehouse)).select(["model_version", "run_id"])
    versions = stored.group_by(["model_version", "run_id"]).aggregate([([], "count_all")])
    assert sorted(map(tuple, (row.values() for row in versions.to_pylist()))) == [
        ("v1", "b", 4),
        ("v2", "a", 4),
    ]


def test_a_version_may_be_judged_as_champion_and_as_challenger(warehouse):
    both = pa.concat_tables([losses("v1", role="champion"), losses("v1")])
    record_evaluations(warehouse, both, cutoff=NIGHT, run_id="a")
    assert read_table(evaluations_table(warehouse)).num_rows == 8


def test_losses_of_other_nights_stay(warehouse):
    record_evaluations(warehouse, losses("v1"), cutoff=NIGHT, run_id="a")
    record_evaluations(warehouse, losses("v1"), cutoff=NEXT, run_id="b")
    assert read_table(evaluations_table(warehouse)).num_rows == 8


def test_a_loss_of_nothing_observed_is_null(warehouse):
    record_evaluations(warehouse, losses("v1", error=float("nan")), cutoff=NIGHT, run_id="a")
    stored = read_table(evaluations_table(warehouse))
    assert all(stored[name].null_count == 4 for name in evaluations.LOSSES)


def test_losses_of_the_version_before_leads_are_kept_as_means_over_all_of_them(warehouse):
    night = {"cutoff_date": NIGHT.date(), "cutoff": NIGHT, "run_id": "a"}
    before = stamped(losses("v1").drop_columns("lead"), night)
    names = [name for name in evaluations.SCHEMA.names if name != "lead"]
    doubles = pa.schema(
        [
            pa.field(name, pa.float64()) if name in evaluations.LOSSES else field
            for name, field in ((name, evaluations.SCHEMA.field(name)) for name in names)
        ]
    )
    write_deltalake(
        warehouse.evaluations, before.select(names).cast(doubles), partition_by=["cutoff_date"]
    )

    record_evaluations(warehouse, losses("v2"), cutoff=NEXT, run_id="b")

    stored = read_table(evaluations_table(warehouse)).to_pylist()
    assert sorted((row["model_version"], row["lead"]) for row in stored) == [
        ("v1", 0), ("v1", 0), ("v1", 0), ("v1", 0), ("v2", 1), ("v2", 1), ("v2", 1), ("v2", 1),
    ]  # fmt: skip


def test_a_night_without_evaluation_changes_no_losses(warehouse):
    record_evaluations(warehouse, losses("v1"), cutoff=NIGHT, run_id="a")
    record_evaluations(warehouse, losses("v1").slice(0, 0), cutoff=NIGHT, run_id="b")
    assert read_table(evaluations_table(warehouse))["run_id"].unique().to_pylist() == ["a"]


def test_a_decision_is_kept_once_per_run(warehouse):
    for _ in range(2):
        record_decision(warehouse, KEPT, occasion=occasion("a"))
    record_decision(warehouse, KEPT, occasion=occasion("b"))
    record_decision(warehouse, KEPT, occasion=occasion("c", NEXT))
    stored = read_table(decisions_table(warehouse)).to_pylist()
    assert [row["run_id"] for row in stored] == ["a", "b", "c"]
    assert stored[0]["outcome"] == "kept"
    assert stored[0]["reason"] == "The gain is noise."
    assert json.loads(stored[0]["numbers"]) == {"gain": 0.01}
    assert stored[0]["decided_at"] == occasion().decided_at.to_pydatetime()


def test_a_decision_without_a_champion_is_kept(warehouse):
    decision = KEPT.model_copy(update={"champion": None, "previous": None, "outcome": "baseline"})
    record_decision(warehouse, decision, occasion=occasion())
    assert read_table(decisions_table(warehouse))["champion"].to_pylist() == [None]


def test_quarantine_is_what_the_last_run_of_the_night_said(warehouse):
    record_quarantine(warehouse, findings("JFK-B6", "LGA-DL"), cutoff=NIGHT, run_id="a")
    record_quarantine(warehouse, findings("JFK-B6"), cutoff=NEXT, run_id="b")
    record_quarantine(warehouse, findings("EWR-UA"), cutoff=NIGHT, run_id="c")
    stored = read_table(quarantine_table(warehouse))
    assert stored["unique_id"].to_pylist() == ["EWR-UA", "JFK-B6"]
    assert stored["value"].to_pylist() == [200.0, 200.0]


def test_a_night_that_is_healthy_the_second_time_empties_its_quarantine(warehouse):
    record_quarantine(warehouse, quarantine.SCHEMA.empty_table(), cutoff=NIGHT, run_id="a")
    record_quarantine(warehouse, findings("JFK-B6"), cutoff=NIGHT, run_id="b")
    record_quarantine(warehouse, findings("JFK-B6"), cutoff=NEXT, run_id="c")
    record_quarantine(warehouse, quarantine.SCHEMA.empty_table(), cutoff=NIGHT, run_id="d")
    assert read_table(quarantine_table(warehouse))["run_id"].to_pylist() == ["c"]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(findings("JFK-B6", column=None), id="null"),
        pytest.param(findings("JFK-B6").drop_columns(["column"]), id="missing"),
    ],
)
def test_an_expectation_may_be_about_no_column(warehouse, rows):
    record_quarantine(warehouse, rows, cutoff=NIGHT, run_id="a")
    assert read_table(quarantine_table(warehouse))["column"].to_pylist() == [""]


def test_a_bound_may_be_missing(warehouse):
    record_quarantine(warehouse, findings("JFK-B6", bound=None), cutoff=NIGHT, run_id="a")
    assert read_table(quarantine_table(warehouse))["bound"].to_pylist() == [None]


def test_one_finding_twice_is_refused(warehouse):
    with pytest.raises(ContractError, match="Contract 'quarantine' is broken: Expected one row"):
        record_quarantine(warehouse, findings("JFK-B6", "JFK-B6"), cutoff=NIGHT, run_id="a")


def test_rows_of_a_series_are_kept_beside_the_series_itself(warehouse):
    steps = [NIGHT - pd.Timedelta(hours=hours) for hours in (3, 1)]
    rows = [findings("JFK-B6", scope="rows", ds=step, value=1e9) for step in steps]
    given = pa.concat_tables(
        [*rows, findings("JFK-B6", scope=None, ds=None)], promote_options="permissive"
    )
    record_quarantine(warehouse, given, cutoff=NIGHT, run_id="a")
    stored = read_table(quarantine_table(warehouse)).select(["scope", "ds", "value"])
    assert [tuple(row.values()) for row in stored.to_pylist()] == [
        *(("rows", step.to_pydatetime(), 1e9) for step in steps),
        ("series", NIGHT.to_pydatetime(), 200.0),
    ]


def test_a_quarantine_of_the_first_version_gets_its_new_columns(warehouse):
    old = pa.schema(
        [field for field in quarantine.SCHEMA if field.name not in (quarantine.SCOPE, "ds")]
    )
    given = findings("JFK-B6").append_column("cutoff", pa.array([NIGHT], old.field("cutoff").type))
    given = given.append_column("run_id", pa.array(["a"])).select(old.names).cast(old)
    DeltaTable.create(warehouse.quarantine, schema=old)
    write_deltalake(warehouse.quarantine, given, mode="overwrite", predicate=f"cutoff = '{NIGHT}'")
    told = read_table(quarantine_table(warehouse))
    record_quarantine(warehouse, findings("JFK-B6"), cutoff=NEXT, run_id="b")
    stored = read_table(quarantine_table(warehouse))
    assert told["scope"].to_pylist() == ["series"]
    assert told["ds"].to_pylist() == [NIGHT.to_pydatetime()]
    assert stored.slice(0, 1).equals(told)
    assert stored["ds"].to_pylist() == [NIGHT.to_pydatetime(), NEXT.to_pydatetime()]
    assert quarantine_table(warehouse).version == 2


def test_the_last_nights_before_a_cutoff_are_told_by_their_newest_runs(warehouse):
    def keep(night, run, reason, minutes, outcome="kept"):
        occasion = Occasion(
            cutoff=night,
            run_id=run,
            spec_digest="0123456789ab",
            code_version="0.1.0",
            decided_at=night + pd.Timedelta(minutes=minutes),
        )
        decision = KEPT.model_copy(update={"reason": reason, "outcome": outcome})
        record_decision(warehouse, decision, occasion=occasion)

    assert decisions_before(warehouse, NEXT, nights=3) == []

    keep(NIGHT, "first", "Old.", 10)
    keep(NIGHT, "second", "New.", 90)
    keep(NIGHT - pd.Timedelta("1D"), "before", "Before.", 99_999)
    keep(NIGHT - pd.Timedelta("2D"), "early", "Early.", 10)
    keep(NEXT, "tonight", "Tonight.", 10)
    keep(NIGHT, "by hand, move 3", "A person saw no evidence.", 95, outcome="by_hand")

    told = decisions_before(warehouse, NEXT, nights=2)

    assert [row["reason"] for row in told] == ["New.", "Before."]
    assert told[0]["numbers"] == KEPT.numbers
    assert told[0]["cutoff"] == NIGHT
