import pytest

from data_contracts.errors import SpecError
from models.decomposition.settings import (
    METHODS,
    STL_COMPONENTS,
    Decomposition,
    check_decomposition,
)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_a_fortnight_of_hours(method):
    modes = STL_COMPONENTS if method == "stl" else 5

    check_decomposition(Decomposition(method, modes), 336, 24)


@pytest.mark.parametrize(
    ("settings", "context_length", "season_length", "complaint"),
    [
        pytest.param(
            Decomposition("ssa"), 336, 24, "one of vmd, eemd, ceemdan, stl, got 'ssa'", id="unknown"
        ),
        pytest.param(Decomposition("vmd", 43), 336, 24, "2 to 42, .* got 43", id="modes of VMD"),
        pytest.param(Decomposition("eemd", 9), 336, 24, "2 to 8, .* got 9", id="modes of EEMD"),
        pytest.param(Decomposition("ceemdan", 6), 32, 24, "2 to 5, .* got 6", id="of CEEMDAN"),
        pytest.param(Decomposition("vmd", 1), 336, 24, "2 to 42, .* got 1", id="a single mode"),
        pytest.param(Decomposition("vmd", 2), 15, 4, "15 steps is too short", id="short for VMD"),
        pytest.param(Decomposition("eemd", 2), 3, 2, "3 steps is too short", id="short for EEMD"),
        pytest.param(Decomposition("stl", 5), 336, 24, "expected 3 with stl", id="modes of STL"),
        pytest.param(Decomposition("stl", 3), 47, 24, "2 seasons, 48 steps", id="short for STL"),
        pytest.param(Decomposition("stl", 3), 336, 1, "season of 2 steps", id="no season"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    settings, context_length, season_length, complaint
):
    with pytest.raises(SpecError, match=complaint) as caught:
        check_decomposition(settings, context_length, season_length)

    assert str(caught.value).startswith("training.decomposition")
    assert str(caught.value).count(". ") == 0
