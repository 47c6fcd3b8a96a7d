import pytest
import yaml

from tasks.stores.spec_text import with_values

SPEC = """\
# who reads this
name: sales  # for readers
training:
  # as many as we can afford
  members: 3   # three
  seed: 7
candidates:
- tcn
- attention_lstm

# the end
horizon: 24
"""


def test_values_change_in_their_place_and_everything_else_stays():
    new = with_values(SPEC, {"training.members": 2, "candidates": ("tcn",)})

    assert new.text == SPEC.replace("members: 3 ", "members: 2 ").replace(
        "candidates:\n- tcn\n- attention_lstm", "candidates: [tcn]"
    )
    assert not new.comments_lost


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param(SPEC, {"training.patch_length": 12}, id="a key of a block"),
        pytest.param("horizon: 24 # a day\n", {"training.members": 2}, id="a section"),
        pytest.param("{horizon: 3, training: {}} # x\n", {"training.members": 2}, id="in braces"),
        pytest.param("---\nhorizon: 3 # x\n...\n", {"name": "a b"}, id="a marked document"),
        pytest.param("training: # x\n  seed: 1\n", {"candidates": ("a+b", "c")}, id="a mixture"),
    ],
)
def test_a_missing_key_is_added(text, values):
    new = with_values(text, values)

    wanted = yaml.safe_load(text)
    for key, value in values.items():
        *sections, name = key.split(".")
        part = wanted
        for section in sections:
            part = part.setdefault(section, {})
        part[name] = list(value) if isinstance(value, tuple) else value
    assert yaml.safe_load(new.text) == wanted
    assert not new.comments_lost
    assert new.text.count("#") == text.count("#")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: &usual {members: 1}\ntraining: *usual # x\n", id="an anchor"),
        pytest.param("training:\nhorizon: 3 # x\n", id="an empty section"),
    ],
)
def test_a_text_that_cannot_be_edited_is_written_anew_and_says_so(text):
    new = with_values(text, {"training.members": 2})

    assert yaml.safe_load(new.text)["training"] == {"members": 2}
    assert yaml.safe_load(new.text).get("a", {"members": 1}) == {"members": 1}
    assert new.comments_lost


def test_a_key_that_yaml_has_for_a_switch_stays_the_word_that_it_is():
    new = with_values("training: {on: gpu}  # far away\n", {"training.members": 2})

    assert new.text == "training: {members: 2, on: gpu}  # far away\n"
    assert not new.comments_lost
