import pandas as pd
import pyarrow as pa
import pytest
import yaml

from data_contracts.errors import ContractError, RefusedError
from data_contracts.realised import Scoring
from tasks.score import Done
from tasks.scoring import condense, keep_record, look_back, refuse_untrustworthy
from tasks.stores.forecasts import publish_batch
from tasks.stores.observations import read_observations


@pytest.fixture
def place(nights):
    place = nights()
    place.path = place.folder / "spec.yaml"
    place.path.write_text(yaml.safe_dump(place.spec.model_dump(mode="json", exclude_defaults=True)))
    return place


def test_what_lies_after_all_batches_is_not_read(place):
    for day in (0, 2, 1):
        place.publish(day)

    now = look_back(str(place.path), pd.Timestamp("2030-01-01T00:00Z"))
    then = look_back(str(place.path), pd.Timestamp("2024-03-02T03:30Z"))

    assert now.cutoff == place.cutoff(2) + pd.Timedelta(hours=6)
    assert now.as_of == now.cutoff + pd.Timedelta(hours=1)
    assert then.as_of == pd.Timestamp("2024-03-02T03:30Z")


def test_a_batch_that_reaches_beyond_a_newer_one_is_read_to_its_end(place):
    place.publish(2)
    hour = pd.Timedelta(hours=1)
    rows = place.rows(2)[lambda frame: frame["lead"] == 1].assign(ds=place.cutoff(2) + 2 * hour)
    batch = pa.Table.from_pandas(rows, preserve_index=False)
    same = {"levels": (0.1, 0.5, 0.9), "run_id": "shorter", "token": 1}
    publish_batch(place.warehouse, batch, cutoff=place.cutoff(2) + hour, **same)

    now = look_back(str(place.path), pd.Timestamp("2030-01-01T00:00Z"))

    assert now.cutoff == place.cutoff(2) + 6 * hour


def test_with_the_time_when_rows_became_known_every_instant_may_differ(nights):
    place = nights(available_at="known_at")
    path = place.folder / "spec.yaml"
    path.write_text(yaml.safe_dump(place.spec.model_dump(mode="json", exclude_defaults=True)))
    place.publish(0)

    now = look_back(str(path), pd.Timestamp("2030-01-01T00:00Z"))

    assert now.as_of == pd.Timestamp("2030-01-01T00:00Z")


def test_nothing_published_is_said_before_anything_is_read_or_made(place):
    (place.folder / "observations.parquet").unlink()

    with pytest.raises(RefusedError, match="there is nothing to score"):
        look_back(str(place.path), None)


def judged(place):
    now = place.tonight()
    return now, read_observations(now.spec, now.as_of)


def test_stale_actuals_are_scored_and_those_of_another_unit_are_not(place):
    whole = place.observations
    place.observe(whole[whole["ds"] < place.cutoff(3)])
    refuse_untrustworthy(*judged(place))

    thousandfold = whole["y"].where(whole["ds"] < place.cutoff(8), whole["y"] * 1000)
    place.observe(whole.assign(y=thousandfold))
    with pytest.raises(ContractError, match=r"set aside: 48 .* Nothing was scored\."):
        refuse_untrustworthy(*judged(place))


def test_what_was_found_is_kept_beside_the_newest_night(place):
    for day in range(3):
        place.publish(day)
    done, now = place.score(), place.tonight()

    found = condense.fn(now, done, (None, "The snapshot is gone."))
    path = keep_record.fn(now, found)

    assert path == place.warehouse.run(place.cutoff(2)) / "accuracy.json"
    kept = Scoring.from_json(path.read_text())
    assert kept.model_dump_json() == found.model_dump_json()
    assert kept.headline == "Scored 3 nights anew (36 rows); 0 had not changed."
    assert kept.warnings == ("The snapshot is gone.",)
    assert len(kept.nights) == 3


def test_where_no_actual_is_known_that_is_said(place):
    place.publish(9)
    done = Done(cutoffs=0, rows=0, unchanged=0, waiting=1)

    found = condense.fn(place.tonight(), done, (None, ""))

    assert found.headline == "No actual of a published forecast is known yet."
