"""The YAML that a spec is written in."""

from typing import Any

import yaml

_BOOL, _TEXT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:str"


class _PlainKeys(yaml.SafeLoader):
    """Refuses a key that is there twice, of which YAML would silently take the last.

    And takes a key for the word that it is: `on` would be read as true, as YAML 1.1 has it.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                where = node.value[position][0].start_mark
                raise yaml.YAMLError(f"the key {key!r} is there twice, in line {where.line + 1}")
        return super().construct_mapping(node, deep=deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        for key, _ in node.value:
            if key.tag == _BOOL:
                key.tag = _TEXT


def read_yaml(text: str) -> Any:
    """What a text in YAML says; keys are words, and each is there once.

    Args:
        text: Of a spec.

    Raises:
        yaml.YAMLError: If it is no YAML, or a key of a mapping is there twice.

    >>> read_yaml("training: {on: gpu, log: yes}")
    {'training': {'on': 'gpu', 'log': True}}
    """
    return yaml.load(text, Loader=_PlainKeys)  # a safe loader, two rules stricter
