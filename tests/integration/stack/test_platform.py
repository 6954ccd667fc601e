"""What a person is told when the platform cannot be brought into the cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.pocket_api import https_cluster
from lightkube import AsyncClient, KubeConfig

from autostack.stack import platform
from autostack.stack.errors import StepError

ROOT = Path(__file__).parents[3]


async def test_a_failure_names_step_cause_log_and_remedy(tmp_path: Path) -> None:
    async with https_cluster(tmp_path / "cluster") as served:
        kubeconfig = KubeConfig.from_file(str(served.kubeconfig))
    setting = platform.Setting(ROOT, tmp_path)
    async with AsyncClient(kubeconfig, trust_env=False) as client:
        with pytest.raises(StepError) as failed:
            await platform.install(client, setting)
        told = str(failed.value)
        assert told.startswith("platform: ")
        assert f"the log is {tmp_path}/pocket/control-plane.log; `autostack up` goes on from here" in told
        with pytest.raises(StepError, match=r"^application: AppProject"):
            await platform.apply_application(client, setting)
