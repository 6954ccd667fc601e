"""The kubelet: makes the pods of this node run as bubblewrap sandboxes, and tells the API server how they
are.

A container is one bwrap process and the program, which is PID 1 of its own namespace; no process of ours
stays beside it. Everything that must survive a crash of the control plane is a file in the container's
folder: what it was started from, its output, and its exit code, which bwrap itself writes. So a pod runs on
undisturbed and is adopted afterwards.
"""
