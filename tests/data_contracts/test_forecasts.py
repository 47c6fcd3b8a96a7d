import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data_contracts.forecasts import rows_contract, schema, validate_forecasts
from data_contracts.spec import parse_spec
from data_contracts.vocabulary import quantile_columns

CUTOFF = pd.Timestamp("2013-12-31T23:00Z").as_unit("us")
IDS = ["EWR-B6", "EWR-UA", "JFK-DL"]
HORIZON = 4


def spec(**fields):
    base = {"source": {"uri": "a.parquet"}, "calendar": {"frequency": "h"}, "horizon": HORIZON}
    return parse_spec(base | fields)


SPEC = spec()


def batch(spec=SPEC, cutoff=CUTOFF):
    """A good batch: every series gets the same fan, 10 wide and 10 above zero."""
    grid, horizon = spec.grid, spec.horizon
    slots, _ = grid.slots(np.array([cutoff.value // 1000]))
    stamps = grid.timestamps(slots + np.arange(1, horizon + 1))
    rows = pd.DataFrame(
        {
            "cutoff_date": cutoff.date(),
            "unique_id": np.repeat(IDS, horizon),
            "cutoff": cutoff,
            "ds": stamps.take(np.tile(np.arange(horizon), len(IDS))),
            "lead": np.tile(np.arange(1, horizon + 1, dtype=np.int32), len(IDS)),
            "mean": np.float32(15),
        }
    )
    columns = quantile_columns(spec.quantile_levels)
    for name, value in zip(columns, np.linspace(10, 20, len(columns)), strict=True):
        rows[name] = np.float32(value)
    issued_at = cutoff + pd.Timedelta(hours=2)
    return rows.assign(
        model="attention_lstm",
        model_version="3",
        quality="champion",
        issued_at=issued_at,
        run_id="run-1",
    )


def history(low=0.0, high=30.0):
    return pd.DataFrame({"unique_id": IDS, "min": low, "max": high})


def validate(rows, *, spec=SPEC, expected_ids=IDS, history_range=None, away=None):
    return validate_forecasts(
        rows, spec, expected_ids=expected_ids, history_range=history_range, least_share_away=away
    )


def spoiled(column, value, row=5):
    """The good batch with another value in one place."""
    rows = batch()
    rows[column] = [value if k == row else old for k, old in enumerate(rows[column])]
    if rows[column].dtype == np.float64:
        rows[column] = rows[column].astype(np.float32)
    return rows


def sentences(verdict):
    return [finding.sentence for finding in verdict.findings]


def test_the_table_has_a_column_per_level_and_no_nulls():
    names = schema((0.1, 0.5, 0.975)).names
    assert names[6:9] == ["q10", "q50", "q97_5"]
    assert not any(field.nullable for field in schema((0.5,)))


@pytest.mark.parametrize("known", [history(), None], ids=["with history", "without history"])
def test_a_good_batch_passes_without_any_finding(known):
    verdict = validate(batch(), history_range=known)
    assert verdict.findings == ()
    assert all(check.passed for check in verdict.checked)
    assert len(verdict.checked) == 18


def test_a_series_without_any_spread_is_a_warning_unless_it_is_constant():
    rows = batch()
    columns = quantile_columns(SPEC.quantile_levels)
    rows.loc[rows["unique_id"] == IDS[0], columns] = np.float32(12)

    varying = validate(rows, history_range=history())
    constant = validate(rows, history_range=history(low=12.0, high=12.0))

    assert varying.status == "warning"
    assert "quantiles are all equal" in varying.warnings[0].sentence
    assert "quantiles are all equal" not in str(constant.findings)


def test_a_good_batch_read_back_from_parquet_passes():
    table = pa.Table.from_pandas(batch(), schema=schema(SPEC.quantile_levels), preserve_index=False)
    assert sentences(validate(table.to_pandas(), history_range=history())) == []


@pytest.mark.parametrize(
    ("frequency", "timezone", "cutoff"),
    [
        ("15min", None, "2013-12-31T23:45Z"),
        ("D", "America/New_York", "2013-11-02T04:00Z"),
        ("B", None, "2013-12-27T00:00Z"),
        ("W-MON", None, "2013-12-23T00:00Z"),
        ("ME", None, "2013-10-31T00:00Z"),
        ("MS", "Europe/Berlin", "2013-02-28T23:00Z"),
    ],
)
def test_a_good_batch_of_every_frequency_passes(frequency, timezone, cutoff):
    told = spec(calendar={"frequency": frequency, "timezone": timezone})
    rows = batch(told, pd.Timestamp(cutoff).as_unit("us"))
    assert sentences(validate(rows, spec=told)) == []


@pytest.mark.parametrize("levels", [(0.5,), (0.025, 0.5, 0.975)], ids=str)
def test_a_good_batch_of_other_levels_passes(levels):
    told = spec(quantile_levels=levels)
    assert sentences(validate(batch(told), spec=told)) == []


def test_any_order_of_rows_and_columns_is_good():
    rows = batch().sample(frac=1, random_state=0).sample(frac=1, axis=1, random_state=0)
    assert sentences(validate(rows, history_range=history())) == []


@pytest.mark.parametrize("quality", ["champion", "baseline", "substituted"])
def test_each_of_the_three_qualities_is_good(quality):
    told = spec(contracts={"max_substituted_share": 0.5})
    assert sentences(validate(spoiled("quality", quality), spec=told)) == []


def test_equal_quantiles_are_in_order():
    flat = dict.fromkeys(quantile_columns(SPEC.quantile_levels), np.float32(7))
    assert sentences(validate(batch().assign(**flat))) == []


def _with(**columns):
    return batch().assign(**columns)


NAIVE = batch()["ds"].dt.tz_localize(None)
COLUMNS = {
    "a column missing": (
        batch().drop(columns="q50"),
        "Columns unlike those of the table: 1, such as 'q50': expected numbers, got "
        "no such column.",
    ),
    "a column too many": (
        _with(note="x"),
        "Columns unlike those of the table: 1, such as 'note': expected no such column, got text.",
    ),
    "text in a quantile": (
        _with(q50="12"),
        "Columns unlike those of the table: 1, such as 'q50': expected numbers, got text.",
    ),
    "times without a zone": (
        _with(ds=NAIVE),
        "Columns unlike those of the table: 1, such as 'ds': expected times in UTC, got "
        "times without a zone.",
    ),
    "times in another zone": (
        _with(ds=batch()["ds"].dt.tz_convert("Europe/Berlin")),
        "Columns unlike those of the table: 1, such as 'ds': expected times in UTC, got "
        "times in Europe/Berlin.",
    ),
    "a lead with a fraction": (
        _with(lead=batch()["lead"] + 0.5),
        "Columns unlike those of the table: 1, such as 'lead': expected whole numbers, "
        "got numbers.",
    ),
    "a whole column missing its values": (
        _with(model=None),
        "Columns unlike those of the table: 1, such as 'model': expected text, got "
        "nothing but missing values.",
    ),
}


@pytest.mark.parametrize(("rows", "sentence"), COLUMNS.values(), ids=COLUMNS)
def test_a_batch_of_other_columns_is_refused_by_name(rows, sentence):
    verdict = validate(rows)
    assert sentences(verdict) == [sentence]
    assert verdict.status == "critical"


def test_text_kept_as_categories_is_text():
    assert sentences(validate(_with(unique_id=batch()["unique_id"].astype("category")))) == []


HERE = "EWR-UA at 2014-01-01 01:00 UTC"
ROWS = {
    "no rows": (
        batch().iloc[:0],
        "rows",
        "The batch has 0 rows instead of 12 (3 series × 4 steps); of 3 series nothing is there, "
        "such as EWR-B6.",
    ),
    "a row missing": (
        batch().drop(index=5),
        "rows",
        "The batch has 11 rows instead of 12 (3 series × 4 steps); every series is there.",
    ),
    "a series missing": (
        batch().iloc[4:],
        "rows",
        "The batch has 8 rows instead of 12 (3 series × 4 steps); of 1 series nothing is there, "
        "such as EWR-B6.",
    ),
    "a series that nobody asked for": (
        _with(unique_id=batch()["unique_id"].replace("EWR-UA", "LGA-AA")),
        "expected_series",
        "Rows of series that were not asked for: 4, such as LGA-AA.",
    ),
    "a repeated row": (
        pd.concat([batch().drop(index=6), batch().iloc[[5]]]),
        "unique_keys",
        f"Rows that share their key with another one: 2, such as {HERE}.",
    ),
    "a missing value": (
        spoiled("q50", np.nan),
        "complete",
        f"Rows with a missing or infinite value: 1, such as {HERE}.",
    ),
    "an infinite value": (
        spoiled("mean", np.inf),
        "complete",
        f"Rows with a missing or infinite value: 1, such as {HERE}.",
    ),
    "a missing word": (
        spoiled("model_version", None),
        "complete",
        f"Rows with a missing or infinite value: 1, such as {HERE}.",
    ),
    "a missing time": (
        spoiled("ds", pd.NaT),
        "complete",
        "Rows with a missing or infinite value: 1, such as EWR-UA at unknown UTC.",
    ),
    "crossing quantiles": (
        spoiled("q10", 11.5),
        "ascending_quantiles",
        f"Rows with a quantile below that of a lower level: 1, such as {HERE}.",
    ),
    "a lead of 0": (
        spoiled("lead", 0),
        "first_lead",
        f"Rows with a lead below 1: 1, such as {HERE} with 0.",
    ),
    "a lead beyond the horizon": (
        spoiled("lead", 5),
        "last_lead",
        f"Rows with a lead above the horizon of 4: 1, such as {HERE} with 5.",
    ),
    "a lead of another step": (
        spoiled("lead", 3),
        "lead_fits_ds",
        f"Rows whose ds is not lead steps of 'h' after the cutoff: 1, such as {HERE} with "
        "lead 3 after 2013-12-31 23:00 UTC.",
    ),
    "a time before the cutoff": (
        spoiled("ds", CUTOFF - pd.Timedelta(hours=2)),
        "lead_fits_ds",
        "Rows whose ds is not lead steps of 'h' after the cutoff: 1, such as EWR-UA at "
        "2013-12-31 21:00 UTC with lead 2 after 2013-12-31 23:00 UTC.",
    ),
    "a time off the grid": (
        spoiled("ds", CUTOFF + pd.Timedelta(hours=2, minutes=30)),
        "lead_fits_ds",
        "Rows whose ds is not lead steps of 'h' after the cutoff: 1, such as EWR-UA at "
        "2014-01-01 01:30 UTC with lead 2 after 2013-12-31 23:00 UTC.",
    ),
    "another word for the quality": (
        spoiled("quality", "good"),
        "known_quality",
        f"Rows of another quality than champion, baseline, substituted: 1, such as {HERE} with "
        "'good'.",
    ),
    "two runs": (
        spoiled("run_id", "run-2"),
        "one_run",
        "The batch is of 2 runs, expected one.",
    ),
    "filed under another day": (
        spoiled("cutoff_date", datetime.date(2014, 1, 1)),
        "filed_by_cutoff",
        f"Rows whose cutoff_date is not the date of their cutoff: 1, such as {HERE}.",
    ),
    "absurdly high": (
        spoiled("q90", 5000.0),
        "near_history",
        "Forecasts more than 10 times the range of their history outside it: 1 rows, such as "
        f"{HERE}, 166 ranges outside.",
    ),
    "absurdly low": (
        spoiled("q10", -400.0),
        "near_history",
        "Forecasts more than 10 times the range of their history outside it: 1 rows, such as "
        f"{HERE}, 13.3 ranges outside.",
    ),
}


@pytest.mark.parametrize(("rows", "name", "sentence"), ROWS.values(), ids=ROWS)
def test_a_spoiled_batch_is_refused_by_name(rows, name, sentence):
    verdict = validate(rows, history_range=history())
    assert sentences(verdict) == [sentence]
    assert [finding.expectation for finding in verdict.critical] == [name]


def test_two_cutoffs_are_refused():
    other = CUTOFF - pd.Timedelta(hours=1)
    rows = spoiled("cutoff", other)
    names = [finding.expectation for finding in validate(rows).critical]
    assert "one_cutoff" in names


def test_a_whole_batch_of_another_night_is_refused():
    rows = _with(cutoff=CUTOFF - pd.Timedelta(hours=3))
    assert [found.expectation for found in validate(rows).critical] == ["lead_fits_ds"]


def test_a_batch_that_nobody_asked_for_is_refused():
    verdict = validate(batch().iloc[:0], expected_ids=[])
    assert [finding.expectation for finding in verdict.critical] == ["rows"]


def test_series_asked_for_twice_are_expected_once():
    assert sentences(validate(batch(), expected_ids=[*IDS, *IDS])) == []


def test_a_forecast_far_from_its_history_is_told_but_published():
    verdict = validate(spoiled("q90", 200.0), history_range=history())
    assert verdict.status == "warning"
    assert sentences(verdict) == [
        "Forecasts more than 3 times the range of their history outside it: 1 rows, such as "
        f"{HERE}, 5.67 ranges outside."
    ]


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [
        ([0.0, 5.0, 0.0], [30.0, 5.0, 30.0], "passed"),  # measured by the range of the others
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], "passed"),  # no range anywhere: nothing is far
        ([0.0, 0.0, 0.0], [30.0, 0.9, 30.0], "passed"),
        ([0.0, 0.0, 0.0], [0.9, 0.9, 0.9], "critical"),
    ],
    ids=["constant series", "constant panel", "small beside large", "all small"],
)
def test_a_history_that_hardly_moved_is_measured_by_the_others(low, high, status):
    assert validate(batch(), history_range=history(low, high)).status == status


