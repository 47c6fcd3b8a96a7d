import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from data_contracts.study import FoldSpan, Trial, Tuned
from tasks.reporting.study import MAX_TRIALS, markdown, render_study

CUTOFF = datetime(2013, 12, 11, 4, tzinfo=UTC)
DAY = timedelta(days=1)
HOSTILE = "<script>alert('x')</script>&\"|`$_{{ 7 * 7 }}"
NOW = {"training.context_length": 336, "candidates": ("tcn", "transformer")}


def trial_of(number, *losses, **changes):
    values = {"training.context_length": 24 * (number + 1), "candidates": ("tcn",)}
    usual = {
        "number": number,
        "values": NOW if number == 0 else values,
        "as_it_is": number == 0,
        "outcome": "complete",
        "candidate": "tcn",
        "losses": losses,
        "wql": sum(losses) / len(losses) if losses else None,
        "seconds": 61.0,
    }
    return Trial(**{**usual, **changes})


def fold_of(number):
    first = CUTOFF - (60 - 10 * number) * DAY
    return FoldSpan(
        learns_until=first - DAY,
        first_origin=first,
        last_origin=first + 6 * DAY,
        ends=first + 7 * DAY,
        origins=7,
    )


@pytest.fixture
def tuned_of():
    def build(*trials, **changes):
        trials = trials or (trial_of(0, 0.25, 0.35), trial_of(1, 0.2, 0.3))
        best = min((t for t in trials if t.wql is not None), key=lambda t: t.wql)
        values = {} if best.as_it_is else best.values
        usual = {
            "name": "nyc-departures",
            "spec": "spec.yaml",
            "spec_digest": "9c41f0a2be77",
            "snapshot": "b7d1c09e5a3f",
            "code_version": "0.1.0+abc",
            "as_of": CUTOFF,
            "cutoff": CUTOFF,
            "folder": "warehouse/nyc/tuning/x",
            "horizon": 24,
            "num_series": 3,
            "folds": (fold_of(0), fold_of(1)),
            "trials": trials,
            "best": best.number,
            "changes": {key: value for key, value in values.items() if value != NOW[key]},
            "written": ("new.yaml",) if values else (),
            "next_command": "nightcast run new.yaml --train always" if values else "",
            "stopped": "The budget of 2 trials is spent.",
            "report": "warehouse/nyc/tuning/x/report.html",
        }
        return Tuned(**{**usual, **changes})

    return build


class Reader(HTMLParser):
    """Collects what a browser would show, and every address it would fetch."""

    def __init__(self):
        super().__init__()
        self.text, self.addresses, self.scripts = "", [], 0

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.addresses += [v for k, v in attrs if k in {"src", "href", "srcset", "action"}]

    def handle_data(self, data):
        self.text += data


def read(tuned):
    reader = Reader()
    reader.feed(render_study(tuned, timezone="America/New_York"))
    return reader


def test_the_page_says_what_is_better_by_how_much_and_what_to_do(tuned_of):
    text = read(tuned_of()).text

    assert "Trial 1 of 2 is the best: WQL 0.2500 against 0.3000 of the spec as it is, 16.7%" in text
    assert re.search(r"training\.context_length\s*336\s*48", text)
    assert "nightcast run new.yaml --train always" in text
    assert "−20.0%" in text, "the first fold"
    assert "Nothing was put into service or published." in text


def test_where_nothing_is_better_the_page_says_so_and_asks_for_nothing(tuned_of):
    tuned = tuned_of(trial_of(0, 0.2, 0.2), trial_of(1, 0.3, 0.3))

    text = read(tuned).text

    assert "none is better than the spec as it is: WQL 0.2000, mean of 2 folds" in text
    assert "What to do next" not in text
    assert "Nothing to do" in markdown(tuned)


@pytest.mark.parametrize(
    "trial",
    [
        trial_of(2, 0.9, outcome="pruned", wql=None),
        trial_of(2, outcome="failed", why="the loss became nan"),
        trial_of(2, outcome="interrupted", why="it was stopped"),
        trial_of(2, outcome="running"),
        trial_of(2, 9e9, 9e9),
    ],
    ids=lambda trial: trial.outcome,
)
def test_every_end_of_a_trial_is_on_the_page(tuned_of, trial):
    tuned = tuned_of(trial_of(0, 0.25, 0.35), trial_of(1, 0.2, 0.3), trial)

    words = {"complete": "judged", "pruned": "given up"}
    assert words.get(trial.outcome, trial.outcome) in read(tuned).text


def test_the_page_loads_nothing_and_text_of_the_spec_stays_text(tuned_of):
    page = read(tuned_of(name=HOSTILE, spec=HOSTILE, written=(HOSTILE,)))

    assert {address for address in page.addresses if address[0] != "#"} == {"data:,"}
    assert page.scripts == 1
    assert HOSTILE in page.text


def test_the_same_record_gives_the_same_bytes(tuned_of):
    pages = [render_study(tuned_of(), timezone="UTC") for _ in range(2)]

    assert pages[0] == pages[1]


def test_thousands_of_trials_are_not_all_listed(tuned_of):
    trials = [trial_of(number, 0.3, 0.3) for number in range(MAX_TRIALS + 2)]

    assert "2 more trials are in result.json" in read(tuned_of(*trials)).text


def test_the_record_survives_its_file(tuned_of):
    tuned = tuned_of(importances={"candidates": 0.7, "training.context_length": 0.3})

    assert Tuned.from_json(tuned.model_dump_json()).headline == tuned.headline


def test_markdown_ranks_the_trials(tuned_of):
    text = markdown(tuned_of())

    assert text.index("| 1 | 0.2500 |") < text.index("| 0 | 0.3000 | the spec as it is |")


def test_folds_by_series_say_how_many_are_left_out(tuned_of):
    folds = tuple(fold_of(number).model_copy(update={"series": 2}) for number in (0, 1))

    page = render_study(tuned_of(folds=folds), timezone="UTC")

    assert "2 series left out" in page
    assert "judged on days and series that it had not seen" in page
    assert "left out" not in render_study(tuned_of(), timezone="UTC")
