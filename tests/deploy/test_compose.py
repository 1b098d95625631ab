"""What deploy/ promises exists: commands, variables, metrics, files."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream.shell.metrics import Metrics
from stream.shell.process_metrics import ProcessMetrics

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
ALERTS = ROOT / "tests" / "deploy" / "alerts.yml"
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/shoal.json").read_text(encoding="utf-8"))

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def known_metrics() -> set[str]:
    return {
        family.name + suffix
        for registry in (Metrics().registry, ProcessMetrics().registry)
        for family in registry.collect()
        for suffix in SUFFIXES.get(family.type, ("",))
    }


def named_metrics(expression: str) -> set[str]:
    return set(re.findall(r"(?<![\w:])shoal_\w+", expression))


def variables_that_are_read() -> set[str]:
    """Names that the settings ask the environment for, from the source."""
    files = [ROOT / "stream/shell" / name for name in ("settings.py", "security.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    asked = [
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in {"text", "number", "optional", "flag", "path", "secret"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
    ]
    return {f"SHOAL_{name}" for name in asked}


def host_paths() -> Iterator[str]:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            if volume.startswith("./"):
                yield volume.split(":")[0]


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_that_exists(name: str):
    # A variable that is not set has the default that stands after it, as Compose reads it.
    command = [re.sub(r"\$\{\w+:-(\w+)\}", r"\1", word) for word in OURS[name]["command"]]
    done = subprocess.run(
        [sys.executable, "-m", "stream.cli.main", *command, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    options = [word for word in command if word.startswith("--")]
    assert [option for option in options if option not in done.stdout] == []


def test_every_variable_of_ours_is_one_that_shoal_reads():
    given = {name for service in OURS.values() for name in service["environment"]}
    assert "SHOAL_BROKER" in given
    assert given - variables_that_are_read() == set()


def test_every_service_that_is_waited_for_exists():
    waited = {other for service in SERVICES.values() for other in service.get("depends_on", [])}
    assert waited <= set(SERVICES)


def test_nothing_is_published_beyond_this_machine():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_image_has_a_version():
    images = [s["image"] for s in SERVICES.values() if "build" not in s]
    assert len(images) == 3
    assert [image for image in images if not re.search(r":v?\d+\.\d+\.\d+$", image)] == []


def test_every_mounted_file_exists():
    paths = list(host_paths())
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_prometheus_looks_where_the_worker_listens():
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    (scrape,) = config["scrape_configs"]
    (discovery,) = scrape["dns_sd_configs"]
    assert scrape["job_name"] == "shoal"
    assert discovery["names"] == ["worker"]
    assert str(discovery["port"]) == OURS["worker"]["environment"]["SHOAL_HTTP_PORT"]
    # What it shows is what the token's own service writes, and the worker knows its hash.
    shown = Path(scrape["authorization"]["credentials_file"])
    words = OURS["scrape-token"]["command"]
    assert words[words.index("--out") + 1] == str(shown)
    hashes = OURS["worker"]["environment"]["SHOAL_HTTP_TOKENS_FILE"]
    assert words[words.index("--file") + 1] == hashes
    for service in (SERVICES["prometheus"], OURS["scrape-token"], OURS["worker"]):
        assert any(v.split(":")[:2] == ["tokens", str(shown.parent)] for v in service["volumes"])
    assert all((RULES.parent / name).is_file() for name in config["rule_files"])


def test_every_rule_asks_for_metrics_that_exist():
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    asked = set().union(*(named_metrics(rule["expr"]) for rule in rules))
    assert len(asked) > 15
    assert asked - known_metrics() == set()
    for rule in rules:
        assert set(re.findall(r"shoal:[\w:]+", rule["expr"])) <= recorded
        if "alert" in rule:
            assert set(rule["annotations"]) == {"summary", "description"}
            assert rule["labels"]["severity"] in {"critical", "warning", "info"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize(
    "words",
    [("check", "rules", str(RULES)), ("test", "rules", str(ALERTS))],
    ids=("form", "alerts"),
)
def test_promtool_accepts_the_rules(words: tuple[str, ...]):
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_panel_asks_for_metrics_that_exist():
    targets = [t["expr"] for panel in DASHBOARD["panels"] for t in panel["targets"]]
    asked = set().union(*map(named_metrics, targets))
    assert len(asked) > 15
    assert asked - known_metrics() == set()


def test_panels_have_a_place_of_their_own():
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells


def test_the_image_installs_what_is_locked_and_runs_as_nobody_special():
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    assert all((ROOT / path).exists() for line in sources for path in line.split())
    assert text.count("--require-hashes") == 2
    assert re.search(r"^USER shoal$", text, re.MULTILINE)
    assert 'ENTRYPOINT ["shoal"]' in text
