"""Tell the GitOps controller to look now, in Argo CD's way: the refresh annotation on the Applications.

Best effort: the controller polls as well, so a failure costs minutes and is said in the push's output.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from autostack.pipeline.access import REFUSALS, Access, call

REFRESH = "argocd.argoproj.io/refresh"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"


def request_refresh(kubeconfig: Path) -> str:
    """Annotate every Application; returns one line that says what came of it."""
    if not kubeconfig.is_file():
        return "no cluster yet, so nothing was told to look at this push"
    change = {"metadata": {"annotations": {REFRESH: "normal"}}}
    try:
        access = Access.read(kubeconfig)
        with closing(access.connection()) as connection:
            listed = call(connection, access, "GET", APPLICATIONS)
            names = [one["metadata"]["name"] for one in listed.get("items", ())]
            for name in names:
                call(connection, access, "PATCH", f"{APPLICATIONS}/{name}", change)
    except REFUSALS as error:
        return f"the cluster could not be told ({error}); it will look by itself within minutes"
    return f"asked to look: {', '.join(names)}" if names else "the cluster has no Application yet"
