"""Objects, their revisions and their history: one storage and one watch for every kind.

Reads come from memory, writes are acknowledged after they are on the disk, and a watcher sees exactly the
acknowledged writes, in order. The trade-off: all objects are held in memory, which a single machine's
cluster can afford.
"""
