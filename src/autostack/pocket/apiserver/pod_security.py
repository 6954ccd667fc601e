"""The Pod Security Standards: what a pod may ask for in a namespace that names a level. Pure.

`pod-security.kubernetes.io/enforce: baseline|restricted` on a Namespace refuses a pod that violates the
standard, `…/warn` tells its author, on a workload's template too. The checks are those of the standards'
newest version, whatever version a label names. The words are those of Kubernetes' own admission.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Object = Mapping[str, Any]
LEVELS = ("privileged", "baseline", "restricted")
PREFIX = "pod-security.kubernetes.io/"
_CAPABILITIES = frozenset((
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
    "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
))  # fmt: skip
_SYSCTLS = frozenset((
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
))  # fmt: skip
_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_VOLUMES = frozenset((
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected",
    "secret",
))  # fmt: skip
_CONFINED = ("RuntimeDefault", "Localhost")


def violations(spec: Object, level: str) -> list[str]:
    """How a pod's spec violates the level; empty when it may run."""
    checks: tuple[Callable[[Object], Iterator[str]], ...] = ()
    if level == "baseline":
        checks = _BASELINE
    elif level == "restricted":
        checks = _BASELINE + _RESTRICTED
    return [found for check in checks for found in check(spec)]


def _containers(spec: Object) -> list[tuple[str, Object, Object]]:
    """(name, container, its security context) of all containers."""
    every = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return [(str(one.get("name")), one, one.get("securityContext") or {}) for one in every]


def _of_pod(spec: Object) -> Object:
    context: Object = spec.get("securityContext") or {}
    return context


def _named(names: list[str]) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"container{'s' if len(names) > 1 else ''} {quoted}"


def _host_namespaces(spec: Object) -> Iterator[str]:
    found = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    if found:
        yield f"host namespaces ({', '.join(found)})"


def _privileged(spec: Object) -> Iterator[str]:
    names = [name for name, _, context in _containers(spec) if context.get("privileged")]
    if names:
        yield f"privileged ({_named(names)} must not set securityContext.privileged=true)"
    contexts = [_of_pod(spec), *(context for _, _, context in _containers(spec))]
    if any((context.get("windowsOptions") or {}).get("hostProcess") for context in contexts):
        yield "hostProcess (pod and containers must not set securityContext.windowsOptions.hostProcess=true)"


def _added(context: Object) -> set[str]:
    return set((context.get("capabilities") or {}).get("add") or ())


def _capabilities(spec: Object) -> Iterator[str]:
    for name, _, context in _containers(spec):
        if more := sorted(_added(context) - _CAPABILITIES):
            listed = ", ".join(f'"{one}"' for one in more)
            yield (
                f"non-default capabilities ({_named([name])} must not include {listed} "
                "in securityContext.capabilities.add)"
            )


def _host_paths(spec: Object) -> Iterator[str]:
    names = [str(one.get("name")) for one in spec.get("volumes") or () if "hostPath" in one]
    if names:
        yield f"hostPath volumes ({', '.join(names)})"


def _host_ports(spec: Object) -> Iterator[str]:
    for name, container, _ in _containers(spec):
        ports = [str(port["hostPort"]) for port in container.get("ports") or () if port.get("hostPort")]
        if ports:
            yield f"hostPort ({_named([name])} uses hostPort {', '.join(ports)})"


def _probed_hosts(spec: Object) -> Iterator[str]:
    for name, container, _ in _containers(spec):
        hooks = container.get("lifecycle") or {}
        actions = [container.get(f"{kind}Probe") for kind in ("liveness", "readiness", "startup")]
        for action in (*actions, hooks.get("postStart"), hooks.get("preStop")):
            how = [(action or {}).get(kind) or {} for kind in ("httpGet", "tcpSocket")]
            if any(one.get("host") for one in how):
                yield f"probe or lifecycle host ({_named([name])} must not set a host in a probe or hook)"
                break


