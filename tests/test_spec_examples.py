"""Every example of a spec in README and docs is one that Nightcast takes."""

import re
from pathlib import Path

import pytest

from data_contracts.spec import Spec, parse_spec
from data_contracts.spec_yaml import read_yaml

ROOT = Path(__file__).parents[1]
NEEDED = {
    "name": "sales",
    "source": {"uri": "sales.parquet"},
    "covariates": {"static": ["airport", "carrier"]},
    "calendar": {"frequency": "h"},
    "horizon": 24,
}
EXAMPLES = [
    pytest.param(text, id=f"{page.name}-{number}")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.S))
    if set(read_yaml(text)) <= set(Spec.model_fields)
]


def test_pages_show_examples():
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_is_a_spec(text):
    assert parse_spec(NEEDED | read_yaml(text), origin="spec.yaml")
