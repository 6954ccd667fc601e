"""The Kubernetes API of one machine: generic verbs over one storage, kinds as data, the same for HTTP and
in process.

Guarantee: what is answered is durable, and what is not implemented is refused by name. The trade-off: one
server, no extension by webhooks or aggregated APIs.
"""
