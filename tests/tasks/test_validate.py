from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable

from data_contracts.forecasts import schema
from data_contracts.spec import parse_spec
from data_contracts.verdicts import Verdict
from data_contracts.vocabulary import quantile_columns
from tasks.forecast import served_series
from tasks.stores.observations import read_observations
from tasks.stores.runs import VALIDATION
from tasks.stores.warehouse import open_warehouse
from tasks.tonight import Tonight
from tasks.validate import set_aside, validate_input, validate_output

CUTOFF = pd.Timestamp("2013-03-01T23:00Z").as_unit("us")
HOURS = 24 * 30


def observations(**spoiled):
    """Two airports that beat by day, with what is to be spoiled in place of the first series."""
    ds = pd.date_range(end=CUTOFF, periods=HOURS, freq="h", unit="us")
    beat = 10 + 5 * np.sin(np.arange(HOURS) * 2 * np.pi / 24) + np.arange(HOURS) % 7
    names = [f"EWR-{k}" for k in range(6)]
    frames = [pd.DataFrame({"unique_id": name, "ds": ds, "y": beat}) for name in names]
    frames[0] = frames[0].assign(**spoiled)
    return pd.concat(frames, ignore_index=True)


def night(tmp_path, rows):
    path = tmp_path / "flights.parquet"
    rows.to_parquet(path)
    spec = parse_spec(
        {
            "source": {"uri": str(path)},
            "calendar": {"frequency": "h"},
            "horizon": 24,
            "warehouse": str(tmp_path / "warehouse"),
        }
    )
    as_of = CUTOFF + pd.Timedelta(hours=1)
    return Tonight(
        spec=spec,
        warehouse=open_warehouse(spec),
        as_of=as_of,
        cutoff=CUTOFF,
        issued_at=as_of,
        run_id="run",
        token=1,
    )


def read(tonight):
    return read_observations(tonight.spec, tonight.as_of)


def batch(tonight, extraction):
    spec, ids = tonight.spec, extraction.panel.unique_ids
    leads = np.arange(1, spec.horizon + 1, dtype=np.int32)
    stamps = extraction.panel.grid.timestamps(extraction.panel.cutoff_slot + leads)
    fan = {name: np.float32(9 + k) for k, name in enumerate(quantile_columns(spec.quantile_levels))}
    rows = pd.DataFrame(
        {
            "unique_id": np.repeat(ids, spec.horizon),
            "ds": stamps.take(np.tile(leads - 1, len(ids))),
            "lead": np.tile(leads, len(ids)),
        }
    )
    rows = rows.assign(
        cutoff_date=tonight.cutoff.date(),
        cutoff=tonight.cutoff,
        mean=np.float32(13),
        model="seasonal_naive",
        model_version="seasonal_naive",
        quality="baseline",
        issued_at=tonight.issued_at,
        run_id=tonight.run_id,
        **fan,
    )
    return rows[schema(spec.quantile_levels).names]


def kept(tonight):
    return Verdict.from_json((tonight.warehouse.run(tonight.cutoff) / VALIDATION).read_text())


def read_quarantine(tonight):
    return DeltaTable(str(tonight.warehouse.quarantine)).to_pyarrow_table().to_pylist()


def test_what_was_read_passes_and_the_verdict_is_kept(tmp_path):
    tonight = night(tmp_path, observations())
    verdict = validate_input.fn(tonight, read(tonight))
    assert verdict.findings == ()
    assert kept(tonight) == verdict


def test_a_series_that_was_never_observed_is_set_aside(tmp_path):
    tonight = night(tmp_path, observations(y=np.nan))
    verdict = validate_input.fn(tonight, read(tonight))
    (finding,) = verdict.quarantined["EWR-0"]
    assert finding.sentence == f"EWR-0: none of its {HOURS} rows has a value."
    assert verdict.status == "quarantine"


def test_two_rows_for_one_step_set_their_series_aside(tmp_path):
    moved = {"ds": lambda rows: rows["ds"] - pd.to_timedelta((rows.index == 9) * 1, unit="h")}
    tonight = night(tmp_path, observations(**moved))
    verdict = validate_input.fn(tonight, read(tonight))
    (finding,) = verdict.quarantined["EWR-0"]
    assert finding.sentence.startswith("EWR-0: 1 rows have the step of another row")
    assert " the first that of 2013-01-31 08:00 UTC;" in finding.sentence


