"""CustomResourceDefinitions: from a definition to a served kind, and the structural schemas of its
versions.
"""
