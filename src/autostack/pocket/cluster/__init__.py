"""One pocket cluster as a process: its folder and addresses, its life, and how its parts are put together."""
