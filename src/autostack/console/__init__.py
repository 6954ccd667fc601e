"""The pocket cluster's web page: what runs, what Git says, what the pipeline did, and the Grafana dashboards.

It reads the Kubernetes API, Prometheus and the pipeline's records, and changes nothing: its service account
can only read. The dashboards are the JSON that Grafana shows on K3s, drawn here as SVG by the server, so
they work without JavaScript; with it they renew themselves.
"""
