"""Grafana dashboards as code: built here, shipped as JSON in a ConfigMap, drawn by Grafana and by the
console alike.
"""
