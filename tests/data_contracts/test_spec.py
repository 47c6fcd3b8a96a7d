from datetime import timedelta
from typing import get_args

import pytest
from pydantic import ValidationError

from data_contracts.errors import SpecError
from data_contracts.spec import DECILES, LayerGroup, load_spec, parse_spec
from models.networks import GROUPS

THREE_LINES = """\
source: {uri: data/observations.parquet}
calendar: {frequency: h}
horizon: 24
"""


def fields(**changes):
    """The three lines as a mapping; `training__seed=1` sets a nested key, `...` removes one."""
    spec = {
        "source": {"uri": "data/observations.parquet"},
        "calendar": {"frequency": "h"},
        "horizon": 24,
    }
    for path, value in changes.items():
        *sections, key = path.split("__")
        part = spec
        for section in sections:
            part = part.setdefault(section, {})
        part[key] = value
    return {key: value for key, value in spec.items() if value is not ...}


def parse(**changes):
    return parse_spec(fields(**changes))


def complaint(**changes):
    with pytest.raises(SpecError) as refusal:
        parse_spec(fields(**changes), origin="nyc.yaml")
    return str(refusal.value)


def test_three_lines_are_a_spec(tmp_path):
    path = tmp_path / "daily sales.yaml"
    path.write_text(THREE_LINES)
    spec = load_spec(path)
    assert spec.name == "daily-sales", "two specs over one source do not share a warehouse"
    assert (spec.horizon, spec.quantile_levels) == (24, DECILES)
    assert spec.candidates == ("attention_lstm", "multihead_lstm")
    assert (spec.seasons, spec.season_length, spec.context_length) == ((24, 168), 168, 336)
    assert (spec.max_age, spec.max_gap, spec.origin_step) == (48, 168, 24)
    assert spec.grid.timezone == "UTC"


@pytest.mark.parametrize(
    ("frequency", "seasons", "context_length", "max_age"),
    [
        ("15min", (96, 672), 1344, 192),
        ("D", (7,), 56, 2),
        ("B", (5,), 50, 2),
        ("W-MON", (52,), 104, 2),
        ("MS", (12,), 36, 2),
        ("QS", (4,), 16, 2),
        ("YS", (1,), 8, 2),
    ],
)
def test_the_frequency_says_what_the_spec_leaves_open(frequency, seasons, context_length, max_age):
    spec = parse(calendar__frequency=frequency)
    assert (spec.seasons, spec.context_length, spec.max_age) == (seasons, context_length, max_age)


def test_what_the_spec_says_comes_before_what_is_usual():
    spec = parse(
        season_lengths=[168, 24, 8766],
        training={"context_length": 500},
        contracts={"max_age": 0, "max_gap": 9},
        gate={"every": 7},
    )
    assert spec.seasons == (24, 168, 8766)
    assert (spec.context_length, spec.max_age, spec.max_gap, spec.origin_step) == (500, 0, 9, 7)


def test_a_context_holds_two_of_the_longest_seasons():
    assert parse(season_lengths=[24, 500]).context_length == 1000


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("data/observations.parquet", "observations"),
        ("s3://bucket/nyc flights/", "nyc-flights"),
        ("../..", "series"),
    ],
)
def test_a_spec_without_a_name_is_named_after_its_source(uri, name):
    assert parse(source__uri=uri).name == name


def test_a_spec_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        parse().horizon = 48


