"""The code of docs/accuracy.md does what the page says."""

import re
from pathlib import Path

import pytest

from tests.tasks.conftest import Nights

PAGE = Path(__file__).parents[1] / "docs/accuracy.md"
CODE = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = Nights(tmp_path, name="nyc-departures", warehouse="warehouse")
    for day in range(3):
        place.publish(day, baseline=None if day == 0 else 21.0)
    place.score()
    return place


def test_every_piece_of_code_runs_and_both_give_the_same_scores(place):
    known = {}
    for piece in CODE:
        exec(compile(piece, PAGE.name, "exec"), known)

    assert set(known["by_series"].index) == {"a", "b"}
    assert known["by_lead"].index.tolist() == [1, 2, 3, 4, 5, 6]
    assert known["by_segment"].index.tolist() == ["JFK", "LGA"]
    sql = known["by_airport"].query("airport == 'JFK' and lead == 3").iloc[0]
    rows = place.accuracy().query("airport == 'JFK' and lead == 3")
    assert sql["mase"] == pytest.approx((rows["absolute_error"] / rows["scale"]).mean())
    kept = rows.dropna(subset="baseline_pinball")
    assert sql["baseline_wql"] == pytest.approx(
        kept["baseline_pinball"].sum() / kept["absolute_y"].sum()
    )
