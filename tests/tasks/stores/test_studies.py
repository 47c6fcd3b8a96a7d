"""A study gives every trial out once, whoever asks, and keeps to its budget."""

import json
import subprocess
import sys

import pytest

from data_contracts.errors import SpecError, StorageError
from data_contracts.search import Space
from data_contracts.spec import parse_spec
from tasks.stores import studies
from tasks.stores.locks import FileLock
from tasks.stores.studies import Budget, Study

RANGES = {"training.context_length": [168, 336, 672], "training.members": {"low": 1, "high": 4}}
PLENTY = Budget(trials=100)
NOW = {"training.context_length": 336, "training.members": 3}


def fields(ranges):
    return {
        "source": {"uri": "a.parquet"},
        "calendar": {"frequency": "h"},
        "horizon": 24,
        "tuning": {"ranges": ranges},
    }


@pytest.fixture
def study_of(tmp_path):
    def build(budget=PLENTY, ranges=RANGES, trouble=lambda values: ""):
        return Study(tmp_path / "study", Space.of(parse_spec(fields(ranges))), budget, trouble)

    return build


def finish(claim, *losses):
    for fold in range(len(losses)):
        claim.report(list(losses[: fold + 1]), "tcn")
    claim.close("complete", wql=sum(losses) / len(losses))


def drain(study):
    """Take and finish trials until there are none; the values that were tried."""
    tried = []
    while (claim := study.claim()) is not None:
        tried.append(json.dumps(claim.trial.values))
        finish(claim, 0.1 + len(tried) / 100)
    return tried


def test_the_first_trial_is_the_spec_as_it_is(study_of):
    claim = study_of().claim()

    assert claim.trial.as_it_is
    assert claim.trial.values == NOW


def test_nothing_is_tried_twice_and_everything_once(study_of):
    study = study_of()

    tried = drain(study)

    assert len(tried) == len(set(tried)) == 12
    assert study.stopped == "Every combination of values was tried."


def test_a_spec_outside_of_its_own_ranges_is_tried_first_all_the_same(study_of):
    study = study_of(ranges={"training.members": [1, 2]})

    drain(study)

    values = [trial.values["training.members"] for trial in study.trials()]
    assert values[0] == 3
    assert sorted(values[1:]) == [1, 2]


def test_what_is_running_is_not_given_out_again(study_of):
    study = study_of()

    claims = [study.claim() for _ in range(12)]

    assert len({json.dumps(claim.trial.values) for claim in claims}) == 12
    assert study.claim() is None


def test_what_cannot_be_trained_is_never_proposed(study_of):
    study = study_of(trouble=lambda values: "no" if values["training.members"] > 3 else "")

    assert len(drain(study)) == 9


def test_the_budget_in_trials_counts_those_of_all_and_of_earlier_runs(study_of):
    budget = Budget(trials=4)
    first = study_of(budget)
    finish(first.claim(), 0.2)
    running = first.claim()

    tried = drain(study_of(budget))

    assert len(tried) == 2
    finish(running, 0.2)
    again = study_of(budget)
    assert again.claim() is None
    assert again.stopped == "The budget of 4 trials is spent."
    assert len(drain(study_of(Budget(trials=5)))) == 1


def test_the_budget_in_minutes_counts_the_time_of_trials(study_of):
    study = study_of(Budget(minutes=1e-6))
    first = study.claim()
    finish(first, 0.2)

    assert study.claim() is None
    assert study.stopped.startswith("The budget of 1e-06 minutes is spent")
    assert study_of(Budget(minutes=5)).claim() is not None


def test_the_trial_of_a_process_that_is_gone_is_tried_again_with_its_values(study_of):
    study = study_of()
    finish(study.claim(), 0.2)
    lost = study.claim()
    lost._lock.release()  # as the end of its process does

    again = study_of().claim()

    assert again.trial.values == lost.trial.values
    assert [trial.outcome for trial in study.trials()] == ["complete", "interrupted", "running"]


