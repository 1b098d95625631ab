import os
from pathlib import Path

import pytest

from stream.shell import cores


@pytest.fixture
def eight(monkeypatch):
    """A process that may run on eight cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def group(root: Path, path: str, **files: str) -> None:
    place = root / path
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / name.replace("__", ".")).write_text(text + "\n")


def own(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "self"
    path.write_text("".join(line + "\n" for line in lines))
    return path


def test_without_limits_the_affinity_decides(eight, tmp_path):
    assert cores.usable_cores(tmp_path / "none", tmp_path) == 8


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8)],
)
def test_a_quota_of_version_2_limits_and_part_of_a_core_counts_for_none(
    eight, tmp_path, quota, expected
):
    group(tmp_path / "fs", "kube/pod", cpu__max=quota)
    assert cores.usable_cores(own(tmp_path, "0::/kube/pod"), tmp_path / "fs") == expected


def test_the_least_quota_on_the_way_up_counts(eight, tmp_path):
    group(tmp_path / "fs", "kube/pod/box", cpu__max="600000 100000")
    group(tmp_path / "fs", "kube", cpu__max="300000 100000")
    assert cores.usable_cores(own(tmp_path, "0::/kube/pod/box"), tmp_path / "fs") == 3


def test_a_container_that_is_told_its_hosts_path_finds_the_limit_at_the_root(eight, tmp_path):
    group(tmp_path / "fs", "", cpu__max="200000 100000")
    assert cores.usable_cores(own(tmp_path, "0::/not/seen/in/here"), tmp_path / "fs") == 2


def test_a_quota_of_version_1_limits(eight, tmp_path):
    group(
        tmp_path / "fs", "cpu,cpuacct/box", cpu__cfs_quota_us="400000", cpu__cfs_period_us="100000"
    )
    group(tmp_path / "fs", "memory/box", cpu__cfs_quota_us="100000", cpu__cfs_period_us="100000")
    lines = ("5:memory:/box", "4:cpu,cpuacct:/box", "0::/")
    assert cores.usable_cores(own(tmp_path, *lines), tmp_path / "fs") == 4


def test_no_quota_of_version_1_is_minus_one(eight, tmp_path):
    group(tmp_path / "fs", "cpu", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    assert cores.usable_cores(own(tmp_path, "1:cpu:/"), tmp_path / "fs") == 8