def test_a_number_that_is_infinite_is_none_in_the_quarantine(tmp_path):
    large = {"y": lambda rows: rows["y"] * 0 + 1e9}  # a constant too large for single precision
    tonight = night(tmp_path, observations(**large))
    (finding,) = validate_input.fn(tonight, read(tonight)).quarantined["EWR-0"]
    (row,) = read_quarantine(tonight)
    assert finding.value == np.inf
    assert (row["expectation"], row["value"]) == ("resolved", None)


SPOILED_ROWS = {
    "off the grid": (
        {"ds": lambda rows: rows["ds"] + pd.to_timedelta((rows.index == 9) * 30, unit="min")},
        "on_grid",
        "2013-01-31T09:30Z",
    ),
    "infinite": (
        {"y": lambda rows: rows["y"].where(rows.index != 9, np.inf)},
        "finite_values",
        "2013-01-31T09:00Z",
    ),
    "a spike": (
        {"y": lambda rows: rows["y"].where(rows.index != 9, 9999)},
        "no_spikes",
        "2013-01-31T09:00Z",
    ),
}


@pytest.mark.parametrize(("spoiled", "name", "ds"), SPOILED_ROWS.values(), ids=SPOILED_ROWS)
def test_a_bad_row_is_set_aside_and_kept_in_the_quarantine(tmp_path, spoiled, name, ds):
    tonight = night(tmp_path, observations(**spoiled))
    known = read(tonight)
    verdict = validate_input.fn(tonight, known)

    assert verdict.quarantined == {}
    assert [finding.expectation for finding in verdict.rows_aside] == [name]
    (row,) = read_quarantine(tonight)
    assert (row["unique_id"], row["expectation"], row["scope"]) == ("EWR-0", name, "rows")
    assert row["ds"] == pd.Timestamp(ds)
    assert row["sentence"] == verdict.rows_aside[0].sentence
    assert not known.panel.observed[9]


def test_rows_that_stop_the_night_stay_in_the_panel(tmp_path):
    tonight = night(tmp_path, observations(y=lambda rows: rows["y"] - 1e3 * (rows.index > 300)))
    strict = tonight.spec.contracts.model_copy(update={"min_value": 0.0, "max_bad_rows": 0.01})
    tonight = replace(tonight, spec=tonight.spec.model_copy(update={"contracts": strict}))
    known = read(tonight)
    verdict = validate_input.fn(tonight, known)

    assert [finding.expectation for finding in verdict.critical] == ["few_bad_rows"]
    assert known.panel.observed[:HOURS].all()


def test_a_series_that_is_over_is_left_out_and_not_in_quarantine(tmp_path):
    month = 24 * 28
    rows = observations()
    rows = rows[(rows["unique_id"] != "EWR-0") | (rows["ds"] < CUTOFF - pd.Timedelta(hours=700))]
    tonight = night(tmp_path, rows)
    over = tonight.spec.contracts.model_copy(update={"ended_after": month})
    tonight = replace(tonight, spec=tonight.spec.model_copy(update={"contracts": over}))
    known = read(tonight)
    verdict = validate_input.fn(tonight, known)

    assert verdict.ended == ("EWR-0",)
    assert verdict.quarantined == {}
    assert set_aside(known.panel, verdict).unique_ids == tuple(f"EWR-{k}" for k in range(1, 6))
    assert "EWR-0" not in served_series(tonight.spec, known.panel, verdict)


def test_the_verdict_on_the_batch_is_kept_beside_that_on_the_input(tmp_path):
    tonight = night(tmp_path, observations())
    known = read(tonight)
    contract = validate_input.fn(tonight, known)
    rows = batch(tonight, known)
    good = validate_output.fn(tonight, rows, known, contract)
    assert good.findings == ()
    assert kept(tonight) == contract.merge(good)

    wild = rows.assign(q90=np.float32(1e6))
    bad = validate_output.fn(tonight, wild, known, contract)
    assert [finding.expectation for finding in bad.critical] == ["near_history"]
    assert kept(tonight).critical == bad.critical


def test_a_series_in_quarantine_leaves_the_panel_and_the_others_stay(tmp_path):
    tonight = night(tmp_path, observations(y=lambda rows: rows["y"].where(rows.index % 3 == 0)))
    known = read(tonight)
    contract = validate_input.fn(tonight, known)
    assert list(contract.quarantined) == ["EWR-0"]
    assert set_aside(known.panel, contract).unique_ids == tuple(f"EWR-{k}" for k in range(1, 6))


def test_without_quarantine_the_panel_is_the_same(tmp_path):
    tonight = night(tmp_path, observations())
    known = read(tonight)
    assert set_aside(known.panel, validate_input.fn(tonight, known)) is known.panel
