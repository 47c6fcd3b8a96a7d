import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "deployments/images"
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)


def _pins(lock: Path) -> dict[str, set[str]]:
    pins: dict[str, set[str]] = {}
    for name, version in PIN.findall(lock.read_text()):
        pins.setdefault(name, set()).add(version)
    return pins


def test_an_image_installs_the_versions_that_are_tested():
    tested = _pins(ROOT / "requirements.lock")
    for lock in ("cpu.lock", "gpu.lock"):
        for name, versions in _pins(IMAGES / lock).items():
            assert versions <= tested.get(name, versions), f"{lock}: {name}; run make lock"


def test_the_images_hold_everything_that_nightcast_depends_on():
    declared = re.search(
        r"^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.S | re.M
    )
    assert declared
    names = set(re.findall(r'^  "([a-z0-9-]+)', declared[1], re.M))
    assert len(names) > 15
    assert names | {"prefect-kubernetes", "hatchling"} <= set(_pins(IMAGES / "cpu.lock"))


def test_the_gpu_image_adds_cuda_and_nothing_that_the_other_has():
    cpu, gpu = _pins(IMAGES / "cpu.lock"), _pins(IMAGES / "gpu.lock")
    assert not set(cpu) & set(gpu)
    assert {"nvidia-cudnn-cu12", "nvidia-cublas-cu12"} <= set(gpu)


@pytest.mark.parametrize("lock", ["cpu.lock", "gpu.lock"])
def test_a_lock_names_hashes_and_no_address(lock: str):
    text = (IMAGES / lock).read_text()
    assert "://" not in text
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_dockerfile_passes_its_linter():
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run(
        [hadolint, IMAGES / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


def test_what_the_dockerfile_copies_is_there_and_not_ignored():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (IMAGES / "Dockerfile").read_text(), re.M)
    sources = {source for line in copied for source in line.split()}
    kept = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.M))
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in kept, source


def test_the_dockerfile_takes_along_every_package_of_the_wheel():
    wheel = re.search(
        r"targets\.wheel\]\npackages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.S
    )
    assert wheel
    copied = (IMAGES / "Dockerfile").read_text()
    for package in re.findall(r'"(\w+)"', wheel[1]):
        assert f"COPY {package} {package}\n" in copied
