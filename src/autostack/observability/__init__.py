"""What is watched, and how it is shown: dashboards as code, and a small Prometheus operator.

On K3s, kube-prometheus-stack does the operator's part; in the pocket cluster this package does, from the same
ServiceMonitor, PodMonitor and PrometheusRule objects, for a Prometheus that may be built without Kubernetes
discovery. What it can't translate faithfully it refuses by name, in an Event on the object.
"""
