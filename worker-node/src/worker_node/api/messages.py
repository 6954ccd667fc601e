"""What /solve reads and writes."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

import msgspec

from worker_node.solver.limits import MAX_LENGTH


class SolveRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A problem. Without an id the worker makes one; then a retry is a new problem."""

    expression: Annotated[
        str,
        msgspec.Meta(
            description="exact arithmetic",
            examples=["(3 + 4) * 1/2"],
            extra_json_schema={"minLength": 1, "maxLength": MAX_LENGTH},
        ),
    ]
    id: Annotated[
        uuid.UUID | None,
        msgspec.Meta(description="UUID version 7 or 8 of the present; makes a retry harmless"),
    ] = None


class SolveResponse(msgspec.Struct):
    """An answer that is stored. For a repeated id it is the stored one, with who stored it."""

    id: uuid.UUID
    expression: str
    status: Literal["ok", "undefined"]
    result: Annotated[str, msgspec.Meta(description="exact: `7`, `-3/4`, `2**3 * 5`; or why it is undefined")]
    decimal: Annotated[
        str | None, msgspec.Meta(description="the fraction rounded to 30 significant digits; null otherwise")
    ]
    worker: str
    version: str
