"""kube-monkey's labels are read strictly: what cannot be understood is an error that names the label."""

from __future__ import annotations

from typing import Any

import pytest
from chaos_agent.errors import LabelError
from chaos_agent.targets import KillMode, opted_in, read_target

DAY_S = 1000


def _workload(**changes: str | None) -> dict[str, Any]:
    labels: dict[str, str | None] = {
        "enabled": "enabled", "identifier": "worker", "mtbf": "2", "kill-mode": "fixed", "kill-value": "1",
        **{key.replace("_", "-"): value for key, value in changes.items()},
    }  # fmt: skip
    kept = {f"kube-monkey/{key}": value for key, value in labels.items() if value is not None}
    return {"metadata": {"namespace": "n", "name": "w", "uid": "u", "labels": kept}}


def test_the_labels_of_kube_monkey_describe_a_target() -> None:
    target = read_target(_workload(), kind="Deployment", day_s=DAY_S)
    assert (target.identifier, target.mtbf_s, target.mode, target.value) == (
        "worker",
        2000,
        KillMode.FIXED,
        1,
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [("1", 1000), ("90s", 90), ("5m", 300), ("2h", 7200), ("3d", 3000)]
)
def test_a_mean_time_is_days_or_a_duration(text: str, seconds: float) -> None:
    assert read_target(_workload(mtbf=text), kind="Deployment", day_s=DAY_S).mtbf_s == seconds


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("mtbf", "0"), ("mtbf", "-1"), ("mtbf", "soon"), ("mtbf", "1.5"), ("mtbf", "٣"), ("mtbf", None),
        ("kill_mode", "gently"), ("kill_mode", None), ("kill_value", "0"), ("kill_value", "many"),
        ("kill_value", None), ("identifier", None),
    ],
)  # fmt: skip
def test_an_unreadable_label_is_an_error_that_names_it(label: str, value: str | None) -> None:
    with pytest.raises(LabelError, match=f"kube-monkey/{label.replace('_', '-')}"):
        read_target(_workload(**{label: value}), kind="Deployment", day_s=DAY_S)


def test_a_percentage_above_100_is_refused() -> None:
    with pytest.raises(LabelError, match="from 1 to 100"):
        read_target(_workload(kill_mode="fixed-percent", kill_value="101"), kind="Deployment", day_s=DAY_S)


def test_kill_all_needs_no_value() -> None:
    target = read_target(_workload(kill_mode="kill-all", kill_value=None), kind="Deployment", day_s=DAY_S)
    assert target.mode is KillMode.KILL_ALL


@pytest.mark.parametrize(("value", "wanted"), [("enabled", True), ("disabled", False), ("true", False)])
def test_only_the_word_enabled_opts_in(value: str, wanted: bool) -> None:
    assert opted_in({"kube-monkey/enabled": value}) is wanted
