"""Requests about objects: from a place and a method to a call, through authorisation and a verb, to bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from autostack.pocket.apiserver import dispatch
from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.deletion import DeleteOptions
from autostack.pocket.apiserver.http import versions
from autostack.pocket.apiserver.http.negotiation import Accepted, decode_body, wanted_form
from autostack.pocket.apiserver.http.paths import Place, verb_of
from autostack.pocket.apiserver.http.request import Request
from autostack.pocket.apiserver.http.response import Response, of
from autostack.pocket.apiserver.http.table import partial, table
from autostack.pocket.apiserver.kinds import Kind
from autostack.pocket.apiserver.subresources import metrics, scale
from autostack.pocket.apiserver.verbs.delete import Deleted, delete
from autostack.pocket.apiserver.verbs.deletecollection import delete_collection
from autostack.pocket.apiserver.verbs.get import get
from autostack.pocket.apiserver.verbs.list import Page, Selection, list_page
from autostack.pocket.apiserver.verbs.patch import MEDIA_TYPES
from autostack.pocket.errors import bad_request, no_such_path, unsupported_media_type, wrong_option
from autostack.pocket.store.entry import Entry

Object = dict[str, Any]
PROPAGATIONS = ("Foreground", "Background", "Orphan")
# Kinds whose deletion answers with the object itself; the others answer with a Status.
RETURN_DELETED = (
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "serviceaccounts",
    "services",
    "storageclasses.storage.k8s.io",
)


def call_of(core: Core, request: Request, place: Place, verb: str) -> Call:
    """The call that a request means, authorised; raises 404 for what is not served and 403."""
    kind = core.registry.serving(place.group, place.version, place.plural, verb, place.subresource)
    if place.namespace and not kind.namespaced:
        raise no_such_path()
    call = Call(
        request.user,
        verb,
        kind,
        place.namespace,
        place.name,
        place.subresource,
        dry_run=request.dry_run(),
        field_manager=request.field_manager(),
        field_validation=request.query.get("fieldValidation") or "Warn",
        force=request.flag("force"),
        warnings=request.warnings,
    )
    core.access.authorize(call)
    if kind.deprecation:
        request.warnings.append(kind.deprecation)
    if kind.namespaced and not place.namespace and verb in ("create", "get", "update", "patch", "delete"):
        raise (
            bad_request("an empty namespace may not be set during creation")
            if verb == "create"
            else no_such_path()
        )
    return call


async def respond(core: Core, request: Request, place: Place) -> Response:
    """Serve one request that is neither a watch nor a stream."""
    verb = verb_of(request.method, place, watch=False)
    call = call_of(core, request, place, verb)
    form = wanted_form(request.headers.get("accept", ""))
    if not call.kind.storage and verb in ("get", "list"):
        return _measured(core, request, call, form)
    if verb in ("list", "deletecollection"):
        return list_response(call.kind, await _collection(core, call, request), request, form)
    if verb == "get" and not call.subresource:
        return entry_response(call.kind, get(core, call), request, form)
    if verb == "delete":
        return await _delete(core, call, request)
    existed = core.store.get(call.key) is not None
    result = await _write(core, request, call)
    if call.subresource not in ("", "status"):
        return of(result, 201 if verb == "create" else 200)
    code = 201 if verb == "create" or not existed else 200
    return object_response(call.kind, versions.outgoing(call.kind, result), request, form, code)


async def _collection(core: Core, call: Call, request: Request) -> Page:
    if call.verb == "list":
        return list_page(core, call, selection(request))
    return await delete_collection(core, call, selection(request), delete_options(request))


async def _delete(core: Core, call: Call, request: Request) -> Response:
    return _deleted(call, await delete(core, call, delete_options(request)))


async def _write(core: Core, request: Request, call: Call) -> Object:
    if call.verb == "get":
        return scale.read(core, call) if call.subresource == "scale" else get(core, call).object
    body = decode_body(request.body, request.headers.get("content-type", "application/json"))
    if isinstance(body, dict):
        body = versions.incoming(call.kind, body)
    if call.verb == "patch":
        return await _patch(core, request, call, body)
    if not isinstance(body, dict):
        raise bad_request("the body must be one object")
    if call.verb == "update":
        return await dispatch.update(core, _stored_call(core, call), body)
    return await dispatch.create(core, _stored_call(core, call), body)


async def _patch(core: Core, request: Request, call: Call, body: Any) -> Object:
    content_type = request.headers.get("content-type", "").split(";", 1)[0].strip()
    patch_type = MEDIA_TYPES.get(content_type)
    if patch_type is None:
        raise unsupported_media_type(content_type, ", ".join(MEDIA_TYPES))
    if patch_type == "apply":
        call.field_manager = request.query.get("fieldManager", "")
    return await dispatch.patch(core, _stored_call(core, call), body, patch_type)


def _stored_call(core: Core, call: Call) -> Call:
    """Events of events.k8s.io are written as what they are stored as."""
    stored = core.registry.find("", "v1", "events") if call.kind.group == versions.EVENTS_GROUP else None
    return call if stored is None else replace(call, kind=stored)


def _measured(core: Core, request: Request, call: Call, form: Accepted) -> Response:
    found = metrics.read(core, call, selection(request))
    if form.as_kind == "Table":
        items = found["items"] if call.verb == "list" else [found]
        return of(table(call.kind, items, {}, request.query.get("includeObject", "Metadata")))
    return of(found)


def selection(request: Request) -> Selection:
    """The selectors and paging of a query."""
    query = request.query
    return Selection(
        query.get("labelSelector", ""),
        query.get("fieldSelector", ""),
        max(request.number("limit") or 0, 0),
        query.get("continue", ""),
        query.get("resourceVersion", ""),
        query.get("resourceVersionMatch", ""),
    )


def delete_options(request: Request) -> DeleteOptions:
    """DeleteOptions from body and query; raises 400 for values that do not exist."""
    body: Any = {}
    if request.body.strip():
        body = decode_body(request.body, request.headers.get("content-type", "application/json"))
        if not isinstance(body, dict):
            raise bad_request("DeleteOptions must be an object")
    grace = request.number("gracePeriodSeconds")
    grace = body.get("gracePeriodSeconds") if grace is None else grace
    propagation = body.get("propagationPolicy") or request.query.get("propagationPolicy") or ""
    if propagation not in ("", *PROPAGATIONS):
        choices = ", ".join(f'"{choice}"' for choice in (*PROPAGATIONS, "nil"))
        said = f"supported values: {choices}"
        raise wrong_option("DeleteOptions", "propagationPolicy", said, "Unsupported value", propagation)
    if body.get("orphanDependents") is True or request.query.get("orphanDependents") == "true":
        if propagation:
            said = "orphanDependents and deletionPropagation cannot be both set"
            raise wrong_option("DeleteOptions", "propagationPolicy", said, "Invalid value", propagation)
        propagation = "Orphan"
    dry_run = body.get("dryRun") or []
    if dry_run not in ([], ["All"]):
        raise bad_request(f"dryRun must be [All], not {dry_run!r}")
    preconditions = body.get("preconditions") or {}
    return DeleteOptions(
        propagation,
        grace,
        str(preconditions.get("uid") or ""),
        str(preconditions.get("resourceVersion") or ""),
        dry_run=bool(dry_run),
    )


def _deleted(call: Call, deleted: Deleted) -> Response:
    if not deleted.gone or call.kind.storage in RETURN_DELETED:
        return of(versions.outgoing(call.kind, deleted.object))
    details = {**call.target.details(), "uid": deleted.object["metadata"]["uid"]}
    return of({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})


def list_response(kind: Kind, page: Page, request: Request, form: Accepted) -> Response:
    """A list in the form asked for; the plain one joins stored bytes without decoding them."""
    metadata: Object = {"resourceVersion": page.resource_version}
    if page.proceed:
        metadata["continue"] = page.proceed
        if page.remaining is not None:
            metadata["remainingItemCount"] = page.remaining
    if form.as_kind == "Table":
        objects = (entry.object for entry in page.entries)
        return of(table(kind, objects, metadata, request.query.get("includeObject", "Metadata")))
    if form.as_kind == "PartialObjectMetadataList":
        items = [partial(entry.object) for entry in page.entries]
        return of(
            {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": items,
            }
        )
    return Response(200, joined(kind, page.entries, metadata))


def joined(kind: Kind, entries: Iterable[Entry], metadata: Object) -> bytes:
    """A list's JSON from its entries' bytes."""
    head = msgspec.json.encode({"kind": kind.list_kind, "apiVersion": kind.api_version, "metadata": metadata})
    return head[:-1] + b',"items":[' + b",".join([versions.raw(kind, entry) for entry in entries]) + b"]}\n"


def entry_response(kind: Kind, entry: Entry, request: Request, form: Accepted) -> Response:
    """A stored object in the form asked for."""
    if form.as_kind:
        return object_response(kind, versions.outgoing(kind, entry.object), request, form)
    return Response(200, versions.raw(kind, entry) + b"\n")


def object_response(kind: Kind, obj: Object, request: Request, form: Accepted, code: int = 200) -> Response:
    """An object in the form asked for."""
    if form.as_kind == "Table":
        metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return of(table(kind, [obj], metadata, request.query.get("includeObject", "Metadata")), code)
    if form.as_kind == "PartialObjectMetadata":
        return of(partial(obj), code)
    return of(obj, code)
