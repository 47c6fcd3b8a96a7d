"""The lock holds what pyproject.toml asks for, pinned and hashed, from no particular place."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
LOCK = (ROOT / "requirements.lock").read_text()
ENTRIES = re.split(r"\n(?=\S)", LOCK.strip())


@pytest.mark.parametrize("wanted", WANTED)
def test_the_lock_holds_an_admitted_version(wanted):
    requirement = Requirement(wanted)
    name = canonicalize_name(requirement.name)

    locked = re.findall(rf"(?m)^{re.escape(name)}==(\S+)", LOCK)

    assert locked, "not in the lock; run `make lock`"
    assert all(requirement.specifier.contains(version) for version in locked)


def test_every_entry_has_one_version_and_hashes():
    form = re.compile(r"[a-z0-9-]+==\S+( ; [^\\]+)? \\\n( +--hash=sha256:[0-9a-f]{64}( \\\n)?)+")

    assert [entry for entry in ENTRIES if not form.fullmatch(entry)] == []


def test_no_entry_says_where_it_comes_from():
    assert re.findall(r"(?m)^-.*|\S*://\S*| @ \S+", LOCK) == []
