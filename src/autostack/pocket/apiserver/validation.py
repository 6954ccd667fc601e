"""Decode, default and validate one object on its way to the store: one pass for every kind and every verb.

Unknown fields follow fieldValidation: `Strict` refuses (400), `Warn` tells, `Ignore` drops in silence. A
wrong type is 400, a missing or wrong value 422 with one cause per field, as Kubernetes answers.
"""

from __future__ import annotations

from typing import Any

from autostack.pocket.apiserver import constraints, defaults, immutability, names, semantics, unimplemented
from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.extensions import structural
from autostack.pocket.apiserver.registry import schema_of
from autostack.pocket.apiserver.schemas.conform import Problems, conform
from autostack.pocket.apiserver.schemas.walk import parts
from autostack.pocket.errors import FieldError, UndecodableError, bad_request, invalid, wrong_option

Object = dict[str, Any]
# Required by the schema's letter, but Go's encoders leave them out or send null.
TOLERATED_MISSING = ("endpoints", "creationTimestamp", "metadata", "involvedObject", "eventTime", "regarding")
# The definitions that some rule is about; most parts of an object are of none of them.
RULED = frozenset[str]().union(
    constraints.ENUMS, constraints.RANGES, constraints.FILLED, semantics.CHECKS,
    unimplemented.REFUSED, unimplemented.WARNED,
)  # fmt: skip


def decode(call: Call, obj: Object) -> tuple[Object, list[FieldError]]:
    """The object as its schema knows it, and the required fields that it lacks; raises 400."""
    problems = Problems(keep_mistyped=call.kind.custom, drop_empty=not call.kind.custom)
    named = {"apiVersion": call.kind.api_version, "kind": call.kind.kind, **obj}
    decoded: Object = conform(named, schema_of(call.kind), problems)
    if problems.mistyped:
        shown = "; ".join(problems.mistyped[:5])
        raise UndecodableError(call.kind.kind, call.kind.version, shown)
    if problems.unknown and call.field_validation == "Strict":
        shown = ", ".join(f'unknown field "{path}"' for path in problems.unknown)
        raise UndecodableError(call.kind.kind, call.kind.version, f"strict decoding error: {shown}")
    if call.field_validation == "Warn":
        call.warnings.extend(f'unknown field "{path}"' for path in problems.unknown)
    missing = [
        FieldError(path, "", "Required value")
        for path in problems.missing
        if not path.startswith("status") and path.rsplit(".", 1)[-1] not in TOLERATED_MISSING
    ]
    return decoded, missing


def fill_defaults(call: Call, obj: Object) -> None:
    """Write the kind's defaults into the object."""
    if call.kind.custom:
        structural.fill_defaults(obj, call.kind.schema)
    else:
        defaults.fill(obj, schema_of(call.kind))


def check(call: Call, new: Object, old: Object | None, missing: list[FieldError]) -> None:
    """Raise 422 with everything that is wrong."""
    errors = list(missing)
    errors.extend(names.metadata_errors(call.kind, new["metadata"]))
    if call.kind.custom:
        errors.extend(structural.errors(new, call.kind.schema))
    else:
        for part in parts(new, schema_of(call.kind)):
            if part.definition not in RULED:
                continue
            errors.extend(constraints.errors(part))
            errors.extend(semantics.errors(part))
            errors.extend(unimplemented.refusals(part))
            call.warnings.extend(unimplemented.warnings(part))
        if old is not None:
            errors.extend(_changes(call, new, old))
    if old is not None:
        errors.extend(immutability.finalizer_errors(new, old))
    reported = {(error.field, error.problem): error for error in errors}
    if reported:
        raise invalid(call.target, list(reported.values()))


def _changes(call: Call, new: Object, old: Object) -> list[FieldError]:
    """What must not change and does; what a version before this one wrote otherwise is no change."""
    found = list(immutability.errors(call.kind.storage, new, old))
    if found:
        old = conform(old, schema_of(call.kind), Problems())
        defaults.fill(old, schema_of(call.kind))
        found = list(immutability.errors(call.kind.storage, new, old))
    return found


def check_options(call: Call) -> None:
    """Refuse query values that Kubernetes refuses."""
    if call.field_validation not in ("Ignore", "Strict", "Warn"):
        said = 'supported values: "", "Ignore", "Strict", "Warn"'
        options = {"create": "CreateOptions", "update": "UpdateOptions"}.get(call.verb, "PatchOptions")
        raise wrong_option(options, "fieldValidation", said, "Unsupported value", call.field_validation)
    if len(call.field_manager) > 128:
        raise bad_request("fieldManager: Too long: may not be more than 128 bytes")
