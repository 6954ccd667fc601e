"""The whole system on a cluster: bring it up, wait until it works, say how it is.

Everything here speaks to a Kubernetes API by a kubeconfig and to the system by its ingress; it does not know
what kind of cluster that is. A step that is done already does nothing, so bringing up twice is harmless.
"""
