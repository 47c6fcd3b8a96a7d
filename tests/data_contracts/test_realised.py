import pandas as pd
import pytest

from data_contracts.errors import VersionError
from data_contracts.realised import Scoring

FIELDS = {
    "name": "nights",
    "spec_digest": "d",
    "code_version": "0.1.0",
    "run_id": "run",
    "as_of": pd.Timestamp("2024-03-02T00:00Z"),
    "cutoff": pd.Timestamp("2024-03-01T00:00Z"),
    "scored": 1,
    "rows": 12,
    "unchanged": 2,
    "waiting": 0,
}
SCORE = {
    "rows": 12,
    "mase": 0.5,
    "wql": 0.1,
    "coverage": 0.8,
    "nominal_coverage": 0.8,
    "bias": 0.0,
    "baseline_mase": float("nan"),
    "baseline_wql": float("nan"),
    "baseline_coverage": float("nan"),
    "gain": float("nan"),
    "model": "lstm",
    "days": 7,
    "nights": 1,
}


def test_a_record_survives_its_json_with_what_is_not_known():
    found = Scoring(**FIELDS, models=(SCORE,))

    again = Scoring.from_json(found.model_dump_json())

    assert again.model_dump_json() == found.model_dump_json()


def test_a_record_of_a_newer_version_is_refused():
    text = Scoring(**FIELDS).model_copy(update={"schema_version": 2}).model_dump_json()

    with pytest.raises(VersionError, match="The scoring has the schema version 2"):
        Scoring.from_json(text)


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ({"models": (SCORE,)}, "Scored 1 night anew (12 rows); 2 had not changed."),
        (
            {"models": (SCORE,), "scored": 0, "waiting": 3},
            "Nothing is new; 2 had not changed, 3 wait for their actuals.",
        ),
        ({}, "No actual of a published forecast is known yet."),
    ],
    ids=["news", "nothing new", "nothing known"],
)
def test_the_headline_says_what_was_done(changes, headline):
    assert Scoring(**FIELDS | changes).headline == headline