def test_series_of_unknown_history_are_not_measured():
    assert sentences(validate(spoiled("q90", 5e6), history_range=history().iloc[[0, 2]])) == []


def test_every_title_reads_without_gaps():
    contract = rows_contract(SPEC, batch(), IDS)
    for rule in contract.rules:
        words = {**contract.facts, "bound": rule.expectation.bound(contract.facts)}
        assert "{" not in rule.title.format(**words)


def all_equal(value=12.0, spec=SPEC):
    """A batch of a model whose every quantile is the same."""
    rows = batch(spec)
    rows[["mean", *quantile_columns(spec.quantile_levels)]] = np.float32(value)
    return rows


def asked(share):
    """Histories of which a least share is away from whatever they are asked about."""
    values = []

    def away(value):
        values.append(value)
        return share

    return away, values


@pytest.mark.parametrize(("share", "blocked"), [(1.0, True), (0.21, True), (0.2, False)])
def test_a_batch_of_one_value_is_blocked_unless_the_histories_have_been_there(share, blocked):
    away, values = asked(share)

    verdict = validate(all_equal(), history_range=history(), away=away)

    assert ("not_all_equal" in {found.expectation for found in verdict.critical}) == blocked
    assert values == [12.0]


def test_a_batch_of_one_value_says_what_is_strange_about_it():
    (found,) = validate(all_equal(), away=asked(0.873)[0]).critical
    assert found.sentence == (
        "All forecasts of the model are 12 at every quantile level, but in every 4 steps so far at "
        "least 87% of the values were others."
    )
    assert found.bound == pytest.approx(0.2)