def _confinement(spec: Object) -> Iterator[str]:
    every = [("pod", _of_pod(spec)), *((_named([name]), context) for name, _, context in _containers(spec))]
    for who, context in every:
        if (context.get("appArmorProfile") or {}).get("type") not in (None, *_CONFINED):
            yield f"forbidden AppArmor profile ({who} must not set AppArmor profile type to Unconfined)"
        selinux = context.get("seLinuxOptions") or {}
        if (selinux.get("type") or "") not in _SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
            yield f"seLinuxOptions ({who} set forbidden securityContext.seLinuxOptions)"
        if context.get("procMount") not in (None, "Default"):
            yield f"procMount ({who} must not set securityContext.procMount to {context['procMount']!r})"
        if (context.get("seccompProfile") or {}).get("type") == "Unconfined":
            yield f'seccompProfile ({who} must not set securityContext.seccompProfile.type to "Unconfined")'


def _sysctls(spec: Object) -> Iterator[str]:
    names = [str(one.get("name")) for one in _of_pod(spec).get("sysctls") or ()]
    if more := sorted(set(names) - _SYSCTLS):
        yield f"forbidden sysctls ({', '.join(more)})"


def _volume_types(spec: Object) -> Iterator[str]:
    for volume in spec.get("volumes") or ():
        kinds = sorted(key for key in volume if key != "name")
        if not set(kinds) <= _VOLUMES:
            yield f'restricted volume types (volume "{volume.get("name")}" uses {", ".join(kinds)})'


def _escalation(spec: Object) -> Iterator[str]:
    names = [
        name for name, _, context in _containers(spec) if context.get("allowPrivilegeEscalation") is not False
    ]
    if names:
        yield (
            f"allowPrivilegeEscalation != false ({_named(names)} must set "
            "securityContext.allowPrivilegeEscalation=false)"
        )


def _dropped_capabilities(spec: Object) -> Iterator[str]:
    for name, _, context in _containers(spec):
        if "ALL" not in ((context.get("capabilities") or {}).get("drop") or ()):
            yield (
                f"unrestricted capabilities ({_named([name])} must set "
                'securityContext.capabilities.drop=["ALL"])'
            )
        if more := sorted(_added(context) - {"NET_BIND_SERVICE"}):
            yield f"unrestricted capabilities ({_named([name])} must not add {', '.join(more)})"


def _non_root(spec: Object) -> Iterator[str]:
    default = _of_pod(spec).get("runAsNonRoot")
    if default is False:
        yield "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)"
    names = [
        name
        for name, _, context in _containers(spec)
        if (context["runAsNonRoot"] if context.get("runAsNonRoot") is not None else default) is not True
    ]
    if names:
        yield f"runAsNonRoot != true (pod or {_named(names)} must set securityContext.runAsNonRoot=true)"
    roots = [name for name, _, context in _containers(spec) if context.get("runAsUser") == 0]
    if _of_pod(spec).get("runAsUser") == 0:
        yield "runAsUser=0 (pod must not set runAsUser=0)"
    elif roots:
        yield f"runAsUser=0 ({_named(roots)} must not set runAsUser=0)"


def _seccomp(spec: Object) -> Iterator[str]:
    default = (_of_pod(spec).get("seccompProfile") or {}).get("type")
    names = [
        name
        for name, _, context in _containers(spec)
        if ((context.get("seccompProfile") or {}).get("type") or default) not in _CONFINED
    ]
    if names:
        yield (
            f"seccompProfile (pod or {_named(names)} must set securityContext.seccompProfile.type to "
            '"RuntimeDefault" or "Localhost")'
        )


_BASELINE = (
    _host_namespaces, _privileged, _capabilities, _host_paths, _host_ports, _probed_hosts, _confinement,
    _sysctls,
)  # fmt: skip
_RESTRICTED = (_volume_types, _escalation, _dropped_capabilities, _non_root, _seccomp)
