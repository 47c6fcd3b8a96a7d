import pandas as pd
import pytest
from prefect.states import Failed

from data_contracts.errors import RefusedError, SpecError
from data_contracts.spec import parse_spec
from tasks.extract import extract
from tasks.snapshot import snapshot
from tasks.stores.snapshots import load_panel
from tasks.stores.warehouse import Warehouse
from tasks.tonight import Tonight

AS_OF = pd.Timestamp("2024-03-02T00:00Z")


@pytest.fixture
def tonight(tmp_path):
    ds = pd.date_range("2024-03-01", periods=24, freq="h", tz="UTC")
    frame = pd.DataFrame({"unique_id": "a", "ds": ds, "y": range(24)})
    frame.to_parquet(tmp_path / "in.parquet", index=False)
    source = {"uri": str(tmp_path / "in.parquet")}
    return Tonight(
        spec=parse_spec({"source": source, "calendar": {"frequency": "h"}, "horizon": 2}),
        warehouse=Warehouse(tmp_path / "warehouse"),
        as_of=AS_OF,
        cutoff=AS_OF - pd.Timedelta(hours=1),
        issued_at=AS_OF,
        run_id="a-run",
        token=1,
    )


def test_a_night_reads_what_is_known_and_keeps_it(tonight):
    extraction = extract.fn(tonight)
    folder = snapshot.fn(tonight, extraction.panel)

    assert extraction.cutoff == tonight.cutoff
    assert folder.parent == tonight.warehouse.snapshots
    assert load_panel(folder).history(0).tolist() == list(range(24))


@pytest.mark.parametrize("task", [extract, snapshot], ids=["extract", "snapshot"])
@pytest.mark.parametrize(
    ("error", "again"),
    [
        pytest.param(OSError("connection reset"), True, id="the storage failed"),
        pytest.param(RefusedError("bad data"), False, id="the data is wrong"),
        pytest.param(SpecError("no such file"), False, id="the spec is wrong"),
    ],
)
def test_only_failures_of_storage_are_tried_again(task, error, again):
    assert task.retries > 0
    assert task.retry_condition_fn(task, None, Failed(data=error)) is again