KEYS = {
    "horizon of 0": ({"horizon": 0}, "horizon: expected a number of at least 1, got 0."),
    "horizon in words": ({"horizon": "ten"}, "horizon: expected a whole number, got 'ten'."),
    "half a horizon": ({"horizon": 1.5}, "horizon: expected a whole number, got 1.5."),
    "horizon of yes": ({"horizon": True}, "horizon: expected no true or false, got True."),
    "empty horizon": ({"horizon": None}, "horizon: expected a whole number, got nothing."),
    "no horizon": ({"horizon": ...}, "horizon: expected a value, got none; add this key."),
    "no source": ({"source": ...}, "source: expected a value, got none; add this key."),
    "source as text": ({"source": "a.parquet"}, "source: expected a mapping, got 'a.parquet'."),
    "empty uri": ({"source__uri": ""}, "source.uri: expected text that is not empty, got ''."),
    "uri as number": ({"source__uri": 3}, "source.uri: expected text, got 3."),
    "unknown key": ({"horzion": 24}, "horzion: unknown key; did you mean 'horizon'?"),
    "unknown nested key": ({"training__sed": 7}, "training.sed: unknown key; did you mean 'seed'?"),
    "unknown strange key": (
        {"source__columns__target": "y"},
        "source.columns.target: unknown key; known here: ds, unique_id, y.",
    ),
    "one column twice": (
        {"source__columns": {"unique_id": "a", "ds": "a"}},
        "source.columns: expected three different columns, got 'a', 'a' and 'y'.",
    ),
    "covariates as text": (
        {"covariates__past": "temp"},
        "covariates.past: expected a list, got 'temp'.",
    ),
    "covariate in two roles": (
        {"covariates": {"past": ["temp"], "known": ["temp"]}},
        "covariates: expected every covariate in one role, got 'temp' in two.",
    ),
    "target as covariate": (
        {"source__columns": {"y": "dep"}, "covariates__past": ["dep"]},
        "covariates.past: expected other columns than those in source.columns, got 'dep'.",
    ),
    "frequency": (
        {"calendar__frequency": "fortnight"},
        "calendar.frequency: expected a pandas offset alias such as h, 15min, D, B, W-MON or MS, "
        "got 'fortnight'.",
    ),
    "timezone": (
        {"calendar__timezone": "Mars"},
        "calendar.timezone: expected an IANA name such as Europe/Berlin, got 'Mars'.",
    ),
    "offset of a step": (
        {"calendar__offset": 60},
        "calendar: expected an offset of less than a step, and none for days and longer steps, "
        "got 60 minutes for steps of h.",
    ),
    "unknown rule for times that occur twice": (
        {"calendar__ambiguous": "first"},
        "calendar.ambiguous: expected 'refuse', 'earliest', 'latest' or 'order', got 'first'.",
    ),
    "season of 0": (
        {"season_lengths": [24, 0]},
        "season_lengths[1]: expected a number of at least 1, got 0.",
    ),
    "levels descend": (
        {"quantile_levels": [0.9, 0.5]},
        "quantile_levels: expected ascending numbers between 0 and 1, got [0.9, 0.5].",
    ),
    "level in percent": (
        {"quantile_levels": [10, 50, 90]},
        "quantile_levels: expected ascending numbers between 0 and 1, got [10, 50, 90].",
    ),
    "no median": (
        {"quantile_levels": [0.1, 0.9]},
        "quantile_levels: expected the median, 0.5, to be among them, got [0.1, 0.9].",
    ),
    "no level": (
        {"quantile_levels": []},
        "quantile_levels: expected ascending numbers between 0 and 1, got [].",
    ),
    "levels of one column": (
        {"quantile_levels": [0.1, 0.1000000000001, 0.5]},
        "quantile_levels: expected levels that differ in their first ten digits, got "
        "[0.1, 0.1000000000001, 0.5].",
    ),
    "candidate twice": (
        {"candidates": ["attention_lstm", "attention_lstm"]},
        "candidates: expected every candidate once, got ['attention_lstm', 'attention_lstm'].",
    ),
    "baseline": ({"baseline": 3}, "baseline: expected a name or a list of names, got 3."),
    "no baseline": ({"baseline": []}, "baseline: expected a name or a list of names, got []."),
    "baseline twice": (
        {"baseline": ["AutoETS", "AutoETS"]},
        "baseline: expected every baseline once, got ['AutoETS', 'AutoETS'].",
    ),
    "when": (
        {"training__when": "sometimes"},
        "training.when: expected 'auto', 'always' or 'never', got 'sometimes'.",
    ),
    "members": (
        {"training__members": 33},
        "training.members: expected a number of at most 32, got 33.",
    ),
    "minutes": (
        {"training__minutes": 0},
        "training.minutes: expected a number above 0, got 0.",
    ),
    "endless minutes": (
        {"training__minutes": float("inf")},
        "training.minutes: expected a finite number, got inf.",
    ),
    "auxiliary target that is no covariate": (
        {"training__auxiliary": ["tmp"], "covariates__past": ["temp", "wind"]},
        "training.auxiliary: expected columns of covariates.past, each once (temp, wind), "
        "got 'tmp'.",
    ),
    "auxiliary target that is known ahead": (
        {"training__auxiliary": ["holiday"], "covariates__known": ["holiday"]},
        "training.auxiliary: expected columns of covariates.past, each once (there are none), "
        "got 'holiday'.",
    ),
    "auxiliary target twice": (
        {"training__auxiliary": ["temp", "temp"], "covariates__past": ["temp"]},
        "training.auxiliary: expected columns of covariates.past, each once (temp), got 'temp'.",
    ),
    "another decomposition": (
        {"training__decomposition": {"method": "vdm"}},
        "training.decomposition.method: expected 'vmd', 'eemd', 'ceemdan' or 'stl', got 'vdm'.",
    ),
    "modes of stl": (
        {"training__decomposition": {"method": "stl", "modes": 5}},
        "training.decomposition: expected modes to be 3 with stl (trend, season and rest), got 5.",
    ),
    "auxiliary target beside components": (
        {
            "training__auxiliary": ["temp"],
            "training__decomposition": {"method": "vmd", "components": "networks"},
            "covariates__past": ["temp"],
        },
        "training: expected no auxiliary targets beside a network per component, which they are "
        "no sum of, got temp; write components: channels.",
    ),
    "alpha": ({"gate__alpha": 0.7}, "gate.alpha: expected a number below 0.5, got 0.7."),
    "share": (
        {"contracts__max_null_share": "half"},
        "contracts.max_null_share: expected a number, got 'half'.",
    ),
    "age": (
        {"contracts__max_age": -1},
        "contracts.max_age: expected a number of at least 0, got -1.",
    ),
    "over before it is late": (
        {"contracts__ended_after": 47},
        "contracts.ended_after: expected at least contracts.max_age, 48 steps, got 47.",
    ),
    "name": (
        {"name": "a/b"},
        "name: expected letters, digits, - and _, because folders are named after it, got 'a/b'.",
    ),
    "start of another kind": (
        {"training__start_from": "champoin"},
        "training.start_from: expected none, pretrained, champion or the name of a version, such "
        "as those that `nightcast champion SPEC` lists, got 'champoin'.",
    ),
    "frozen without a start": (
        {"training": {"start_from": "none", "freeze": ["encoder"]}},
        "training: expected freeze only beside a start, because layers that are frozen from "
        "scratch never learn, got start_from 'none'.",
    ),
    "all frozen": (
        {"training": {"start_from": "champion", "freeze": ["encoder", "attention", "head"]}},
        "training: expected freeze to leave one group of layers to train, got encoder, attention, "
        "head.",
    ),
    "unknown group": (
        {"training": {"start_from": "champion", "freeze": ["decoder"]}},
        "training.freeze[0]: expected 'encoder', 'attention' or 'head', got 'decoder'.",
    ),
    "patch beyond the context": (
        {"training": {"context_length": 48, "patch_length": 49}},
        "training.patch_length: expected at most the context, 48 steps, got 49.",
    ),
    "number without end": (
        {"contracts__max_gap": 1e300},
        "contracts.max_gap: expected a whole number of fewer digits, got 1e+300.",
    ),
    "severity of all": (
        {"contracts__severity": "off"},
        "contracts.severity: expected a mapping, got 'off'.",
    ),
    "warehouse": (
        {"warehouse": ""},
        "warehouse: expected text that is not empty, got ''.",
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), KEYS.values(), ids=KEYS)
def test_a_wrong_key_is_told_with_its_value_and_what_was_expected(changes, sentence):
    assert complaint(**changes) == f"nyc.yaml: {sentence}"


