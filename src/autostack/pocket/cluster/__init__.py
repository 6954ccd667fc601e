"""One pocket cluster as a process: its folder, its addresses, start, stop, status, deletion, and the composition of its parts."""
