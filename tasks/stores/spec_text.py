"""The text of a spec with other values at some keys; its comments and its order stay."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from data_contracts.ranges import changed
from data_contracts.spec_yaml import read_yaml

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_+-]*")  # a text that needs no quotes


class NewText(NamedTuple):
    """A spec as text.

    Attributes:
        text: YAML.
        comments_lost: Whether it had to be written anew, without the comments.
    """

    text: str
    comments_lost: bool


def with_values(text: str, values: Mapping[str, Any]) -> NewText:
    r"""Put values into the text of a spec.

    Where a value stands it is replaced, where a key is missing it is put in front of its
    neighbours. A text in which that goes wrong, such as one with anchors, is written anew.

    Args:
        text: YAML, a mapping.
        values: By the path of the key, such as `training.members`.

    >>> with_values("horizon: 24  # a day\ntraining: {seed: 7}\n", {"training.members": 2}).text
    'horizon: 24  # a day\ntraining: {members: 2, seed: 7}\n'
    """
    wanted = _plain(changed(read_yaml(text), values))
    try:
        edited = text
        for key, value in values.items():
            edited = _with_value(edited, key.split("."), value)
        if read_yaml(edited) == wanted:
            return NewText(edited, comments_lost=edited.count("#") < text.count("#"))
    except yaml.YAMLError:
        pass  # what is written anew is right in any case
    anew = yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True)
    return NewText(anew, comments_lost="#" in text)


def _with_value(text: str, path: list[str], value: Any) -> str:
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    colon = 0
    for depth, name in enumerate(path):
        if not isinstance(node, yaml.MappingNode):
            return text
        found = {key.value: (key, held) for key, held in node.value}.get(name)
        if found is None:
            return _inserted(text, node, name, _nested(path[depth + 1 :], value))
        colon, node = found[0].end_mark.index, found[1]
    if node is None:
        return text
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        return text[:colon] + ": " + _flow(value) + text[_end(node) :]
    return text[: node.start_mark.index] + _flow(value) + text[_end(node) :]


def _end(node: yaml.Node) -> int:
    """Where a value ends; YAML counts what stands below a block to it."""
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    return node.end_mark.index


def _inserted(text: str, mapping: yaml.MappingNode, name: str, value: Any) -> str:
    """A key in front of those of a mapping, or as the only one."""
    entry = f"{name}: {_flow(value)}"
    begin = mapping.start_mark.index
    if mapping.flow_style:
        rest = ", " if mapping.value else ""
        return text[: begin + 1] + entry + rest + text[begin + 1 :]
    indent = " " * mapping.start_mark.column
    return text[:begin] + entry + "\n" + indent + text[begin:]


def _nested(path: list[str], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


def _flow(value: Any) -> str:
    """A value in one line: JSON is YAML, and plain words need no quotes.

    >>> _flow(("tcn", "attention_lstm")), _flow({"members": 2}), _flow("median")
    ('[tcn, attention_lstm]', '{members: 2}', 'median')
    """
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(held)}" for key, held in value.items()) + "}"
    if isinstance(value, str) and PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value)


def _plain(value: Any) -> Any:
    """The same in lists and dicts, as YAML reads it."""
    if isinstance(value, Mapping):
        return {key: _plain(held) for key, held in value.items()}
    return [_plain(held) for held in value] if isinstance(value, (list, tuple)) else value
