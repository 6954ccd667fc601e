"""The proof: measure, let the chaos agent attack, measure again, audit every answer, judge, report.

It stands outside the cluster and sees what a user and an administrator see: the ingress and the Kubernetes
API. It kills nothing; the chaos agent inside does, and tells it in Events. So neither the judge nor the
attacker depends on the other's word.
"""
