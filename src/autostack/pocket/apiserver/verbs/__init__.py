"""One file per verb: what it reads, what it writes, what it answers. Authorisation has happened before."""
