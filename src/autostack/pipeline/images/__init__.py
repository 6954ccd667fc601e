"""Images without an engine: deterministic layers, an OCI configuration, an SBOM, and the layout they are
kept in.

The same commit gives the same digest: entries are sorted, owners, modes and times are fixed, bytecode is
written in the one form that does not depend on the process that compiled it. The image has no base layer:
in the pocket cluster the base is the machine's own userland and the interpreter that the layer's bytecode
was compiled for, and an annotation says so.
"""
