"""The built-in kinds, as data: one line each, and everything else in the API server is generic.

A kind that is not in this table and not a CustomResourceDefinition is not served (404 and not in
discovery), so a client learns that it is missing; nothing is stored that nobody acts on, except where a
Warning says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# Flags: a = in the category "all"; g = metadata.generation follows the spec; s = status is a subresource; c =
# scale is a subresource.
TABLE = """
group                     version kind                     plural                    scope short    flags
-                         v1      Namespace                namespaces                -     ns       s
-                         v1      Node                     nodes                     -     no       s
-                         v1      Pod                      pods                      ns    po       asg
-                         v1      Service                  services                  ns    svc      as
-                         v1      Endpoints                endpoints                 ns    ep       -
-                         v1      ConfigMap                configmaps                ns    cm       -
-                         v1      Secret                   secrets                   ns    -        -
-                         v1      ServiceAccount           serviceaccounts           ns    sa       -
-                         v1      Event                    events                    ns    ev       -
-                         v1      PersistentVolume         persistentvolumes         -     pv       s
-                         v1      PersistentVolumeClaim    persistentvolumeclaims    ns    pvc      s
-                         v1      ReplicationController    replicationcontrollers    ns    rc       a
apps                      v1      Deployment               deployments               ns    deploy   asgc
apps                      v1      ReplicaSet               replicasets               ns    rs       asgc
apps                      v1      StatefulSet              statefulsets              ns    sts      asgc
apps                      v1      DaemonSet                daemonsets                ns    ds       asg
apps                      v1      ControllerRevision       controllerrevisions       ns    -        -
batch                     v1      Job                      jobs                      ns    -        asg
batch                     v1      CronJob                  cronjobs                  ns    cj       asg
autoscaling               v2      HorizontalPodAutoscaler  horizontalpodautoscalers  ns    hpa      as
policy                    v1      PodDisruptionBudget      poddisruptionbudgets      ns    pdb      sg
networking.k8s.io         v1      Ingress                  ingresses                 ns    ing      sg
networking.k8s.io         v1      IngressClass             ingressclasses            -     -        g
networking.k8s.io         v1      NetworkPolicy            networkpolicies           ns    netpol   g
discovery.k8s.io          v1      EndpointSlice            endpointslices            ns    -        g
events.k8s.io             v1      Event                    events                    ns    ev       -
coordination.k8s.io       v1      Lease                    leases                    ns    -        -
rbac.authorization.k8s.io v1      Role                     roles                     ns    -        -
rbac.authorization.k8s.io v1      RoleBinding              rolebindings              ns    -        -
rbac.authorization.k8s.io v1      ClusterRole              clusterroles              -     -        -
rbac.authorization.k8s.io v1      ClusterRoleBinding       clusterrolebindings       -     -        -
storage.k8s.io            v1      StorageClass             storageclasses            -     sc       -
scheduling.k8s.io         v1      PriorityClass            priorityclasses           -     pc       -
apiextensions.k8s.io      v1      CustomResourceDefinition customresourcedefinitions -     crd,crds sg
"""

# Served without storage: create only, or read from the node.
VIRTUAL = """
group                      version  kind                      plural                     scope  verbs
authentication.k8s.io      v1       TokenReview               tokenreviews               -      create
authentication.k8s.io      v1       SelfSubjectReview         selfsubjectreviews         -      create
authorization.k8s.io       v1       SubjectAccessReview       subjectaccessreviews       -      create
authorization.k8s.io       v1       SelfSubjectAccessReview   selfsubjectaccessreviews   -      create
authorization.k8s.io       v1       LocalSubjectAccessReview  localsubjectaccessreviews  ns     create
authorization.k8s.io       v1       SelfSubjectRulesReview    selfsubjectrulesreviews    -      create
metrics.k8s.io             v1beta1  NodeMetrics               nodes                      -      get,list
metrics.k8s.io             v1beta1  PodMetrics                pods                       ns     get,list
"""

STORED_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
# Kinds without some of the verbs. Nobody runs ReplicationControllers, so none can be made; they are there to
# be listed (empty), as `kubectl apply --prune` and others ask for them before they do anything.
WITHOUT = {
    "namespaces": ("deletecollection",),
    "replicationcontrollers": ("create", "patch", "update"),
}
SINGULARS = {"endpoints": "endpoints", "nodes": "node"}


@dataclass(frozen=True, slots=True)
class Subresource:
    """A part of an object with its own path, verbs and, often, its own kind."""

    kind: str
    verbs: tuple[str, ...]
    group_version: str = ""


SCALE = Subresource("Scale", ("get", "patch", "update"), "autoscaling/v1")
STATUS_VERBS = ("get", "patch", "update")
EXTRA_SUBRESOURCES: dict[str, dict[str, Subresource]] = {
    "pods": {
        "attach": Subresource("PodAttachOptions", ("create", "get")),
        "binding": Subresource("Binding", ("create",)),
        "eviction": Subresource("Eviction", ("create",), "policy/v1"),
        "exec": Subresource("PodExecOptions", ("create", "get")),
        "log": Subresource("Pod", ("get",)),
        "portforward": Subresource("PodPortForwardOptions", ("create", "get")),
    },
    "serviceaccounts": {"token": Subresource("TokenRequest", ("create",), "authentication.k8s.io/v1")},
    "namespaces": {"finalize": Subresource("Namespace", ("update",))},
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One served kind. `schema` is the CRD version's own schema; `selectable` are the fields that its field
    selectors know besides metadata's; `deprecation` is what its clients are warned of.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    singular: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    generation: bool = False
    verbs: tuple[str, ...] = STORED_VERBS
    subresources: dict[str, Subresource] = field(default_factory=dict)
    schema: dict[str, Any] = field(default_factory=dict)
    columns: tuple[dict[str, Any], ...] = ()
    custom: bool = False
    storage: str = ""
    list_name: str = ""
    selectable: tuple[str, ...] = ()
    deprecation: str = ""

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def list_kind(self) -> str:
        """The kind of a list of these."""
        return self.list_name or f"{self.kind}List"

    @property
    def resource(self) -> str:
        """`pods`, `deployments.apps`: as messages and RBAC name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def has_status(self) -> bool:
        """Whether status can only be written through its subresource."""
        return "status" in self.subresources


