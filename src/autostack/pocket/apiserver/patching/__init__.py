"""One file per patch type. Each is a pure function: a document and a patch in, a new document out, nothing
shared changed.
"""
