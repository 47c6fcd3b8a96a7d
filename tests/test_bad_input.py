"""Every way to spoil the input ends in one clear sentence, an exit status, and no batch."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from flows.cli import app

AS_OF = "2024-03-01T00:00Z"
GOOD = {
    "calendar": {"frequency": "h"},
    "horizon": 6,
    "training": {"context_length": 48, "members": 1, "max_epochs": 1},
    "gate": {"origins": 5},
}


def observations(series=("a", "b", "c")):
    ds = pd.date_range("2024-02-01", periods=29 * 24, freq="h", tz="UTC", unit="us")
    rng = np.random.default_rng(0)
    wave = 20 + 10 * np.sin(2 * np.pi * np.arange(len(ds)) / 24)
    return pd.concat(
        [
            pd.DataFrame({"unique_id": name, "ds": ds, "y": wave + rng.normal(0, 1, len(ds))})
            for name in series
        ],
        ignore_index=True,
    )


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(place, frame, **changes):
    """Write `in.parquet` and a spec over it; a change of None removes the key."""
    if frame is not None:
        frame.to_parquet(place / "in.parquet", index=False)
    fields = {"name": "spoilt", "source": {"uri": "in.parquet"}, **GOOD, **changes}
    kept = {key: value for key, value in fields.items() if value is not None}
    (place / "spec.yaml").write_text(yaml.safe_dump(kept))


def spoil_rows(change):
    def spoil(place):
        write(place, change(observations()))

    return spoil


def with_y(value, where):
    def change(frame):
        return frame.assign(y=frame["y"].mask(where(frame), value))

    return change


def folder_of_two_zones(place):
    frame = observations()
    folder = place / "in"
    folder.mkdir()
    frame.iloc[:900].to_parquet(folder / "0.parquet", index=False)
    rest = frame.iloc[900:]
    local = rest.assign(ds=rest["ds"].dt.tz_convert("Europe/Berlin"))
    local.to_parquet(folder / "1.parquet", index=False)
    write(place, None, source={"uri": "in"})


def damaged_pages(place):
    write(place, observations())
    path = place / "in.parquet"
    content = bytearray(path.read_bytes())
    content[200:2000] = bytes(1800)
    path.write_bytes(content)


def torn_file(place):
    write(place, observations())
    path = place / "in.parquet"
    path.write_bytes(path.read_bytes()[:1000])


def torn_file_in_folder(place):
    torn_file(place)
    folder = place / "in"
    folder.mkdir()
    (place / "in.parquet").rename(folder / "1.parquet")
    observations().to_parquet(folder / "0.parquet", index=False)
    write(place, None, source={"uri": "in"})


def blocked_warehouse(place):
    (place / "file").write_text("not a folder")
    write(place, observations(), warehouse="file/warehouse")


CASES = [
    pytest.param(lambda place: write(place, None), 2, "no such file", id="no such file"),
    pytest.param(spoil_rows(lambda frame: frame.iloc[:0]), 1, "no rows", id="empty Parquet"),
    pytest.param(
        spoil_rows(lambda frame: frame.drop(columns="y")), 1, "column 'y'", id="missing column"
    ),
    pytest.param(
        spoil_rows(lambda frame: frame.rename(columns={"unique_id": "unique_ids"})),
        1,
        "did you mean 'unique_ids'",
        id="misnamed column",
    ),
    pytest.param(
        spoil_rows(lambda frame: frame.assign(y=frame["y"].map("{:.1f} kWh".format))),
        1,
        "kWh",
        id="text in y",
    ),
    pytest.param(
        spoil_rows(with_y(np.nan, lambda frame: frame["y"].notna())),
        1,
        "no value",
        id="every series is null",
    ),
    pytest.param(
        spoil_rows(with_y(np.nan, lambda frame: frame["unique_id"] == "b")),
        1,
        "b",
        id="one of three series is null",
    ),
    pytest.param(
        spoil_rows(lambda frame: frame.assign(ds=frame["ds"] + timedelta(days=400))),
        2,
        "; try 2",
        id="as_of before the data",
    ),
    pytest.param(
        spoil_rows(lambda frame: frame[frame["ds"] >= "2024-02-28"]),
        1,
        "context_length",
        id="series shorter than one window",
    ),
    pytest.param(
        spoil_rows(lambda frame: pd.concat([frame, frame.assign(y=frame["y"] + 1)])),
        1,
        "have the step of another row",
        id="duplicate keys",
    ),
    pytest.param(
        spoil_rows(lambda frame: frame.assign(ds=frame["ds"] + timedelta(minutes=7))),
        1,
        "00:07",
        id="timestamps off the grid",
    ),
    pytest.param(folder_of_two_zones, 1, "Europe/Berlin", id="mixed time zones"),
    pytest.param(
        spoil_rows(with_y(np.inf, lambda frame: frame.index % 7 == 3)),
        1,
        "infinite, such as a at ",
        id="infinite values",
    ),
    pytest.param(
        lambda place: write(place, observations(), horizn=3),
        2,
        "did you mean 'horizon'",
        id="unknown spec key",
    ),
    pytest.param(
        lambda place: write(place, observations(), horizon=0), 2, "horizon", id="horizon of 0"
    ),
    pytest.param(
        lambda place: (place / "spec.yaml").write_text("horizon: 7\nhorizon: 3\n"),
        2,
        "'horizon' is there twice, in line 2",
        id="a key twice",
    ),
    pytest.param(
        lambda place: write(place, observations(), calendar={"frequency": "h", "timezone": ""}),
        2,
        "expected an IANA name",
        id="no time zone",
    ),
    pytest.param(
        spoil_rows(lambda frame: frame.assign(y=1e9 + frame["y"])),
        1,
        "more than the seven digits",
        id="values too large for their changes",
    ),
    pytest.param(damaged_pages, 1, "got damaged data", id="damaged data"),
    pytest.param(torn_file, 1, "something else or incomplete", id="a torn file"),
    pytest.param(torn_file_in_folder, 1, "in/1.parquet, which", id="a torn file beside a good one"),
    pytest.param(
        spoil_rows(with_y(1e300, lambda frame: frame["y"].notna())),
        1,
        "none within what single precision holds",
        id="values beyond single precision",
    ),
    pytest.param(blocked_warehouse, 2, "warehouse: cannot write", id="unwritable warehouse"),
]


@pytest.mark.parametrize(("spoil", "status", "words"), CASES)
@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.flow
@pytest.mark.usefixtures("prefect_backend")
def test_bad_input_is_refused_in_one_sentence(place, command, spoil, status, words):
    spoil(place)

    result = CliRunner().invoke(app, [command, "spec.yaml", "--as-of", AS_OF])

    if command == "check" and "warehouse" in words:
        assert result.exit_code == 0, "a check writes nothing, so the warehouse does not matter"
        return
    assert result.exit_code == status, result.output
    complaint = [line for line in result.stderr.splitlines() if line.startswith("nightcast: ")]
    assert len(complaint) == 1, result.stderr
    assert words in complaint[0]
    assert "Traceback" not in result.output
    assert not list(Path().glob("warehouse/*/forecasts.delta"))


@pytest.mark.flow
@pytest.mark.usefixtures("prefect_backend")
def test_a_night_on_a_torn_file_is_on_record(place):
    torn_file(place)

    CliRunner().invoke(app, ["run", "spec.yaml", "--as-of", AS_OF])
    answer = CliRunner().invoke(app, ["check", "spec.yaml", "--as-of", AS_OF, "--json"])

    night = json.loads(next(Path().glob("warehouse/*/runs/*/night.json")).read_text())
    assert not night["published"]
    assert "something else or incomplete" in night["decision"]["reason"]
    assert json.loads(answer.stdout)["findings"][0]["expectation"] == "readable"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["run", "none.yaml"], "no such spec file", id="no such spec"),
        pytest.param(["run", "spec.yaml", "--as-of", "soon"], "got 'soon'", id="no such time"),
        pytest.param(["run", "spec.yaml", "--as-of", ""], "got ''", id="an empty time"),
        pytest.param(["check", "spec.yaml", "--as-of", "9999-12-31"], "1901 and", id="too far"),
        pytest.param(["forecasts", "spec.yaml"], "published", id="nothing published yet"),
        pytest.param(["report", "spec.yaml"], "No report", id="no report yet"),
        pytest.param(["init", "none.parquet"], "none.parquet", id="nothing to propose from"),
    ],
)
def test_a_wrong_command_is_refused_in_one_sentence(place, arguments, words):
    write(place, observations())

    result = CliRunner().invoke(app, arguments)

    assert result.exit_code in (1, 2), result.output
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_answer_for_programs_is_json(place):
    write(place, observations())

    result = CliRunner().invoke(app, ["check", "spec.yaml", "--as-of", AS_OF, "--json"])

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["status"] == "passed"
