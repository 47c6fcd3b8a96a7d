"""The rules of the layout that no linter knows."""

import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
HEAVY = {
    "deltalake",
    "great_expectations",
    "keras",
    "matplotlib",
    "pandas",
    "prefect",
    "pyarrow",
    "tensorflow",
}
# What belongs to one machine. Each is interrupted by brackets, so that it does not match itself.
PRIVATE = re.compile(
    rb"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|deb[.]debian"
    rb"|--(extra-)?index-url[ =]|--find-links[ =]"
    rb"|[\"'` (=:](/work|/root|/home|/Users)/\w"
)


@cache
def installed_packages():
    return packages_distributions()


@pytest.mark.parametrize("package", [*PACKAGES, "benchmarks"])
def test_no_dependency_claims_our_name(package):
    """Our top-level names are plain words, so somebody else's wheel may bring them too."""
    owners = installed_packages().get(package, [])

    assert set(owners) <= {PYPROJECT["project"]["name"]}


@pytest.mark.parametrize("module", sorted((ROOT / "flows").glob("[!_.]*")), ids=lambda p: p.stem)
def test_no_flow_file_hides_a_module(module):
    """Prefect puts flows/ itself first on sys.path when an entrypoint is a file path."""
    taken = sys.stdlib_module_names | installed_packages().keys() | set(PACKAGES)

    assert module.stem not in taken


@pytest.mark.parametrize("package", [*PACKAGES, "benchmarks"])
def test_no_test_outlives_its_module(package):
    """tests/ mirrors the packages, file by file; a test may also speak for a whole folder."""
    tests = (path.relative_to(ROOT / "tests") for path in (ROOT / "tests" / package).rglob("*.py"))
    subjects = [path.with_name(path.name.removeprefix("test_")) for path in tests]

    orphans = [
        str(subject)
        for subject in subjects
        if subject.name != "conftest.py"
        and not (ROOT / subject).exists()
        and not (ROOT / subject.with_suffix("")).is_dir()
        and subject.stem != subject.parent.name
    ]
    assert orphans == []


def test_the_command_answers_before_anything_heavy_is_imported():
    script = "import sys, flows.cli; print(*sys.modules, sep='\\n')"

    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert set(answer.stdout.split()) & HEAVY == set()


def test_no_tracked_file_knows_this_machine():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]

    found = {
        str(path.relative_to(ROOT)): match[0].decode()
        for path in paths
        if path.is_file() and (match := PRIVATE.search(path.read_bytes()))
    }
    assert found == {}
