"""Images: what a reference in a pod names, as a root tree, mounts and an entrypoint on this machine.

*Built* images are read from the registry folder, an OCI image layout per repository, and every byte is
checked against its digest before it is used. *Native* images are a catalogue of public names that stand for
programs already on this machine, with the same entrypoint contract. Nothing is ever fetched from a registry
on the network.
"""
