"""The ledger on disk: two files a run, so that an audit can be made after the sender is gone.

`<run>.bitmap` is the bitmap; `<run>.json` the figures, segments and seed. Each second the bytes of the bitmap
that changed are written in place and synced, then the figures are replaced atomically. Bits are only ever
set, so even a torn write leaves a subset of what was acknowledged. What holds, exactly:

- after a clean end (`"final": true`): bitmap and figures are the run's, complete, and nothing is in flight;
- after a kill at any moment: every bit on disk was acknowledged, and every acknowledgement that came before
  the last snapshot is on disk; the figures are those of that snapshot and add up, and the bitmap may hold a
  few more bits than they count. What was acknowledged after it (about one second) is not claimed.

The price is two syncs a second; they happen in a thread and never delay an arrival.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from service_kit.problem_id import format_run

from traffic_sender.errors import LedgerFileError
from traffic_sender.ledger import Ledger, Segment


class Figures(BaseModel):
    """The accounts of a run; issued is always the sum of acknowledged, rejected, given_up and in_flight."""

    model_config = ConfigDict(frozen=True)

    run: str = Field(description="the run's tag, nine hexadecimal digits", pattern="^[0-9a-f]{9}$")
    segments: list[Segment] = Field(description="from first_sequence on, ids carry start_ms")
    seed: int = Field(description="with it, a sequence number says what the problem was")
    issued: int = Field(ge=0)
    acknowledged: int = Field(ge=0, description="answered after being stored")
    rejected: int = Field(ge=0, description="refused by a problem document")
    given_up: int = Field(ge=0, description="no answer is known")
    in_flight: int = Field(ge=0)
    given_up_by_reason: dict[str, int]
    final: bool = Field(description="the run has ended and nothing changes any more")


def figures(ledger: Ledger, *, seed: int, final: bool) -> Figures:
    """The ledger's figures now."""
    return Figures(
        run=format_run(ledger.run),
        segments=list(ledger.segments),
        seed=seed,
        issued=ledger.issued,
        acknowledged=ledger.acknowledged,
        rejected=ledger.rejected,
        given_up=sum(ledger.given_up.values()),
        in_flight=ledger.in_flight,
        given_up_by_reason={reason.value: count for reason, count in ledger.given_up.items()},
        final=final,
    )


class LedgerFile:
    """Where one run's ledger is kept."""

    def __init__(self, folder: Path, ledger: Ledger, *, seed: int) -> None:
        self._ledger = ledger
        self._seed = seed
        self._written = asyncio.Lock()
        self.bitmap_path = folder / f"{format_run(ledger.run)}.bitmap"
        self.figures_path = folder / f"{format_run(ledger.run)}.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.bitmap_path.touch()
        except OSError as error:
            raise LedgerFileError(
                f"cannot keep the ledger in {folder} (LEDGER_DIR): {error.strerror}"
            ) from error

    async def snapshot(self, *, final: bool = False) -> None:
        """Write what changed; when it returns, everything acknowledged before the call is on disk."""
        async with self._written:
            offset, changed = self._ledger.take_changed()
            document = figures(self._ledger, seed=self._seed, final=final).model_dump_json().encode()
            try:
                await asyncio.to_thread(self._write, offset, changed, document)
            except OSError as error:
                self._ledger.mark_changed(offset)
                raise LedgerFileError(f"cannot write {self.bitmap_path}: {error.strerror}") from error

    def _write(self, offset: int, changed: bytes, document: bytes) -> None:
        with self.bitmap_path.open("r+b") as bitmap:
            bitmap.seek(offset)
            bitmap.write(changed)
            bitmap.flush()
            os.fsync(bitmap.fileno())
        fresh = self.figures_path.with_suffix(".json.new")
        with fresh.open("wb") as stream:
            stream.write(document)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self.figures_path)
        folder = os.open(self.figures_path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_ledger(folder: Path, run: str) -> tuple[Figures, bytes]:
    """A run's figures and bitmap as they are on disk; raises LedgerFileError."""
    try:
        document = (folder / f"{run}.json").read_bytes()
        bitmap = (folder / f"{run}.bitmap").read_bytes()
        return Figures.model_validate_json(document), bitmap
    except (OSError, ValidationError) as error:
        raise LedgerFileError(f"cannot read the ledger of run {run} in {folder}: {error}") from error
