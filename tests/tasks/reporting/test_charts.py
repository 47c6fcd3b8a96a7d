from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from tasks.reporting.charts import choose, png, svg


def test_the_same_fan_gives_the_same_drawing(make_fans):
    assert svg(make_fans()[0]) == svg(make_fans()[0])
    assert png(make_fans()) == png(make_fans())


def test_a_drawing_is_one_element_without_fixed_colours(make_fans):
    drawing = svg(make_fans()[0])

    element = ElementTree.fromstring(drawing)
    assert element.tag == "svg"
    assert len(element.findall("path")) > 5
    assert "#" not in drawing
    assert "var(--hue)" in drawing
    assert "http" not in drawing


def test_a_hostile_name_stays_text(make_fans):
    drawing = svg(make_fans(names=('"><script>alert(1)</script>$x_{$',))[0])

    assert "<script" not in drawing
    assert "script" in ElementTree.fromstring(drawing).attrib["aria-label"]


def test_a_picture_shows_names_as_they_are(make_fans):
    drawn = make_fans(names=("$\\frac{$ not math", "b" * 200, "c", "d"))

    assert png(drawn).startswith(b"\x89PNG")


def test_no_line_bridges_missing_rows(make_fans):
    whole = make_fans()[0]
    table = pd.DataFrame({"unique_id": "JFK", "ds": whole.actual_times, "y": whole.actuals})

    broken = make_fans(actuals=table.drop(index=[5, 6, 30]))[0]

    holes = np.flatnonzero(np.isnan(broken.actuals))
    assert holes.tolist() == [5, 29]
    assert broken.actual_times.is_monotonic_increasing
    assert np.array_equal(np.delete(broken.actuals, holes), np.delete(whole.actuals, [5, 6, 30]))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda table: table.iloc[:0], id="no history"),
        pytest.param(lambda table: table.iloc[-1:], id="one step"),
        pytest.param(lambda table: table.assign(y=np.nan), id="never observed"),
        pytest.param(lambda table: table.assign(y=np.inf), id="infinite"),
        pytest.param(lambda table: table.assign(y=0.0), id="zero"),
        pytest.param(lambda table: table.assign(y=-5e9), id="large and negative"),
        pytest.param(lambda table: table[table.index % 2 == 0], id="every second step"),
        pytest.param(
            lambda table: table.assign(y=table["y"].where(table.index % 2 > 0)), id="holes"
        ),
    ],
)
def test_any_history_can_be_drawn(make_fans, spoil):
    whole = make_fans()[0]
    table = pd.DataFrame({"unique_id": "JFK", "ds": whole.actual_times, "y": whole.actuals})

    drawing = svg(make_fans(actuals=spoil(table))[0])

    ElementTree.fromstring(drawing)
    assert "nan" not in drawing


def test_a_forecast_of_one_step_can_be_seen(make_page, make_fans):
    batch = make_page(names=("JFK",)).batch
    single = batch[batch["ds"] == batch["ds"].min()]

    drawing = ElementTree.fromstring(svg(make_fans(batch=single)[0]))

    bands = [path for path in drawing.findall("path") if "opacity" in path.attrib["style"]]
    assert len(bands) == 2
    for band in bands:
        corners = [float(part) for part in band.attrib["d"].split() if part[0].isdigit()]
        assert max(corners[::2]) - min(corners[::2]) > 1


@pytest.mark.parametrize(
    ("horizon", "frequency"),
    [(14, "D"), (12, "MS"), (8, "W-MON"), (96, "15min"), (3, "YS")],
)
def test_every_frequency_has_a_readable_axis(make_fans, make_page, horizon, frequency):
    times = pd.date_range("2010-01-04", periods=4 * horizon, freq=frequency, tz="UTC")
    rows = make_page(names=("JFK",)).batch.iloc[[0] * horizon].reset_index(drop=True)
    batch = rows.assign(ds=times[-horizon:], cutoff=times[-horizon - 1])
    past = times[:-horizon]
    actuals = pd.DataFrame({"unique_id": "JFK", "ds": past, "y": np.arange(float(len(past)))})

    fan = make_fans(batch=batch, actuals=actuals)[0]

    assert not np.isnan(fan.actuals).any()
    labels = [text.text for text in ElementTree.fromstring(svg(fan)).findall("text")]
    assert 5 <= len(labels) <= 16


def test_substituted_series_are_drawn_before_larger_ones(make_page):
    batch = make_page(names=("small", "middle", "large")).batch
    batch.loc[batch["unique_id"] == "small", "quality"] = "substituted"

    assert choose(batch, limit=2) == ["small", "large"]