@pytest.mark.parametrize(
    "start", ["none", "pretrained", "champion", "20131015T0300-tcn+transformer-0a1b2c"]
)
def test_a_training_may_start_from_nothing_weights_the_champion_or_a_version(start):
    assert parse(training__start_from=start).training.start_from == start


def test_every_group_that_can_be_frozen_is_one_of_layers():
    assert set(get_args(LayerGroup)) == set(GROUPS)


def test_every_wrong_key_is_told():
    assert complaint(horizon=0, training__when="x", horzion=24) == (
        "nyc.yaml: horizon: expected a number of at least 1, got 0. "
        "training.when: expected 'auto', 'always' or 'never', got 'x'. "
        "horzion: unknown key; did you mean 'horizon'?"
    )


@pytest.mark.parametrize("content", [None, [], "text", 3], ids=str)
def test_what_is_no_mapping_is_no_spec(content):
    with pytest.raises(SpecError, match="^spec: expected a mapping with source, calendar and"):
        parse_spec(content)


def test_a_spec_that_is_not_there_is_proposed(tmp_path):
    with pytest.raises(SpecError, match=r"nyc\.yaml: no such spec file; `nightcast init FILE"):
        load_spec(tmp_path / "nyc.yaml")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"horizon: [24", "expected YAML, got a syntax error: .*line 1"),
        (b"\xff\xfe\x00", "expected a readable YAML file, got"),
        (b"", "expected a mapping with source, calendar and horizon, got NoneType"),
    ],
    ids=["half a list", "no text", "nothing"],
)
def test_a_file_that_is_no_yaml_is_refused(tmp_path, content, sentence):
    path = tmp_path / "nyc.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=rf"nyc\.yaml: {sentence}"):
        load_spec(path)


