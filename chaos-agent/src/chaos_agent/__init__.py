"""Deletes pods at random, through the Kubernetes API, in workloads that opted in by kube-monkey's labels.

It attacks from inside the cluster with the rights to list and delete pods of its namespaces and nothing
more. What it did is told in Events and metrics; who judges the healing reads those and is another program.
"""
