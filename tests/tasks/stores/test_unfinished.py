from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import NightcastError
from data_contracts.resume import Unfinished
from data_contracts.spec import parse_spec
from data_contracts.verdicts import Finding, Severity
from models.panel import Panel
from tasks.stores.observations import read_observations
from tasks.stores.snapshots import save_panel
from tasks.stores.unfinished import (
    UNFINISHED,
    drop_unfinished,
    find_unfinished,
    keep_unfinished,
    read_unfinished,
)
from tasks.stores.warehouse import Warehouse

CUTOFF = pd.Timestamp("2024-03-01T23:00Z")


@pytest.fixture
def read(tmp_path):
    """What is read from three series with a covariate, and its verdict, which sets one aside."""
    ds = pd.date_range(end=CUTOFF, periods=24 * 30, freq="h", unit="us")
    rng = np.random.default_rng(3)
    frames = [
        pd.DataFrame({"unique_id": name, "ds": ds, "y": rng.normal(9, 1, len(ds)), "airport": name})
        for name in ("a", "b", "c")
    ]
    frames[0].loc[5, "y"] = np.inf
    pd.concat(frames).to_parquet(tmp_path / "in.parquet")
    spec = parse_spec(
        {
            "source": {"uri": str(tmp_path / "in.parquet")},
            "covariates": {"static": ["airport"]},
            "calendar": {"frequency": "h"},
            "horizon": 6,
        }
    )
    known = read_observations(spec, CUTOFF + pd.Timedelta("1h"))
    finding = Finding(
        contract="observations",
        expectation="fresh",
        severity=Severity.QUARANTINE,
        unique_id="b",
        sentence="b is old.",
    )
    return known, known.judged(spec).model_copy(update={"findings": (finding,)})


def keep(warehouse, known, contract):
    aside = np.isin(known.panel.unique_ids, list(contract.unserved))
    snapshot = save_panel(known.panel.select(np.flatnonzero(~aside)), warehouse.snapshots)
    what = Unfinished(
        spec_digest="5bec",
        code_version="0.1.0",
        known_at=CUTOFF,
        files=known.files,
        run_id="run",
        issued_at=CUTOFF,
        snapshot=snapshot.name,
        examples=known.examples,
    )
    keep_unfinished(warehouse, CUTOFF, what, known, contract)


def test_what_was_read_comes_back_bit_by_bit_series_that_are_set_aside_included(anywhere, read):
    known, contract = read
    keep(anywhere, known, contract)
    if anywhere.store is not None:  # on another machine, which has the snapshot already
        anywhere = Warehouse(anywhere.root.with_name("another"), anywhere.store)
        save_panel(known.panel.select(np.array([0, 2])), anywhere.snapshots)

    what = find_unfinished(anywhere, CUTOFF)
    back = read_unfinished(anywhere, CUTOFF, what)

    for field in fields(Panel):
        here, there = getattr(back.panel, field.name), getattr(known.panel, field.name)
        assert np.array_equal(here, there, equal_nan=getattr(here, "dtype", "") == np.float32)
    for name in ("profile", "batch", "aside"):
        pd.testing.assert_frame_equal(getattr(back, name), getattr(known, name), check_dtype=False)
    assert back.examples == known.examples != {}
    assert back.verdict == contract
    assert back.files == known.files


def test_what_is_kept_takes_the_place_of_what_an_earlier_run_left(tmp_path, read):
    known, contract = read
    warehouse = Warehouse(tmp_path / "warehouse")
    keep(warehouse, known, contract)

    keep(warehouse, known, contract.model_copy(update={"findings": ()}))

    what = find_unfinished(warehouse, CUTOFF)
    assert read_unfinished(warehouse, CUTOFF, what).verdict.findings == ()
    assert what.aside == ""
    folder = warehouse.run(CUTOFF)
    assert [path.name for path in folder.iterdir()] == [UNFINISHED]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_nothing_is_left_of_a_night_that_has_come_to_its_end(anywhere, read):
    keep(anywhere, *read)

    drop_unfinished(anywhere, CUTOFF)

    assert find_unfinished(anywhere, CUTOFF) is None
    drop_unfinished(anywhere, CUTOFF)


def test_a_snapshot_that_was_altered_is_not_read(tmp_path, read):
    warehouse = Warehouse(tmp_path / "warehouse")
    keep(warehouse, *read)
    what = find_unfinished(warehouse, CUTOFF)
    (warehouse.snapshots / what.snapshot / "y.npy").write_bytes(b"torn")

    with pytest.raises(NightcastError, match="was altered"):
        read_unfinished(warehouse, CUTOFF, what)