def test_an_interrupted_trial_does_not_count_and_is_tried_again(study_of):
    study = study_of(Budget(trials=1))
    study.claim().close("interrupted", "it was stopped")

    again = study.claim()

    assert again.trial.as_it_is
    finish(again, 0.2)
    assert study.claim() is None


def test_a_trial_that_is_worse_than_most_is_given_up_but_never_the_spec_as_it_is(study_of):
    study = study_of()
    first = study.claim()
    assert not first.report([9.0], "tcn")
    first.close("complete", wql=9.0)
    for loss in (0.1, 0.2):
        finish(study.claim(), loss, loss)

    hopeless, hopeful = study.claim(), study.claim()

    assert hopeless.report([5.0], "tcn")
    hopeless.close("pruned")
    assert not hopeful.report([0.15], "tcn")
    assert study.trials()[3].outcome == "pruned"
    assert study.trials()[3].losses == (5.0,)


def test_the_same_history_leads_to_the_same_proposal(study_of, tmp_path):
    proposals = []
    for place in ("a", "b"):
        space = Space.of(parse_spec(fields(RANGES)))
        study = Study(tmp_path / place, space, Budget(trials=9), lambda values: "")
        proposals.append(drain(study))

    assert proposals[0] == proposals[1]


def test_importances_say_which_key_made_the_difference(study_of):
    study = study_of()
    while (claim := study.claim()) is not None:
        finish(claim, claim.trial.values["training.members"] / 10)

    found = study.importances()

    assert next(iter(found)) == "training.members"
    assert sum(found.values()) == pytest.approx(1)


def test_importances_of_few_trials_are_none(study_of):
    study = study_of()
    finish(study.claim(), 0.2)

    assert study.importances() == {}


def test_two_processes_share_the_trials_of_one_study(tmp_path, study_of):
    script = (
        "import json, pathlib, sys\n"
        "from data_contracts.search import Space\n"
        "from data_contracts.spec import parse_spec\n"
        "from tasks.stores.studies import Budget, Study\n"
        "space = Space.of(parse_spec(json.loads(sys.argv[2])))\n"
        "study = Study(pathlib.Path(sys.argv[1]), space, Budget(trials=11), lambda values: '')\n"
        "while (claim := study.claim()) is not None:\n"
        "    claim.report([0.2], 'tcn')\n"
        "    claim.close('complete', wql=0.2)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "study"), json.dumps(fields(RANGES))]
    processes = [
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=".") for _ in range(2)
    ]
    for process in processes:
        _, complaints = process.communicate()
        assert process.returncode == 0, complaints

    trials = study_of(Budget(trials=11)).trials()
    assert len({json.dumps(trial.values) for trial in trials}) == len(trials) == 11
    assert [trial.number for trial in trials if trial.as_it_is] == [0]


def test_a_locked_study_is_said_in_one_sentence(study_of, monkeypatch):
    monkeypatch.setattr(studies, "SECONDS_LOCKED", 0.1)
    study = study_of()

    with (
        FileLock(study.folder / "claims.lock", seconds=0),
        pytest.raises(StorageError, match="is locked by another process"),
    ):
        study.claim()


def test_a_damaged_study_is_said_in_one_sentence(study_of):
    study = study_of()
    finish(study.claim(), 0.2)
    journal = study.folder / studies.JOURNAL
    journal.write_text(journal.read_text().replace("{", "[", 3))

    with pytest.raises(StorageError, match="cannot be read.*remove that folder"):
        study_of().claim()


@pytest.mark.parametrize(
    ("ranges", "trouble", "words"),
    [
        pytest.param({"training.members": [3]}, "", "expected a value to try", id="as it is alone"),
        pytest.param(RANGES, "training.members: no", "got training.members: no", id="impossible"),
    ],
)
def test_a_search_without_anything_to_try_is_refused(study_of, ranges, trouble, words):
    study = study_of(ranges=ranges, trouble=lambda values: trouble)

    with pytest.raises(SpecError, match=words):
        study.refuse_unless_there_is_something_to_try()
