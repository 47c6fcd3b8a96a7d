import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import VersionError
from data_contracts.night import Decision, Faithfulness, Night
from data_contracts.verdicts import Finding, Scope, Severity, Verdict
from models.gate.evaluation import evaluate
from models.gate.schedule import Due
from tasks.attention import Looked
from tasks.baselines import Baseline
from tasks.contenders import CHALLENGER, baseline_of, open_contender
from tasks.evaluate import Entry
from tasks.outcome import Outcome, record_of, record_of_refusal
from tasks.progress import LEDGER, Ledger, stage
from tasks.service import Service
from tasks.stores.observations import Extraction
from tasks.train import Trained

DECISION = Decision(outcome="baseline", reason="No proof.", champion=None, previous=None, origins=2)


def finding(severity, sentence, unique_id=None):
    return Finding(
        contract="observations",
        expectation="rule",
        severity=severity,
        unique_id=unique_id,
        sentence=sentence,
    )


def verdict(*findings):
    return Verdict(contract="observations", checked=(), findings=findings)


@pytest.fixture
def known(walks):
    nothing = pd.DataFrame()
    return Extraction(panel=walks, profile=nothing, batch=nothing, examples={}, aside=nothing)


@pytest.fixture
def outcome(tonight_of, walks, known, store):
    tonight = tonight_of()
    service = baseline_of(tonight.spec)
    champion, challenger = (
        open_contender(tonight.warehouse, store(tonight, seed=seed), role)
        for seed, role in enumerate(("champion", CHALLENGER))
    )
    origins = walks.cutoff_slot - np.array([48, 24])
    entries = [
        Entry(each, evaluate(each.forecaster, walks, np.arange(3), origins, season_length=24))
        for each in (service, champion, challenger)
    ]
    return Outcome(
        known=known,
        contract=verdict(
            finding(Severity.WARNING, "Some gaps."), finding(Severity.QUARANTINE, "Ended.", "c")
        ),
        before=Service(None, None, overtaken=False, trouble="Torn."),
        source=Path("snapshots/5ca1ab1e"),
        due=Due(True, "Training, because it was asked for."),
        trained=Trained([challenger], ["One failed."]),
        baseline=Baseline(service, "It is the only one."),
        entries=entries,
        service=service,
        decision=DECISION,
        batch=pd.DataFrame({"unique_id": list("aabbcc"), "quality": ["baseline"] * 6}),
        output=verdict(finding(Severity.WARNING, "High level.")),
        version=3,
    )


def test_the_record_tells_everything_that_somebody_should_know(tonight_of, outcome):
    night = record_of(tonight_of(), outcome)

    assert night.warnings == ("Torn.", "One failed.", "Some gaps.", "High level.")
    assert night.quarantined == {"c": "Ended."}
    assert (night.num_series, night.qualities) == (3, {"baseline": 6})
    assert (night.snapshot, night.version, night.model) == ("5ca1ab1e", 3, "seasonal_naive")
    assert night.headline == (
        "Published 3 series × 24 steps from the baseline seasonal_naive: no model is better."
    )
    assert Night.from_json(night.model_dump_json()) == night


def test_single_rows_that_are_set_aside_are_told_in_one_sentence_per_rule(tonight_of, outcome):
    aside = [("finite", "a"), ("finite", "b"), ("finite", "c"), ("bounds", "c")]
    contract = verdict(
        *(
            finding(Severity.QUARANTINE, f"{name}: 1 value is not {rule}.", name).model_copy(
                update={"scope": Scope.ROWS, "expectation": rule}
            )
            for rule, name in aside
        )
    )

    night = record_of(tonight_of(), replace(outcome, contract=contract))

    assert night.quarantined == {}
    assert night.warnings[2:4] == (
        "a: 1 value is not finite; so in 3 series.",
        "c: 1 value is not bounds.",
    )


def test_the_headline_says_how_many_series_are_substituted(tonight_of, outcome):
    decision = DECISION.model_copy(update={"outcome": "kept"})
    batch = pd.DataFrame({"unique_id": ["a"] * 24 + ["b"] * 24})
    batch["quality"] = np.where(batch["unique_id"] == "a", "substituted", "champion")

    told = record_of(tonight_of(), replace(outcome, decision=decision, batch=batch))

    assert told.headline.endswith("still in service; 1 of them substituted by the baseline.")


def test_the_record_of_an_older_nightcast_is_read_and_that_of_a_newer_one_refused(
    tonight_of, outcome
):
    fields = record_of(tonight_of(), outcome).model_dump(mode="json")
    del fields["schema_version"]

    assert Night.from_json(json.dumps(fields)).published
    with pytest.raises(VersionError, match="The night has the schema version 9, but this"):
        Night.from_json(json.dumps(fields | {"schema_version": 9, "moon": "full"}))


def test_only_who_was_trained_tonight_has_minutes_of_training(tonight_of, outcome):
    minutes = {score.role: score.train_minutes for score in record_of(tonight_of(), outcome).scores}

    assert minutes == {"baseline": None, "champion": None, "challenger": 4.5}


def test_the_record_tells_of_the_test_of_attention_and_of_trouble_with_it(tonight_of, outcome):
    found = Faithfulness(
        series=3, held=1, held_random=1, held_older=None, most=0.1, least=0, random=float("nan")
    )
    looked = Looked("Attention is not known.", found)

    night = record_of(tonight_of(), replace(outcome, looked=looked))

    assert night.faithfulness == found
    assert "Attention is not known." in night.warnings
    assert Night.from_json(night.model_dump_json()).faithfulness.most == 0.1


def test_a_refused_night_says_why_and_published_nothing(tonight_of):
    critical = [finding(Severity.CRITICAL, sentence) for sentence in ("Too old.", "Off grid.")]

    night = record_of_refusal(tonight_of(), verdict(*critical), num_series=3)

    assert not night.published
    assert night.headline == "Nothing was published: Too old. Off grid."


def test_the_record_holds_the_stages_so_far(tonight_of, outcome):
    token = LEDGER.set(Ledger())
    try:
        with stage("extract"):
            pass
        night = record_of(tonight_of(), outcome)
    finally:
        LEDGER.reset(token)

    assert [one.name for one in night.stages] == ["extract"]
