"""What a search may change in a spec: keys by their path, and the values that each may take."""

import difflib
from collections.abc import Mapping
from typing import Any

CANDIDATES = "candidates"
TUNABLE = (
    CANDIDATES,
    "training.context_length",
    "training.patch_length",
    "training.members",
    "training.combine",
    "training.max_epochs",
    "training.holt",
)
MOST_VALUES = 1000  # that one range may hold, beyond which it is a slip


def key_trouble(key: object) -> str:
    """What speaks against a key, as the end of a sentence; empty where it can be tuned.

    >>> key_trouble("training.member")
    "got 'training.member'; did you mean 'training.members'?"
    """
    if key in TUNABLE:
        return ""
    close = difflib.get_close_matches(str(key), TUNABLE, n=1, cutoff=0.75)
    return f"got {key!r}" + (f"; did you mean {close[0]!r}?" if close else "")


def is_flat(value: object) -> bool:
    """Whether a value is one that YAML writes in a word, or a list of such."""
    if isinstance(value, (list, tuple)):
        return all(is_flat(each) and not isinstance(each, (list, tuple)) for each in value)
    return value is None or isinstance(value, (str, int, float))


def changed(fields: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a spec with other values at some keys.

    Args:
        fields: As a YAML file has them.
        values: By the path of their key.

    >>> changed({"horizon": 24, "training": {"seed": 7}}, {"training.members": 2})
    {'horizon': 24, 'training': {'seed': 7, 'members': 2}}
    """
    result = dict(fields)
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        if section:
            result[section] = {**(result.get(section) or {}), name: value}
        else:
            result[name] = value
    return result
