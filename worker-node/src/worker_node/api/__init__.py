"""The worker's HTTP: /solve, its documentation, and the faults that experiments ask for."""
