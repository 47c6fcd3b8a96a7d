import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
import yaml
from deltalake import DeltaTable

from data_contracts.errors import SpecError, VersionError
from tasks.progress import LEDGER, Ledger, stage
from tasks.stores.specs import read_spec
from tasks.tonight import begin, rehearse

FIELDS = {
    "name": "walks",
    "source": {"uri": "observations.parquet"},
    "calendar": {"frequency": "h", "timezone": "America/New_York"},
    "horizon": 24,
}


@pytest.fixture
def spec(tmp_path):
    def write(**changes):
        path = tmp_path / "spec.yaml"
        fields = FIELDS | {"warehouse": str(tmp_path / "warehouse")} | changes
        path.write_text(yaml.safe_dump(fields))
        return str(path)

    return write


@pytest.fixture(autouse=True)
def _no_ledger_outlives_a_test():
    token = LEDGER.set(None)
    yield
    LEDGER.reset(token)


@pytest.mark.parametrize(
    ("as_of", "cutoff"),
    [
        pytest.param(datetime(2013, 10, 16), "2013-10-16T03:00Z", id="local midnight"),
        pytest.param(datetime(2013, 10, 16, tzinfo=UTC), "2013-10-15T23:00Z", id="with a zone"),
        pytest.param(datetime(2013, 10, 16, 0, 59), "2013-10-16T03:00Z", id="within an hour"),
        pytest.param(datetime(2013, 3, 10, 3), "2013-03-10T06:00Z", id="clocks went forward"),
        pytest.param(datetime(2013, 11, 3, 2), "2013-11-03T06:00Z", id="clocks went back"),
    ],
)
def test_the_cutoff_is_the_last_step_that_is_over(spec, as_of, cutoff):
    assert rehearse(spec(), as_of).cutoff == pd.Timestamp(cutoff)


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        pytest.param(datetime(2013, 3, 9), [24, 23, 24, 24], id="clocks go forward"),
        pytest.param(datetime(2013, 11, 2), [24, 25, 24, 24], id="clocks go back"),
    ],
)
def test_nights_of_a_daily_schedule_are_as_far_apart_as_the_local_days_are_long(spec, day, hours):
    from prefect.server.schemas.schedules import CronSchedule

    daily = CronSchedule(cron="30 2 * * *", timezone="America/New_York")
    midnight = (day - timedelta(days=1)).replace(tzinfo=ZoneInfo("America/New_York"))

    scheduled = asyncio.run(daily.get_dates(5, start=midnight))
    cutoffs = [rehearse(spec(), moment).cutoff for moment in scheduled]

    assert [after - before for before, after in pairwise(cutoffs)] == [
        pd.Timedelta(hours=each) for each in hours
    ]


def test_a_night_that_is_to_come_is_refused_and_nothing_is_written(spec, tmp_path):
    to_come = datetime.now(UTC) + timedelta(hours=1)

    with pytest.raises(SpecError, match="as_of: expected an instant that has come, got .*, and it"):
        begin(spec(), to_come)

    assert not (tmp_path / "warehouse").exists()


def test_without_a_time_it_is_now(spec):
    before = pd.Timestamp.now(UTC)
    tonight = rehearse(spec(), None)
    assert before <= tonight.as_of <= pd.Timestamp.now(UTC)


def test_a_later_run_has_a_higher_token_and_another_name(spec):
    first, second = (begin(spec(), datetime(2013, 10, 16)) for _ in range(2))

    assert first.token < second.token
    assert first.run_id != second.run_id


def test_a_night_opens_its_warehouse_and_its_ledger(spec, tmp_path):
    tonight = begin(spec(), datetime(2013, 10, 16))

    assert (tmp_path / "warehouse/walks").is_dir()
    assert LEDGER.get().folder == tonight.warehouse.run(tonight.cutoff)


def test_a_warehouse_of_a_newer_nightcast_is_refused_before_the_night_begins(spec, tmp_path):
    marked = pa.field("a", pa.string(), metadata={"nightcast.schema_version": "9"})
    DeltaTable.create(tmp_path / "warehouse/walks/registry.delta", schema=pa.schema([marked]))

    with pytest.raises(VersionError, match=r"registry\.delta has the schema version 9, but this"):
        begin(spec(), datetime(2013, 10, 16))


def test_a_rehearsal_writes_nothing(spec, tmp_path):
    LEDGER.set(Ledger(tmp_path / "warehouse/of-an-earlier-night"))

    tonight = rehearse(spec(), datetime(2013, 10, 16), models=["attention_lstm"])
    with stage("extract"):
        pass

    assert tonight.spec.candidates == ("attention_lstm",)
    assert not (tmp_path / "warehouse").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"baseline": ["MSTL", "autoets"]}, "got 'autoets'; did you mean AutoETS", id="baseline"
        ),
        pytest.param({"candidates": ["oracle"]}, "got 'oracle'", id="unknown network"),
        pytest.param({"candidates": ["tcn+"]}, r"joined by \+, got 'tcn\+'", id="half a fusion"),
        pytest.param({"candidates": [""]}, "networks among .*, got ''", id="network without name"),
        pytest.param({"candidates": ["tcn+tcn"]}, r"once, got 'tcn\+tcn'", id="network twice"),
        pytest.param(
            {"candidates": ["tcn+transformer"], "training": {"members": 1}},
            r"training.members: expected at least 2, .* tcn\+transformer, got 1",
            id="network without a member",
        ),
        pytest.param(
            {"training": {"decomposition": {"method": "eemd", "modes": 20}}},
            r"decomposition.modes: expected 2 to \d, .* got 20",
            id="more modes than the context carries",
        ),
        pytest.param({"training": {"device": "gpu"}}, "sees no GPU, got 'gpu'", id="no gpu"),
    ],
)
def test_what_training_would_refuse_is_refused_before_the_night(spec, changes, words):
    with pytest.raises(SpecError, match=words):
        begin(spec(**changes), datetime(2013, 10, 16))


def test_what_a_gpu_worker_sees_is_for_it_to_say(spec):
    assert rehearse(spec(training={"on": "gpu", "device": "gpu"}), None).spec.training.on == "gpu"


def test_a_night_keeps_its_spec(spec, tmp_path):
    tonight = begin(spec(), datetime(2013, 10, 16))

    kept = tmp_path / f"warehouse/walks/specs/{tonight.spec.digest}.yaml"
    assert read_spec(str(kept)) == tonight.spec


def test_a_start_that_does_not_exist_is_refused_before_anything_is_read(spec):
    with pytest.raises(SpecError, match="training.start_from: No model version '20131015T0300-tcn"):
        rehearse(spec(training={"start_from": "20131015T0300-tcn-0a1b2c"}), None)