def _rows(table: str) -> Iterator[list[str]]:
    lines = table.strip().splitlines()[1:]
    for line in lines:
        yield ["" if word == "-" else word for word in line.split()]


def _names(word: str) -> tuple[str, ...]:
    return tuple(word.split(",")) if word else ()


def _stored(row: list[str]) -> Kind:
    group, version, kind, plural, scope, short, flags = row
    subresources = dict(EXTRA_SUBRESOURCES.get(plural, {})) if not group else {}
    if "s" in flags:
        subresources["status"] = Subresource(kind, STATUS_VERBS)
    if "c" in flags:
        subresources["scale"] = SCALE
    return Kind(
        group,
        version,
        kind,
        plural,
        verbs=tuple(verb for verb in STORED_VERBS if verb not in WITHOUT.get(plural, ())),
        namespaced=scope == "ns",
        singular=SINGULARS.get(plural, kind.lower()),
        short_names=_names(short),
        categories=("all",) if "a" in flags else (),
        generation="g" in flags,
        subresources=subresources,
        # Both groups' Events are one storage, kept in the shape of the core group.
        storage="events" if plural == "events" else f"{plural}.{group}" if group else plural,
    )


def built_in() -> list[Kind]:
    """All kinds that need no CustomResourceDefinition."""
    kinds = [_stored(row) for row in _rows(TABLE)]
    for group, version, kind, plural, scope, verbs in _rows(VIRTUAL):
        kinds.append(
            Kind(
                group,
                version,
                kind,
                plural,
                scope == "ns",
                SINGULARS.get(plural, kind.lower()),
                verbs=_names(verbs),
            )
        )
    return kinds
