"""The release guard: watches a release after its rollout, and reverts it in Git when it breaks its
objective.

Beyond Argo CD, and independent of who syncs: it reads the Application and the cluster, and writes to Git
only.
"""