def test_a_folder_is_no_spec(tmp_path):
    with pytest.raises(SpecError, match="expected a readable YAML file, got"):
        load_spec(tmp_path)


def test_the_digest_does_not_depend_on_where_the_warehouse_is():
    assert parse(warehouse="/a").digest == parse(warehouse="/b").digest


def test_the_digest_does_not_depend_on_what_is_kept_of_attention():
    assert parse(attention={"keep": "none", "checked": 3}).digest == parse().digest


def test_the_digest_does_not_depend_on_where_trainings_run_or_how_long_a_night_waits():
    elsewhere = {"on": "gpu", "queue_minutes": 1, "timeout_minutes": 2}
    assert parse(training=elsewhere).digest == parse().digest


def test_a_password_that_changes_is_the_same_spec():
    one, other = (f"s3://key:{secret}@bucket/a.parquet" for secret in ("old", "new"))
    assert parse(source={"uri": one}).digest == parse(source={"uri": other}).digest


@pytest.mark.parametrize(
    ("training", "minutes"), [({"minutes": 7}, 24), ({"timeout_minutes": 3}, 3)]
)
def test_a_night_waits_longer_than_a_training_may_take(training, minutes):
    assert parse(training=training).training_timeout == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("timeout", "minutes"), [(None, 48), (1, 48), (60, 120)], ids=["usual", "impatient", "patient"]
)
def test_a_night_that_does_not_wait_long_lets_its_training_go_on(timeout, minutes):
    spec = parse(training={"minutes": 7, "timeout_minutes": timeout})
    assert spec.training_limit == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "changes",
    [{"horizon": 25}, {"name": "other"}, {"training__seed": 8}, {"gate__alpha": 0.1}],
    ids=lambda changes: next(iter(changes)),
)
def test_the_digest_depends_on_everything_else(changes):
    assert parse(**changes).digest != parse().digest


def test_one_baseline_is_the_same_alone_and_in_a_list():
    alone, listed = parse(baseline="AutoETS"), parse(baseline=["AutoETS"])

    assert listed == alone
    assert listed.digest == alone.digest
    assert listed.baselines == ("AutoETS",)


def test_several_baselines_keep_their_order():
    assert parse(baseline=["MSTL", "AutoETS"]).baselines == ("MSTL", "AutoETS")


def test_the_digest_does_not_depend_on_how_the_spec_is_written():
    written_out = parse(name="observations", training={"seed": 7}, quantile_levels=list(DECILES))
    assert written_out.digest == parse().digest
    assert len(parse().digest) == 12


@pytest.mark.parametrize(
    ("frequency", "horizon", "days"),
    [
        pytest.param("h", 24, 14, id="a day of hours"),
        pytest.param("D", 28, 112, id="four weeks"),
        pytest.param("W-MON", 4, 112, id="weeks"),
        pytest.param("MS", 3, 365, id="months"),
    ],
)
def test_a_champion_may_serve_four_horizons_and_a_fortnight_at_least(frequency, horizon, days):
    fields = {"source": {"uri": "x"}, "calendar": {"frequency": frequency}, "horizon": horizon}

    assert parse_spec(fields).champion_max_age == timedelta(days=days)
    assert parse_spec(fields | {"training": {"max_age_days": 3}}).champion_max_age.days == 3


def test_what_is_accepted_of_nights_that_are_over_changes_no_forecast():
    assert parse(scoring={"max_loss_ratio": 2, "notify": "slack-webhook/ops"}).digest == (
        parse().digest
    )


def test_when_nights_run_and_who_is_told_changes_no_forecast():
    schedule = {"cron": "0 5 * * *", "scoring": None, "active": False}

    assert parse(schedule=schedule, notify="slack-webhook/ops").digest == parse().digest


def test_a_schedule_that_never_comes_is_refused():
    assert complaint(schedule__cron="3 o'clock") == (
        "nyc.yaml: schedule.cron: expected the five fields of cron, minute hour day month weekday, "
        'as in 30 3 * * *, got "3 o\'clock".'
    )
    assert "schedule.scoring: expected" in complaint(schedule__scoring="0 3 31 2 *")


@pytest.mark.parametrize("key", ["notify", "scoring__notify"])
@pytest.mark.parametrize("notify", ["ops", "https://hooks.example/secret", "slack-webhook/"])
def test_who_is_told_is_the_name_of_a_block_and_no_address(key, notify):
    with pytest.raises(SpecError, match="notify: expected the type and the name") as told:
        parse(**{key: notify})
    assert "secret" not in str(told.value)


