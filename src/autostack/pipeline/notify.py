"""Tell the GitOps controller to look now, in Argo CD's way: the refresh annotation on the Applications.

Best effort: the controller polls as well, so a failure costs seconds and is said in the push's output.
"""

from __future__ import annotations

from pathlib import Path

REFRESH = "argocd.argoproj.io/refresh"
NAMESPACE = "argocd"


def request_refresh(kubeconfig: Path) -> str:
    """Annotate every Application; returns one line that says what came of it."""
    if not kubeconfig.is_file():
        return "no cluster yet, so nothing was told to look at this push"
    # lightkube takes 130 ms to import, which a push to an origin without a cluster need not wait for.
    import httpx2  # noqa: PLC0415
    from lightkube import ApiError, Client, KubeConfig  # noqa: PLC0415
    from lightkube.core.exceptions import ConfigError  # noqa: PLC0415
    from lightkube.generic_resource import create_namespaced_resource  # noqa: PLC0415
    from lightkube.types import PatchType  # noqa: PLC0415

    application = create_namespaced_resource("argoproj.io", "v1alpha1", "Application", "applications")
    change = {"metadata": {"annotations": {REFRESH: "normal"}}}
    try:
        config = KubeConfig.from_file(str(kubeconfig)).get()
        with Client(config, namespace=NAMESPACE, timeout=httpx2.Timeout(3), trust_env=False) as client:
            found = client.list(application)
            names = [one.metadata.name for one in found if one.metadata and one.metadata.name]
            for name in names:
                # A custom resource knows no strategic merge, which is lightkube's default.
                client.patch(application, name, change, patch_type=PatchType.MERGE)
    except (ApiError, ConfigError, httpx2.HTTPError, OSError, ValueError) as error:
        return f"the cluster could not be told ({error}); it will look by itself within minutes"
    return f"asked to look: {', '.join(names)}" if names else "the cluster has no Application yet"
