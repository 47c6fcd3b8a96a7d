"""The best of a study becomes a new spec, or nothing does."""

from pathlib import Path

import pytest
import yaml

from data_contracts.errors import RefusedError, SpecError
from data_contracts.search import Space
from data_contracts.spec import load_spec
from data_contracts.study import Tuned
from tasks.search import Search, Target, choose_folds, open_study
from tasks.stores.studies import Budget
from tasks.stores.study_files import NEW_SPEC, RESULT
from tasks.tuned import write_down

RANGES = {"training.members": [1, 2, 4]}


@pytest.fixture
def work_of(tonight_of, walks, tmp_path):
    """Builds a study whose trials had these losses, the first of the spec as it is."""

    def build(*losses, target=None, overwrite=False, asked_as_of=False, by="time"):
        tonight = tonight_of(tuning={"ranges": RANGES, "by": by})
        path = tmp_path / "spec.yaml"
        fields = tonight.spec.model_dump(mode="json", exclude_unset=True, exclude={"name"})
        path.write_text("# for the planners\n" + yaml.safe_dump(fields))
        search = Search(
            tonight,
            str(path),
            Space.of(tonight.spec),
            Budget(trials=4),
            Target(target, overwrite),
            asked_as_of=asked_as_of,
        )
        work = open_study(search, walks, tmp_path / "5ca1ab1e", choose_folds(tonight, walks))
        for loss in losses:
            claim = work.study.claim()
            for folds in range(len(work.folds)):
                claim.report([loss] * (folds + 1), "tcn")
            claim.close("complete", wql=loss)
        return work

    return build


def test_the_best_becomes_a_spec_of_the_same_name_with_its_comments(work_of, tmp_path):
    new = tmp_path / "new.yaml"

    tuned = write_down(work_of(0.3, 0.2, 0.4, target=new))

    (key,) = tuned.changes
    written = load_spec(new)
    assert key == "training.members"
    assert written.training.members == tuned.winner.values[key] != 3
    assert written.name == "walks", "it keeps its warehouse, whatever the file is called"
    assert "# for the planners\n" in new.read_text()
    assert new.read_text() == (Path(tuned.folder) / NEW_SPEC).read_text()
    assert tuned.next_command == f"nightcast run {new} --train always"
    assert tuned.gain == pytest.approx(1 / 3)
    assert Path(tuned.report).exists()
    kept = Tuned.from_json((Path(tuned.folder) / RESULT).read_text())
    assert kept == tuned


def test_the_record_says_how_many_series_each_fold_leaves_out(work_of):
    by_time, by_series = write_down(work_of(0.3)), write_down(work_of(0.3, by="series"))

    assert [fold.series for fold in by_time.folds] == [None] * 3
    assert [fold.series for fold in by_series.folds] == [1] * 3
    assert by_series.folder != by_time.folder


def test_a_study_in_the_past_is_judged_in_the_past(work_of):
    tuned = write_down(work_of(0.3, 0.2, asked_as_of=True))

    assert tuned.next_command.endswith("--train always --as-of 2013-10-15T04:00Z")


@pytest.mark.parametrize("losses", [(0.2,), (0.2, 0.3), (0.2, 0.2)], ids=["alone", "best", "equal"])
def test_where_nothing_is_better_nothing_is_written(work_of, tmp_path, losses):
    tuned = write_down(work_of(*losses, target=tmp_path / "new.yaml"))

    assert tuned.winner.as_it_is
    assert (tuned.changes, tuned.written, tuned.next_command) == ({}, (), "")
    assert not (tmp_path / "new.yaml").exists()


def test_what_the_study_wrote_is_replaced_and_nothing_else(work_of, tmp_path):
    new = tmp_path / "new.yaml"
    write_down(work_of(0.3, 0.25, target=new))
    write_down(work_of(0.2, target=new))
    first = new.read_text()

    new.write_text("# edited since\n" + first)
    with pytest.raises(SpecError, match="new.yaml exists already"):
        work_of(target=new)
    write_down(work_of(target=new, overwrite=True))

    assert new.read_text() == first


def test_without_the_spec_as_it_is_there_is_nothing_to_compare_with(work_of):
    with pytest.raises(RefusedError, match="ended after 0 of them; run it again with more"):
        write_down(work_of())
