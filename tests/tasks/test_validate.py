import numpy as np
import pandas as pd
import pytest

from data_contracts.forecasts import schema
from data_contracts.spec import parse_spec
from data_contracts.verdicts import Verdict
from data_contracts.vocabulary import quantile_columns
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


@pytest.mark.parametrize(
    ("spoiled", "sentence"),
    [
        (
            {"ds": lambda rows: rows["ds"] - pd.to_timedelta((rows.index == 9) * 1, unit="h")},
            "Rows that repeat the series and the timestamp of another row: 1, such as EWR-0 at ",
        ),
        (
            {"ds": lambda rows: rows["ds"] + pd.to_timedelta((rows.index == 9) * 30, unit="min")},
            "Timestamps off the grid of calendar.frequency 'h' in UTC: 1, such as EWR-0 at ",
        ),
        (
            {"y": lambda rows: rows["y"].where(rows.index != 9, np.inf)},
            "Infinite values of 'y': 1, such as EWR-0 at ",
        ),
    ],
    ids=["a repeated key", "off the grid", "infinite"],
)
def test_what_is_read_spoiled_is_refused_with_where_it_is(tmp_path, spoiled, sentence):
    tonight = night(tmp_path, observations(**spoiled))
    verdict = validate_input.fn(tonight, read(tonight))
    (finding,) = verdict.critical
    assert finding.sentence.startswith(sentence)
    assert kept(tonight).critical == verdict.critical


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
