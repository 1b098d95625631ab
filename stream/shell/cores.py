"""How many cores this process may use: what the machine has, less affinity and container limits."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP_OF_SELF = Path("/proc/self/cgroup")
_CGROUP_ROOT = Path("/sys/fs/cgroup")


def usable_cores(own: Path = _CGROUP_OF_SELF, root: Path = _CGROUP_ROOT) -> int:
    """Cores that the scheduler gives this process at most, 1 or more.

    The least of its affinity mask and of every CPU quota from its control group up to the root,
    version 1 or 2. Part of a core counts for none: with 2.5 cores, two processes can be busy.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quotas = [quota for place in _places(own, root) if (quota := _quota(place)) is not None]
    return max(1, int(min([float(allowed or 1), *quotas])))


def _places(own: Path, root: Path) -> list[Path]:
    """The control groups that may limit the CPU: its own and all above, of each hierarchy.

    Inside a container its own path may be told as the host sees it; the root is looked at in any
    case, for there the container's limit stands then.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found: list[Path] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in {"", "cpu", "cpu,cpuacct", "cpuacct,cpu"}:
            continue
        top = root / controllers
        group = top / path.lstrip("/")
        found += [place for place in (group, *group.parents) if place.is_relative_to(top)]
    return found


def _quota(place: Path) -> float | None:
    """Cores by this control group's limit; None where it has none."""
    try:
        if (place / "cpu.max").exists():
            quota, period = (place / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota = (place / "cpu.cfs_quota_us").read_text(encoding="utf-8").strip()
            period = (place / "cpu.cfs_period_us").read_text(encoding="utf-8").strip()
        return None if quota in {"max", "-1"} else int(quota) / int(period)
    except (OSError, ValueError):
        return None
