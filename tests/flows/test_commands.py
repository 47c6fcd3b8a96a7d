"""What the commands say about a night that was published, to people and to programs."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from flows.cli import app
from flows.commands import check

AS_OF = "2024-03-01T00:00Z"


def invoke(*arguments):
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def spec(waves, prefect_backend):
    path = str(waves / "spec.yaml")
    if not (waves / "warehouse").exists():
        done = invoke("run", path, "--as-of", AS_OF, "--train", "never")
        assert done.exit_code == 0, done.output
        assert "from the baseline seasonal_naive" in done.stdout
        assert "report.html" in done.stdout
    return path


def test_forecasts_are_shown_and_written(spec, tmp_path):
    shown = invoke("forecasts", spec)
    as_json = invoke("forecasts", spec, "--cutoff", "2024-02-29T23:00Z", "--json")
    for name in ("batch.parquet", "batch.csv"):
        assert invoke("forecasts", spec, "-o", str(tmp_path / name)).exit_code == 0

    assert "[b]" in shown.stdout
    assert "12 rows" not in shown.stdout, "all rows fit, so none is announced as missing"
    rows = json.loads(as_json.stdout)
    assert len(rows) == 2 * 6
    assert {row["quality"] for row in rows} == {"baseline"}
    assert len(pd.read_parquet(tmp_path / "batch.parquet")) == len(rows)
    assert len(pd.read_csv(tmp_path / "batch.csv")) == len(rows)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--cutoff", "2024-01-15"], "2024-02-29", id="names a cutoff that exists"),
        pytest.param(["--level", "airport"], "has no totals", id="no totals"),
        pytest.param(["-o", "batch.xlsx"], "ends in .parquet or .csv", id="unknown kind of file"),
        pytest.param(["-o", "no/such/folder/b.csv"], "cannot be written", id="no such folder"),
    ],
)
def test_forecasts_that_cannot_be_shown_are_explained(spec, arguments, words):
    result = invoke("forecasts", spec, *arguments)

    assert result.exit_code in (1, 2)
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_forecasts_never_replace_what_they_were_made_from(spec, waves):
    before = (waves / "in.parquet").read_bytes()

    result = invoke("forecasts", spec, "-o", str(waves / "in.parquet"))

    assert result.exit_code == 2
    assert "source of this spec" in result.stderr
    assert (waves / "in.parquet").read_bytes() == before


def test_no_secret_of_a_uri_is_printed(spec, tmp_path):
    fields = yaml.safe_load(Path(spec).read_text()) | {"warehouse": "s3://key:SECRET@bucket/folder"}
    path = tmp_path / "secret.yaml"
    path.write_text(yaml.safe_dump(fields))

    result = invoke("run", str(path), "--as-of", AS_OF)

    assert result.exit_code == 2
    assert "SECRET" not in result.output


def test_the_report_is_found(spec):
    latest = json.loads(invoke("report", spec, "--json").stdout)["report"]
    by_cutoff = invoke("report", spec, "--cutoff", "2024-02-29T23:00Z")

    assert latest == by_cutoff.stdout.strip()


def test_without_a_champion_the_baseline_is_named(spec):
    assert "the baseline seasonal_naive" in invoke("champion", spec).stdout
    answer = json.loads(invoke("champion", spec, "--json").stdout)
    assert (answer["champion"], answer["history"]) == (None, [])


def test_a_proposed_spec_passes_the_check(waves, tmp_path):
    path = tmp_path / "proposed.yaml"

    proposed = invoke("init", str(waves / "in.parquet"), "-o", str(path))
    again = invoke("init", str(waves / "in.parquet"), "-o", str(path))
    checked = invoke("check", str(path), "--as-of", AS_OF)
    printed = invoke("init", str(waves / "in.parquet"))

    assert proposed.exit_code == 0, proposed.output
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert checked.exit_code == 0, checked.output
    assert yaml.safe_load(printed.stdout) == yaml.safe_load(path.read_text())


HOSTILE = "b\x1b[2J\n\x00"


@pytest.mark.flow
def test_names_reach_people_without_control_characters_and_programs_as_they_are(
    waves, tmp_path, prefect_backend
):
    rows = pd.read_parquet(waves / "in.parquet").replace({"unique_id": {"[b]": HOSTILE}})
    rows.loc[rows.index[[-100, 100]], "y"] = float("inf")
    stopped = rows[rows["unique_id"] == HOSTILE].assign(unique_id=f"{HOSTILE}2").iloc[:-200]
    pd.concat([rows, stopped]).to_parquet(tmp_path / "in.parquet", index=False)
    fields = yaml.safe_load((waves / "spec.yaml").read_text())
    fields |= {"warehouse": str(tmp_path), "source": {"uri": str(tmp_path / "in.parquet")}}
    fields["contracts"] = {"max_quarantine_share": 0.5}
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(fields))

    answers = [
        invoke("check", str(path), "--as-of", AS_OF),
        invoke("run", str(path), "--as-of", AS_OF, "--train", "never"),
        invoke("forecasts", str(path)),
        invoke("check", str(path), "--as-of", "2024-05-01"),
        invoke("check", str(path), "--as-of", "2024-05-01", "--verbose"),
    ]
    rows = json.loads(invoke("forecasts", str(path), "--json").stdout)

    assert [answer.exit_code for answer in answers] == [0, 0, 0, 1, 1], answers[1].output
    for answer in answers:
        assert not re.search("[\x00-\x09\x0b-\x1f]", answer.output)
    for answer in answers[:3]:
        assert "b\ufffd[2J\ufffd\ufffd" in answer.output
    said = answers[1].stderr
    assert "set aside b\ufffd[2J\ufffd\ufffd2: its last value" in said, "the name is said once"
    assert "warning a: 1 values are infinite and set aside; so in 2 series." in said
    assert {row["unique_id"] for row in rows} == {"a", HOSTILE, f"{HOSTILE}2"}
    assert "\ufffd\ufffd2" in next(tmp_path.glob("*/runs/*/report.html")).read_text()


@pytest.fixture
def gap(waves, spec, tmp_path):
    """The spec after a night on which every rule held, with a series that stopped since."""
    rows = pd.read_parquet(waves / "in.parquet")
    stopped = (rows["unique_id"] == "[b]") & (rows["ds"] > "2024-02-20")
    rows[~stopped].to_parquet(tmp_path / "in.parquet", index=False)
    fields = yaml.safe_load(Path(spec).read_text())
    fields["source"]["uri"] = str(tmp_path / "in.parquet")
    fields["contracts"] = {"max_quarantine_share": 0.5}
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(fields))
    return str(path)


def test_a_check_shows_what_is_broken_since_when_and_how_it_was_before(gap, monkeypatch):
    answers = {}
    for width in (80, 200):
        monkeypatch.setattr(check, "OUT", Console(highlight=False, width=width))
        answers[width] = invoke("check", gap, "--as-of", "2024-03-01T01:00Z")

    for width, answer in answers.items():
        assert answer.exit_code == 0, answer.output
        assert "new tonight" in answer.stdout
        assert "·■" in answer.stdout
        assert "[b] (new tonight) its last value" in answer.stdout
        rows = [line for line in answer.stdout.splitlines() if line[:1] in "✓■"]
        assert max(map(len, rows)) <= width
    assert "≤ 48" in answers[200].stdout


def test_a_check_says_which_night_it_could_not_read(gap):
    fields = yaml.safe_load(Path(gap).read_text())
    torn = Path(fields["warehouse"]) / fields["name"] / "runs" / "20240229T2200"
    torn.mkdir()
    (torn / "validation.json").write_text("{")

    answer = invoke("check", gap, "--as-of", "2024-03-01T01:00Z")
    shutil.rmtree(torn)

    assert "Left out of the history: 2024-02-29 22:00 UTC: it is no verdict." in answer.stdout


def test_a_check_tells_a_program_everything(gap, spec):
    answer = json.loads(invoke("check", gap, "--as-of", "2024-03-01T01:00Z", "--json").stdout)

    alive = next(check for check in answer["checks"] if check["expectation"] == "alive")
    cutoffs = ["2024-02-29T23:00:00+00:00", "2024-03-01T00:00:00+00:00"]
    assert answer["status"] == "quarantine"
    assert answer["nights"] == cutoffs
    assert (alive["comparison"], alive["bound"], alive["setting"]) == ("at most", 48, "max_age")
    assert (alive["offending"], alive["examples"]) == (1, ["[b]"])
    assert (alive["since"], alive["history"]) == (cutoffs[1], ["kept", "quarantine"])
    assert [one["unique_id"] for one in answer["quarantine"]] == ["[b]"]
    assert answer["quarantine"][0]["since"] == cutoffs[1]


def test_a_check_of_a_night_that_stops_says_so_in_its_status(gap):
    answer = invoke("check", gap, "--as-of", "2024-04-01", "--json")

    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["status"] == "critical"


def test_a_check_of_a_source_that_cannot_be_read_says_so_like_a_broken_rule(gap):
    path = Path(yaml.safe_load(Path(gap).read_text())["source"]["uri"])
    pd.read_parquet(path).assign(y="many").to_parquet(path, index=False)

    shown = invoke("check", gap, "--as-of", "2024-03-01T01:00Z")
    answer = invoke("check", gap, "--as-of", "2024-03-01T01:00Z", "--json")

    told = json.loads(answer.stdout)
    assert shown.exit_code == answer.exit_code == 1
    assert [check["expectation"] for check in told["checks"] if not check["passed"]] == ["readable"]
    assert told["status"] == "critical"
    assert "expected numbers in column 'y'" in told["findings"][0]["sentence"]
    assert "expected numbers in column 'y'" in " ".join(shown.output.split())
