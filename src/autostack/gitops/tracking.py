"""Which Application owns an object: Argo CD's tracking annotation, which names the object itself too.

Because the annotation carries the object's own identity, a copy of an object (made by another controller or a
person) is not taken for ours, and so never pruned.
"""

from __future__ import annotations

import copy
import hashlib
import json

from autostack.gitops.objects import APPLIED_HASH, TRACKING_ID, Object, ObjectKey, annotations_of, key_of


def tracking_id(application: str, key: ObjectKey) -> str:
    """The annotation's value: <application>:<group>/<kind>:<namespace>/<name>."""
    return f"{application}:{key.group}/{key.kind}:{key.namespace}/{key.name}"


def owner(obj: Object) -> str | None:
    """The name of the Application that owns the object; None for a copy or an object that is not tracked."""
    found = annotations_of(obj).get(TRACKING_ID)
    if found is None:
        return None
    application = found.split(":", 1)[0]
    return application if found == tracking_id(application, key_of(obj)) else None


def with_annotations(obj: Object, values: dict[str, str]) -> Object:
    """A copy of the object that carries these annotations too."""
    changed = copy.deepcopy(obj)
    changed.setdefault("metadata", {})
    changed["metadata"]["annotations"] = {**annotations_of(changed), **values}
    return changed


def marked(obj: Object, application: str, *, hashed: Object | None = None) -> Object:
    """A copy that carries its tracking id and the hash of what is applied.

    The hash makes any change in Git a visible difference, also one that the live object could not show: a
    field that was removed inside a list which the API server treats as one value. `hashed` is the manifest
    without ignored fields.
    """
    stamped = with_annotations(obj, {TRACKING_ID: tracking_id(application, key_of(obj))})
    canonical = json.dumps(
        stamped if hashed is None else hashed, sort_keys=True, separators=(",", ":")
    ).encode()
    return with_annotations(stamped, {APPLIED_HASH: hashlib.sha256(canonical).hexdigest()[:16]})
