import base64
import re

import pytest

from data_contracts.verdicts import Severity
from tasks.reporting import artifacts
from tasks.reporting.artifacts import MAX_BYTES, key, markdown, plain

HOSTILE = "a|b <script>x</script> `c` [d](e) *f*\n# g"


def rows_of(text):
    return [line for line in text.splitlines() if line.startswith("|")]


def test_the_first_lines_are_the_verdict(make_page):
    page = make_page()

    first, _, second = markdown(page).splitlines()[:3]
    assert first == "# Newly promoted"
    assert second == f"**{plain(page.night.headline)}**"


def test_it_stays_small_with_many_series(make_page):
    names = tuple(f"series-{number}" for number in range(300))

    text = markdown(make_page(names=names))

    assert len(text.encode()) < MAX_BYTES
    picture = re.search(r"\(data:image/png;base64,([^)]*)\)", text)[1]
    assert base64.b64decode(picture).startswith(b"\x89PNG")


def test_a_picture_that_would_be_too_large_is_left_out(make_page, monkeypatch):
    monkeypatch.setattr(artifacts, "MAX_BYTES", 10_000)

    text = markdown(make_page())

    assert "base64" not in text
    assert "## Scores" in text


def test_hostile_text_is_neither_markup_nor_a_new_cell(make_page, make_verdict):
    page = make_page(
        names=(HOSTILE,),
        night={"model": HOSTILE, "name": HOSTILE, "quarantined": {HOSTILE: HOSTILE}},
        verdicts=(make_verdict((Severity.WARNING, HOSTILE, HOSTILE)),),
    )

    text = markdown(page).split("![Fan charts]")[0]

    assert not re.search(r"(?<!\\)<", text)
    assert not re.search(r"(?<!\\)`", text)
    assert "\n# g" not in text
    for row in rows_of(text):
        assert len(re.findall(r"(?<!\\)\|", row)) in {3, 4, 7}


def test_what_is_not_known_is_called_so(make_page):
    page = make_page()
    scores = [
        score.model_copy(update={"mase": float("nan"), "wql": float("nan")})
        for score in page.night.scores
    ]

    text = markdown(make_page(night={"scores": tuple(scores)}))

    assert "| n/a" in text
    assert not re.search(r"\bnan\b", text.split("base64")[0])


def test_a_refused_night_has_findings_and_no_picture(refused_page):
    text = markdown(refused_page)

    assert text.startswith("# Refused")
    assert "- **critical** The newest observation is 61 steps old" in text
    assert "base64" not in text


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        pytest.param("nyc-departures", "report-nyc-departures", id="plain"),
        pytest.param("A_b--C", "report-a-b-c", id="capitals"),
    ],
)
def test_a_key_is_lower_case_with_dashes(name, wanted):
    assert key(name) == wanted
