"""The pipeline: from a commit to versioned images in a registry and their versions in the manifests.

Nothing is remembered that can be read again: which applications are owed a build follows from what Git
holds (the last release commit of each application against the head), and which version comes next from the
manifest and the registry's tags. So a run that was killed anywhere is simply run again: it finds its own
image (builds are reproducible) or its own commit, and goes on from there.
The price is that every run reads the tree twice; on a repository of this size that is a few milliseconds.
"""
