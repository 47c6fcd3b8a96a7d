import dataclasses

import numpy as np
import pandas as pd
import pytest

from data_contracts.night import Decision, Night, Score, Stage
from data_contracts.verdicts import Check, Finding, Severity, Verdict
from tasks.reporting.page import Page

LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
CUTOFF = pd.Timestamp("2013-12-11T04:00Z")
HOUR = pd.Timedelta(hours=1)


def batch_of(names, horizon=24):
    leads = np.arange(1, horizon + 1)
    parts = []
    for size, name in enumerate(names, start=1):
        wave = size * (2 + np.sin(leads / 4))
        quantiles = {f"q{100 * level:.0f}": wave + level - 0.5 for level in LEVELS}
        times = pd.DatetimeIndex(CUTOFF + leads * HOUR)
        rows = {"unique_id": name, "cutoff": CUTOFF, "ds": times, "mean": wave, **quantiles}
        parts.append(pd.DataFrame({**rows, "quality": "champion"}))
    return pd.concat(parts, ignore_index=True)


def actuals_of(names, num_steps=72):
    times = CUTOFF - HOUR * np.arange(num_steps)[::-1]
    wave = 2 + np.sin(np.arange(num_steps) / 4)
    parts = [
        pd.DataFrame({"unique_id": name, "ds": pd.DatetimeIndex(times), "y": size * wave})
        for size, name in enumerate(names, start=1)
    ]
    return pd.concat(parts, ignore_index=True)


def score_of(contender, role, version, **numbers):
    usual = {"mase": 0.8, "wql": 0.2, "coverage": 0.75, "nominal_coverage": 0.8, "bias": 0.02}
    return Score(contender=contender, role=role, version=version, **{**usual, **numbers})


def night_of(num_series, **changes):
    decision = Decision(
        outcome="promoted",
        reason="It is better on 14 origins.",
        champion="v2",
        previous="v1",
        origins=14,
    )
    usual = {
        "name": "nyc-departures",
        "spec_digest": "9c41f0a2be77",
        "code_version": "0.1.0+abc",
        "run_id": "run-1",
        "as_of": CUTOFF + HOUR,
        "cutoff": CUTOFF,
        "issued_at": CUTOFF + 2 * HOUR,
        "snapshot": "b7d1c09e5a3f",
        "num_series": num_series,
        "horizon": 24,
        "published": True,
        "model": "attention_lstm",
        "model_version": "v2",
        "qualities": {"champion": 24 * num_series},
        "decision": decision,
        "scores": (
            score_of("seasonal_naive", "baseline", "seasonal_naive"),
            score_of("attention_lstm", "challenger", "v2", mase=0.6, train_minutes=1.5),
            score_of("attention_lstm", "champion", "v1", mase=0.7, wql=0.1),
        ),
        "stages": (Stage(name="train", seconds=75.0),),
    }
    return Night(**{**usual, **changes})


def verdict_of(*found, contract="observations"):
    findings = tuple(
        Finding(
            contract=contract,
            expectation=f"rule-{severity}",
            severity=severity,
            unique_id=unique_id,
            sentence=sentence,
        )
        for severity, unique_id, sentence in found
    )
    broken = tuple(
        Check(
            expectation=f"rule-{severity}",
            title=f"The rule of {severity}",
            severity=severity,
            passed=False,
            offending=1,
        )
        for severity in dict.fromkeys(finding.severity for finding in findings)
    )
    kept = Check(
        expectation="keys", title="Keys are unique", severity=Severity.CRITICAL, passed=True
    )
    return Verdict(contract=contract, checked=(kept, *broken), findings=findings)


@pytest.fixture
def make_page():
    def make(names=("JFK", "LGA"), night=None, **changes):
        page = Page(
            night=night_of(len(names), **(night or {})),
            batch=batch_of(names),
            actuals=actuals_of(names),
            verdicts=(verdict_of(),),
            quantile_levels=LEVELS,
            timezone="America/New_York",
        )
        return dataclasses.replace(page, **changes)

    return make


@pytest.fixture
def refused_page(make_page):
    page = make_page()
    sentence = "The newest observation is 61 steps old where 48 are accepted."
    night = {
        "published": False,
        "model": "",
        "model_version": "",
        "qualities": {},
        "scores": (),
        "decision": Decision(
            outcome="kept", reason=sentence, champion="v1", previous="v1", origins=0
        ),
    }
    return dataclasses.replace(
        page,
        night=night_of(2, **night),
        batch=page.batch.iloc[:0],
        actuals=page.actuals.iloc[:0],
        verdicts=(verdict_of((Severity.CRITICAL, None, sentence)),),
    )


@pytest.fixture
def make_verdict():
    return verdict_of


@pytest.fixture
def make_fans():
    from tasks.reporting.charts import fans

    def make(batch=None, actuals=None, names=("JFK",)):
        batch = batch_of(names) if batch is None else batch
        actuals = actuals_of(names) if actuals is None else actuals
        return fans(batch, actuals, list(names), levels=LEVELS, timezone="Europe/Berlin")

    return make
