"""The shipped dashboards are what the code makes, and every query in them is PromQL."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from autostack.observability.dashboards.shipping import FILE, config_map, dashboards

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def boards() -> dict[str, Any]:
    return {name: json.loads(content) for name, content in dashboards().items()}


def queries(boards: dict[str, Any]) -> list[str]:
    return [
        target["expr"]
        for board in boards.values()
        for panel in board["panels"]
        for target in panel.get("targets") or ()
    ]


def test_the_shipped_file_is_what_the_code_makes() -> None:
    assert (ROOT / FILE).read_text() == config_map(dashboards()), "run: autostack dashboards"


def test_grafanas_sidecar_finds_it_and_the_json_survives_yaml(boards: dict[str, Any]) -> None:
    manifest = yaml.safe_load((ROOT / FILE).read_text())
    assert manifest["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert {name: json.loads(content) for name, content in manifest["data"].items()} == boards


def test_it_shows_what_the_mission_names(boards: dict[str, Any]) -> None:
    text = " ".join(queries(boards))
    for part in (
        "traffic_sender_tps",
        "worker_calculation_duration_seconds_bucket",
        "0.95",
        "node_cpu_seconds_total",
        "node_memory_MemAvailable_bytes",
        "service:http_errors:ratio",
        "up{",
    ):
        assert part in text


def test_every_query_is_promql(boards: dict[str, Any], tmp_path: Path) -> None:
    rules = [{"record": f"q{number}", "expr": expr} for number, expr in enumerate(queries(boards))]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "q", "rules": rules}]}))
    program = shutil.which("promtool")
    assert program, "promtool is missing; apt-get install prometheus"
    done = subprocess.run(
        [program, "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_recorded_name_that_a_query_uses_is_recorded(boards: dict[str, Any]) -> None:
    rule = yaml.safe_load((ROOT / "argocd" / "monitoring" / "rules.yaml").read_text())
    recorded = {
        one["record"] for group in rule["spec"]["groups"] for one in group["rules"] if "record" in one
    }
    used = {name for expr in queries(boards) for name in re.findall(r"[a-z_]+(?::[a-z0-9_]+)+", expr)}
    assert used
    assert used <= recorded


def test_panels_do_not_overlap(boards: dict[str, Any]) -> None:
    for board in boards.values():
        taken: dict[tuple[int, int], str] = {}
        for panel in board["panels"]:
            if panel["type"] == "row":
                continue
            place = panel["gridPos"]
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    assert (x, y) not in taken, (panel["title"], taken.get((x, y)))
                    taken[x, y] = panel["title"]


def test_hosts_are_measured_alike_on_k3s_and_often_enough_for_every_rate(boards: dict[str, Any]) -> None:
    pocket = yaml.safe_load_all((ROOT / "src/autostack/observability/manifests/prometheus.yaml").read_text())
    (here,) = (one["spec"]["podMetricsEndpoints"] for one in pocket if one["kind"] == "PodMonitor")
    values = yaml.safe_load((ROOT / "argocd/values/kube-prometheus-stack.yaml").read_text())
    there = values["prometheus-node-exporter"]["prometheus"]["monitor"]
    assert {name: there[name] for name in ("interval", "relabelings")} == {
        name: here[0][name] for name in ("interval", "relabelings")
    }
    windows = [
        int(found)
        for query in queries(boards)
        for found in re.findall(r"node_\w+(?:\{[^}]*\})?\[(\d+)s\]", query)
    ]
    assert windows
    assert min(windows) >= 4 * int(there["interval"].removesuffix("s"))