def test_the_same_block_is_told_of_bad_nights_unless_another_one_is_named():
    spec = parse(notify="slack-webhook/ops")

    another = parse(notify="slack-webhook/ops", scoring__notify="custom-webhook/accuracy")
    assert spec.told_of_bad_nights == "slack-webhook/ops"
    assert another.told_of_bad_nights == "custom-webhook/accuracy"
    assert parse().told_of_bad_nights is None


STATIC = {"covariates__static": ["airport", "carrier"]}


def test_there_are_no_totals_until_they_are_asked_for():
    assert not parse(**STATIC).hierarchy.is_asked_for
    assert parse(**STATIC, hierarchy={"by": ["airport"]}).hierarchy.is_asked_for
    assert parse(hierarchy={"total": True}).hierarchy.is_asked_for


@pytest.mark.parametrize(
    ("hierarchy", "said"),
    [
        (
            {"by": ["region"]},
            "hierarchy.by: expected columns of covariates.static (airport, carrier), got 'region'.",
        ),
        ({"by": ["airport", "airport"]}, "hierarchy.by: expected every column once, got ['air"),
        ({"by": ["total"]}, "hierarchy.by: expected no column named 'total', the name of the sum"),
        ({"by": True}, "hierarchy.by: expected no true or false, got True."),
        ({"total": "some"}, "hierarchy.total: expected true or false, got 'some'."),
        ({"method": "mint"}, "hierarchy: expected by or total beside method, got no total to"),
        ({"method": "ols"}, "hierarchy.method: expected 'bottom_up' or 'mint', got 'ols'."),
        ({"level": 1}, "hierarchy.level: unknown key"),
    ],
)
def test_a_hierarchy_that_cannot_be_is_refused(hierarchy, said):
    assert said in complaint(**STATIC, hierarchy=hierarchy)


def test_totals_that_are_only_summed_up_are_the_same_spec():
    added_up = parse(**STATIC, hierarchy={"by": ["airport"], "total": True})
    moved = parse(**STATIC, hierarchy={"by": ["airport"], "method": "mint"})
    assert added_up.digest == parse(**STATIC).digest != moved.digest


def test_every_switch_can_be_switched_on():
    assert parse(exports={"csv": True}).exports.csv
    assert parse(exports={"csv": True}).digest == parse().digest
    assert "exports.csv: expected true or false, got 'some'." in complaint(exports={"csv": "some"})


def test_ranges_are_lists_of_values_or_spans_of_whole_numbers():
    ranges = {
        "training.members": {"low": 1, "high": 4},
        "training.context_length": [168, 336],
        "candidates": ["tcn", ["tcn", "transformer"]],
    }
    declared = parse(tuning__ranges=ranges).tuning.ranges

    assert list(declared["training.members"].values) == [1, 2, 3, 4]
    assert declared["training.context_length"] == (168, 336)
    assert declared["candidates"] == ("tcn", ["tcn", "transformer"])


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ({"training.membres": [1]}, "got 'training.membres'; did you mean 'training.members'?"),
        ({"training.seed": [1, 2]}, "expected keys that can be tuned (candidates, training."),
        ({"training.members": []}, "expected a list of values, or low and high, got []"),
        ({"training.members": [2, 2]}, "expected every value once, got 2 twice"),
        ({"training.members": [1, 0]}, "training.members[1]: expected a number of at least 1"),
        ({"training.members": [True]}, "training.members[0]: expected no true or false"),
        ({"training.members": {"low": 0, "high": 4}}, "training.members.low: expected a number of"),
        ({"training.members": {"low": 1, "high": 99}}, "training.members.high: expected a number"),
        ({"training.members": {"low": 3, "high": 3}}, "at least one step of 1 above low, got 3"),
        ({"training.max_epochs": {"low": 1, "high": 9999}}, "at most 1000 values"),
        ({"training.combine": ["mean"]}, "expected 'median' or 'weights', got 'mean'"),
        ({"candidates": ["tcn", []]}, "candidates[1]: expected a network, or a list of them"),
        ({"training.context_length": [[[1]]]}, "expected a value, or a list of values"),
        ([1], "tuning.ranges: expected a mapping, got [1]"),
    ],
)
def test_a_range_is_checked_when_the_spec_is_read(ranges, words):
    assert words in complaint(tuning__ranges=ranges)


def test_the_digest_does_not_depend_on_what_a_search_tries():
    assert parse(tuning__ranges={"training.members": [1, 2]}).digest == parse().digest


def test_folds_by_series_have_no_rolling_window():
    assert parse(tuning__by="series").tuning.by == "series"

    words = "tuning: window: expected expanding where folds are by series"
    assert words in complaint(tuning={"by": "series", "window": "rolling"})
