from pathlib import Path

import pytest

from data_contracts.errors import SpecError
from flows.service.plan import plan, read_specs


def by_name(planned):
    return {one.name: one for one in planned}


def test_every_spec_has_its_own_nights_and_scoring(write):
    given = read_specs([write("sales"), write("weather")])

    planned = by_name(plan(given))

    own = {"nightly/sales", "scoring/sales", "nightly/weather", "scoring/weather"}
    assert own <= set(planned)
    assert planned["nightly/weather"].described.parameters == {"spec": "weather.yaml"}
    assert planned["nightly/weather"].described.tags == ("nightcast", "nightly", "weather")


def test_they_run_when_the_spec_says_in_its_time_zone(write):
    given = read_specs([write("sales", "{cron: 0 5 * * 1-5, scoring: null}")])

    planned = by_name(plan(given))

    (night,) = planned["nightly/sales"].described.schedules
    assert (night.cron, night.timezone, night.active) == ("0 5 * * 1-5", "Europe/Berlin", True)
    assert planned["scoring/sales"].described.schedules == ()


def test_a_schedule_that_the_spec_switches_is_another_one(write):
    """So that deploying again can tell it from one that somebody has switched in the UI."""
    slugs = [
        one.described.schedules[0].slug
        for active in ("true", "false")
        for one in plan(read_specs([write("sales", f"{{active: {active}}}")]))[:1]
    ]

    assert slugs == ["night", "night-paused"]


def test_the_form_says_what_parameters_mean(write):
    schema = plan(read_specs([write("sales")]))[0].schema

    assert "a YAML file" in schema["properties"]["spec"]["description"]


def test_the_other_forms_offer_the_specs_that_are_deployed(write):
    given = read_specs([write("sales"), write("weather")])

    planned = by_name(plan(given, ["left.yaml"]))

    backfill = planned["backfill/backfill"]
    assert backfill.described.parameters == {"spec": "sales.yaml"}
    assert backfill.schema["properties"]["spec"]["enum"] == [
        "sales.yaml",
        "weather.yaml",
        "left.yaml",
    ]
    assert "enum" not in planned["nightly/sales"].schema["properties"]["spec"]


def test_what_another_run_starts_may_be_told_of_any_spec(write):
    """A night names the spec as the warehouse has it recorded."""
    planned = by_name(plan(read_specs([write("sales"), write("weather")])))

    assert not planned["training/train"].described.enforce_parameter_schema
    assert not planned["backfill-date/backfill-date"].described.enforce_parameter_schema


def test_two_specs_of_one_name_are_refused(write):
    first, second = write("sales"), write("sales", path="copy.yaml")

    with pytest.raises(SpecError, match=r"copy\.yaml: .* got 'sales', the name of sales\.yaml"):
        read_specs([first, second])


def test_a_spec_that_is_named_twice_is_one(write):
    path = write("sales")

    (one,) = read_specs([path, Path(f"./{path}")])

    assert one.path == "sales.yaml"
