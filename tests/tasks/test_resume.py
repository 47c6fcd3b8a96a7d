import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tasks.extract import extract
from tasks.progress import LEDGER, Ledger
from tasks.resume import come_to_its_end, leave_behind, resume
from tasks.snapshot import snapshot
from tasks.stores.unfinished import UNFINISHED
from tasks.validate import set_aside, validate_input


@pytest.fixture
def died(nights):
    """A source, and a night that has read, judged and kept it, and then died."""
    source = nights()
    tonight = source.tonight()
    known = extract.fn(tonight)
    contract = validate_input.fn(tonight, known)
    folder = snapshot.fn(tonight, set_aside(known.panel, contract))
    leave_behind(tonight, known, contract, folder)
    return source, tonight, known


def again(tonight, **changes):
    """The next run of the same night."""
    LEDGER.set(Ledger())
    return resume.fn(replace(tonight, run_id="again", token=2, **changes))


def test_the_next_run_takes_over_what_was_read_and_says_so(died):
    _, tonight, known = died

    taken = again(tonight, as_of=tonight.as_of + pd.Timedelta(minutes=20))

    np.testing.assert_array_equal(taken.panel.y, known.panel.y)
    assert taken.judged(tonight.spec) == known.judged(tonight.spec)
    assert LEDGER.get().resumed == [
        "extract, validate input and snapshot were taken over from the run of 2024-03-10 00:00 UTC."
    ]


def test_what_was_taken_over_can_be_taken_over_again(died):
    _, tonight, _ = died
    taken = again(tonight)
    leave_behind(tonight, taken, taken.verdict, tonight.warehouse.snapshots / "any")

    assert again(tonight) is not None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param("source", "files", id="the source was written again"),
        pytest.param("spec", "spec digest", id="another spec"),
        pytest.param("code", "code version", id="another version of Nightcast"),
    ],
)
def test_under_other_conditions_the_night_reads_anew_and_says_why(
    died, change, named, caplog, monkeypatch
):
    source, tonight, _ = died
    changes = {}
    if change == "source":
        source.observe(y=3.0)
    elif change == "spec":
        changes["spec"] = tonight.spec.model_copy(update={"horizon": 5})
    else:
        monkeypatch.setattr("tasks.resume.code_version", lambda: "9.9")

    with caplog.at_level(logging.INFO, "nightcast"):
        assert again(tonight, **changes) is None

    assert f"not taken over: other {named}." in caplog.text
    assert LEDGER.get().resumed == []


def test_rows_that_became_known_meanwhile_are_read(nights):
    source = nights(available_at="known")
    source.observe(known=source.observations["ds"])
    tonight = source.tonight()
    known = extract.fn(tonight)
    contract = validate_input.fn(tonight, known)
    leave_behind(tonight, known, contract, snapshot.fn(tonight, known.panel))

    assert again(tonight) is not None
    assert again(tonight, as_of=tonight.as_of + pd.Timedelta(minutes=20)) is None


@pytest.mark.parametrize("file", ["manifest.json", "profile.parquet", "verdict.json"])
def test_what_is_torn_is_passed_over_with_a_line_in_the_log(died, file, caplog):
    _, tonight, _ = died
    path = tonight.warehouse.run(tonight.cutoff) / UNFINISHED / file
    path.write_bytes(path.read_bytes()[:20])

    assert again(tonight) is None

    assert "cannot be read, so the night reads anew" in caplog.text


def test_a_night_that_came_to_its_end_is_run_again_from_the_start(died):
    _, tonight, _ = died

    come_to_its_end(tonight)

    assert again(tonight) is None


def test_trouble_with_keeping_it_is_only_told(died, caplog, monkeypatch):
    _, tonight, known = died

    def full(*_):
        raise OSError("no space")

    monkeypatch.setattr("tasks.resume.keep_unfinished", full)
    monkeypatch.setattr("tasks.resume.drop_unfinished", full)

    leave_behind(tonight, known, known.judged(tonight.spec), tonight.warehouse.snapshots / "any")
    come_to_its_end(tonight)

    assert caplog.text.count("no space") == 2
