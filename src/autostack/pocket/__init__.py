"""A single-machine Kubernetes: a real API server, controllers, and pods as sandboxed processes.

It implements what Auto-Stack's manifests and clients need as the API reference says, and refuses or
reports what it does not implement; it never ignores a field in silence. It is one control-plane process
and one small process tree per pod, with no root, container engine or network access needed. It is for
trying, developing and testing, and never pretends to be a distributed engine.
"""