def test_substitutes_do_not_hide_that_all_forecasts_of_the_model_are_equal():
    rows = all_equal()
    substitute = rows["unique_id"] == IDS[0]
    rows.loc[substitute, ["q90", "quality"]] = [np.float32(13), "substituted"]
    told = spec(contracts={"max_substituted_share": 0.5})

    verdict = validate(rows, spec=told, away=asked(1.0)[0])

    assert [found.expectation for found in verdict.critical] == ["not_all_equal"]


def test_histories_are_not_asked_where_forecasts_differ():
    away, values = asked(1.0)
    assert validate(batch(), away=away).findings == ()
    assert values == []


def test_one_quantile_level_may_be_flat():
    told = spec(quantile_levels=[0.5])
    assert validate(all_equal(spec=told), spec=told, away=asked(1.0)[0]).findings == ()


def of_quality(**qualities):
    """A good batch with another quality for each of its series."""
    names = dict(zip(IDS, qualities.values(), strict=True))
    return batch().assign(quality=lambda rows: rows["unique_id"].map(names))


@pytest.mark.parametrize(
    ("contracts", "blocked"),
    [
        pytest.param({}, True, id="default, that of quarantine"),
        pytest.param({"max_quarantine_share": 0.4}, False, id="quarantine accepts more"),
        pytest.param(
            {"max_quarantine_share": 0.4, "max_substituted_share": 0.3}, True, id="own share"
        ),
        pytest.param({"max_substituted_share": 0.34}, False, id="own share is enough"),
    ],
)
def test_a_batch_with_too_many_substitutes_is_blocked(contracts, blocked):
    rows = of_quality(a="champion", b="substituted", c="champion")

    verdict = validate(rows, spec=spec(contracts=contracts))

    assert [found.expectation for found in verdict.critical] == ["few_substituted"] * blocked


def test_a_batch_with_too_many_substitutes_says_how_many_and_what_to_do():
    rows = of_quality(a="champion", b="substituted", c="substituted")
    (found,) = validate(rows).critical
    assert found.sentence == (
        "2 of 3 series have a substitute of the baseline in the place of a forecast, accepted are "
        "20%; see why they are in quarantine, or raise contracts.max_substituted_share."
    )


def test_the_baseline_substitutes_nothing_in_a_batch_of_its_own():
    rows = of_quality(a="baseline", b="substituted", c="substituted")
    assert validate(rows).findings == ()


def test_a_batch_of_nothing_but_substitutes_is_blocked():
    rows = of_quality(a="substituted", b="substituted", c="substituted")
    assert [found.expectation for found in validate(rows).critical] == ["few_substituted"]
