"""deletecollection: delete each object that a selection chooses."""

from __future__ import annotations

from dataclasses import replace

from autostack.pocket.apiserver.call import Call
from autostack.pocket.apiserver.core import Core
from autostack.pocket.apiserver.deletion import DeleteOptions
from autostack.pocket.apiserver.verbs.delete import delete
from autostack.pocket.apiserver.verbs.list import Page, Selection, list_page
from autostack.pocket.errors import ApiError


async def delete_collection(core: Core, call: Call, selection: Selection, options: DeleteOptions) -> Page:
    """The objects that were chosen; one that vanished meanwhile is no failure."""
    page = list_page(core, call, selection)
    for entry in page.entries:
        try:
            await delete(core, replace(call, namespace=entry.key.namespace, name=entry.key.name), options)
        except ApiError as error:
            if error.code != 404:
                raise
    return page
