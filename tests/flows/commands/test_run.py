from pathlib import Path

import pytest

from data_contracts.night import Decision, Faithfulness, Night
from flows.commands.run import _print

FOUND = Faithfulness(
    series=20, held=0.95, held_random=0.9, held_older=0.8, most=0.08, least=0.01, random=0.02
)


def night(**changes):
    return Night(
        **{
            "name": "departures",
            "spec_digest": "9c41f0a2be77",
            "code_version": "0.1.0",
            "run_id": "run",
            **dict.fromkeys(("as_of", "cutoff", "issued_at"), "2013-12-11T04:00Z"),
            "snapshot": "b7d1c09e5a3f",
            "num_series": 20,
            "horizon": 24,
            "published": True,
            "model": "tcn",
            "model_version": "v2",
            "qualities": {"champion": 480},
            "decision": Decision(
                outcome="kept", reason="It is better.", champion="v2", previous="v2", origins=14
            ),
            **changes,
        }
    )


@pytest.mark.parametrize("found", [FOUND, None])
def test_what_came_of_the_test_of_attention_is_printed_where_there_was_one(found, capsys):
    _print(night(faithfulness=found), Path("report.html"), Path("spec.yaml"))

    said = capsys.readouterr().out
    assert ("Attention was put to the test on 20 series" in said) == (found is not None)
    assert "Published 20 series" in said
