"""The API on the wire: paths to calls, bodies to objects, answers in the form that the client accepts."""
