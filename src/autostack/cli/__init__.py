"""The `autostack` command: parse, call, print; no logic of its own."""
