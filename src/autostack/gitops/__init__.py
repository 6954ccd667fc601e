"""CD: keeps a cluster equal to Git, driven by Argo CD's own Application object.

Pure modules decide (application, diff, waves, plan, health, guard); source, live, sync and revert act.
Everything goes through the Kubernetes API with a kubeconfig, so K3s and the pocket cluster cannot be told
apart here.
"""
