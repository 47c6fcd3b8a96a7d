"""The page about the contracts names every rule, and every threshold of the spec."""

from pathlib import Path

import pytest

from data_contracts.forecasts import COLUMNS_CONTRACT, ROW_RULES
from data_contracts.observation_rules import BATCH_RULES, SERIES_RULES
from data_contracts.spec import Contracts
from data_contracts.verdicts import Scope, Severity

PAGE = (Path(__file__).parents[1] / "docs/contracts.md").read_text(encoding="utf-8")
WORDS = {Severity.CRITICAL: "critical", Severity.WARNING: "warning", Severity.NOTE: "note"}


@pytest.mark.parametrize("rule", [*BATCH_RULES, *SERIES_RULES], ids=lambda rule: rule.name)
def test_every_rule_about_the_input_is_on_the_page_with_what_it_leads_to(rule):
    if rule.name in ("one_batch", "complete_profile", "complete_series_profile"):
        assert f"`{rule.name}`" in PAGE
        return
    (line,) = [
        line
        for line in PAGE.split("## What is published")[0].splitlines()
        if line.startswith("|") and f"`{rule.name}`" in line.split("|")[1]
    ]
    aside = "rows aside" if rule.scope is Scope.ROWS else "quarantine"
    assert line.split("|")[2].strip() == WORDS.get(rule.severity, aside)


@pytest.mark.parametrize("rule", [*COLUMNS_CONTRACT.rules, *ROW_RULES], ids=lambda rule: rule.name)
def test_every_rule_about_a_batch_is_on_the_page(rule):
    assert f"`{rule.name}`" in PAGE.split("## What is published")[1]


@pytest.mark.parametrize("key", Contracts.model_fields)
def test_every_threshold_is_on_the_page(key):
    assert f"`{key}" in PAGE
