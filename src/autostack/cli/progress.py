"""Progress of a command of several steps: one line a step, alive on a terminal, plain elsewhere."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_FRAME_S = 0.1


class Detail:
    """What a step is doing at the moment, in a few words; work in the background has one of its own."""

    def __init__(self) -> None:
        self.text = ""

    def say(self, text: str) -> None:
        """The newest word; the one before is forgotten."""
        self.text = text


class Progress:
    """Prints to stderr, so that stdout stays for results. Steps do not overlap."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._detail = Detail()

    def say(self, text: str) -> None:
        """What the present step is doing; shown beside it, on a terminal only, until it is done."""
        self._detail.say(text)

    @contextmanager
    def step(self, name: str, *, detail: Detail | None = None) -> Iterator[None]:
        """One step; its line ends with the time it took, or with a cross when it raises."""
        began = time.monotonic()
        self._detail = detail or Detail()
        stop = threading.Event()
        spinner = threading.Thread(target=self._spin, args=(name, began, stop), daemon=True, name="spinner")
        if self._terminal and not self._quiet:
            spinner.start()
        done = False
        try:
            yield
            done = True
        finally:
            stop.set()
            if spinner.is_alive():
                spinner.join()
            self._line(name, time.monotonic() - began, done=done)

    def _line(self, name: str, took_s: float, *, done: bool) -> None:
        if self._quiet:
            return
        mark = typer.style("✓", fg="green") if done else typer.style("✗", fg="red")
        clear = "\r\x1b[K" if self._terminal else ""
        text = self._detail.text
        typer.echo(f"{clear}{mark} {name:<28}{took_s:6.1f} s{f'  {text}' if text else ''}", err=True)

    def _spin(self, name: str, began: float, stop: threading.Event) -> None:
        count = 0
        while not stop.wait(_FRAME_S):
            frame, count = _FRAMES[count % len(_FRAMES)], count + 1
            line = f"{frame} {name:<28}{time.monotonic() - began:6.1f} s  {self._detail.text}"
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\x1b[K{line[:width]}")
            sys.stderr.flush()
