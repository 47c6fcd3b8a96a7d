import json

import pandas as pd
import pytest

from data_contracts.night import Decision
from data_contracts.spec import parse_spec
from tasks.lineage import code_version
from tasks.promote import put_into_service, record_decision
from tasks.stores.delta import read_table
from tasks.stores.records import decisions_table
from tasks.stores.registry import ModelVersion, champion, store_model
from tasks.stores.warehouse import Warehouse
from tasks.tonight import Tonight

NIGHT = pd.Timestamp("2013-10-15T03:00Z")
SPEC = {
    "source": {"uri": "observations.parquet"},
    "calendar": {"frequency": "h"},
    "horizon": 24,
}


@pytest.fixture
def tonight(tmp_path):
    return Tonight(
        spec=parse_spec(SPEC),
        warehouse=Warehouse(tmp_path),
        as_of=NIGHT + pd.Timedelta("1h"),
        cutoff=NIGHT,
        issued_at=NIGHT + pd.Timedelta("2h"),
        run_id="run-7",
        token=1,
    )


def test_the_version_of_tonight_goes_into_service(tonight):
    record = ModelVersion(
        model="attention_lstm",
        snapshot="5ca1ab1e",
        spec_digest=tonight.spec.digest,
        seed=7,
        code_version="0.1.0",
        packages={},
        train_cutoff=NIGHT,
        cutoff=NIGHT,
        created_at=NIGHT,
        train_minutes=1.0,
    )
    version = store_model(tonight.warehouse, lambda folder: folder.mkdir(), record).model_version
    put_into_service.fn(tonight, version, expected=None, reason="Nothing was in service.")
    in_service = champion(tonight.warehouse)
    assert (in_service.model_version, in_service.run_id) == (version, "run-7")


def test_the_decision_of_tonight_says_what_was_in_force(tonight):
    decision = Decision(
        outcome="baseline", reason="Nothing is better.", champion=None, previous=None, origins=14
    )
    record_decision.fn(tonight, decision, {"gain": -0.1})
    (row,) = read_table(decisions_table(tonight.warehouse)).to_pylist()
    assert row["cutoff"] == NIGHT.to_pydatetime()
    assert (row["run_id"], row["outcome"]) == ("run-7", "baseline")
    assert (row["spec_digest"], row["code_version"]) == (tonight.spec.digest, code_version())
    assert json.loads(row["numbers"]) == {"gain": -0.1}
