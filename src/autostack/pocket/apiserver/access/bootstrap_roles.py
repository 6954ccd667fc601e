"""The roles and bindings that every cluster begins with, as data: for people, for discovery, for system
components.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
GROUP = "rbac.authorization.k8s.io"
READ = ["get", "list", "watch"]
WRITE = ["create", "delete", "deletecollection", "patch", "update"]
ALL = ["*"]
LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
WORKLOADS = {
    "": ["configmaps", "endpoints", "events", "persistentvolumeclaims", "pods", "pods/log", "pods/status",
         "serviceaccounts", "services", "services/status"],
    "apps": ["controllerrevisions", "daemonsets", "daemonsets/status", "deployments", "deployments/scale",
             "deployments/status",
             "replicasets", "replicasets/scale", "replicasets/status", "statefulsets",
             "statefulsets/scale", "statefulsets/status"],
    "autoscaling": ["horizontalpodautoscalers", "horizontalpodautoscalers/status"],
    "batch": ["cronjobs", "cronjobs/status", "jobs", "jobs/status"],
    "discovery.k8s.io": ["endpointslices"],
    "networking.k8s.io": ["ingresses", "ingresses/status", "networkpolicies"],
    "policy": ["poddisruptionbudgets", "poddisruptionbudgets/status"],
    "events.k8s.io": ["events"],
    "coordination.k8s.io": ["leases"],
}  # fmt: skip
READ_ONLY = ("controllerrevisions", "namespaces")


def rule(group: str, resources: list[str], verbs: list[str]) -> Object:
    """One rule over a group's resources."""
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def paths(urls: list[str]) -> Object:
    """Reading of paths that are no resources."""
    return {"nonResourceURLs": urls, "verbs": ["get"]}


def view_rules() -> list[Object]:
    """Read everything in a namespace but Secrets and rights."""
    namespaces = rule("", ["namespaces"], READ)
    metrics = rule("metrics.k8s.io", ["pods", "nodes"], READ)
    return [*(rule(group, resources, READ) for group, resources in WORKLOADS.items()), namespaces, metrics]


def edit_rules() -> list[Object]:
    """View, and write what is not about rights; and reach into pods."""
    written = [
        rule(
            group,
            [name for name in resources if not name.endswith(("/status", "/log")) and name not in READ_ONLY],
            WRITE,
        )
        for group, resources in WORKLOADS.items()
    ]
    return [
        *view_rules(),
        *written,
        rule("", ["secrets"], [*READ, *WRITE]),
        rule(
            "",
            ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"],
            ["get", *WRITE],
        ),
        rule("", ["pods/eviction", "serviceaccounts/token"], ["create"]),
        rule("", ["serviceaccounts"], ["impersonate"]),
    ]


def admin_rules() -> list[Object]:
    """Edit, and the rights within the namespace."""
    return [
        *edit_rules(),
        rule(GROUP, ["rolebindings", "roles"], [*READ, *WRITE]),
        rule("authorization.k8s.io", ["localsubjectaccessreviews"], ["create"]),
    ]


DISCOVERY = [
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
]
ROLES: dict[str, list[Object]] = {
    "cluster-admin": [rule("*", ALL, ALL), {"nonResourceURLs": ["*"], "verbs": ["*"]}],
    "admin": admin_rules(),
    "edit": edit_rules(),
    "view": view_rules(),
    "system:discovery": [paths(DISCOVERY)],
    "system:public-info-viewer": [paths(["/healthz", "/livez", "/readyz", "/version", "/version/"])],
    "system:monitoring": [
        paths(["/healthz", "/healthz/*", "/livez", "/livez/*", "/metrics", "/readyz", "/readyz/*"])
    ],
    "system:basic-user": [
        rule("authorization.k8s.io", ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"]),
        rule("authentication.k8s.io", ["selfsubjectreviews"], ["create"]),
    ],
    "system:auth-delegator": [
        rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
        rule("authorization.k8s.io", ["subjectaccessreviews"], ["create"]),
    ],
}
# Operators add rules to these by ClusterRoles with a label.
AGGREGATED = ("admin", "edit", "view")
BINDINGS = {
    "cluster-admin": ("cluster-admin", "system:masters"),
    "system:discovery": ("system:discovery", "system:authenticated"),
    "system:basic-user": ("system:basic-user", "system:authenticated"),
    "system:public-info-viewer": ("system:public-info-viewer", "system:authenticated"),
    "system:monitoring": ("system:monitoring", "system:monitoring"),
}


def objects() -> list[Object]:
    """All of them, ready to be created."""
    roles: list[Object] = [
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name, "labels": dict(LABELS)},
            "rules": rules,
        }
        for name, rules in ROLES.items()
    ]
    bindings = [
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name, "labels": dict(LABELS)},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": GROUP, "kind": "Group", "name": group}],
        }
        for name, (role, group) in BINDINGS.items()
    ]
    for role in roles:
        name = role["metadata"]["name"]
        if name in AGGREGATED:
            labels = {f"{GROUP}/aggregate-to-{name}": "true"}
            role["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": labels}]}
    return [*roles, *bindings]
