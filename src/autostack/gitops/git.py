"""git, run as a program: bounded in time, without prompts, and its complaint as our error."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from urllib.parse import urlsplit

from autostack.gitops.errors import RepositoryError, SpecError, capped

_SCHEMES = {"https", "http", "file"}


def check_url(url: str) -> None:
    """SpecError for an address that is not https://, http:// or file:// (or an absolute path)."""
    if url.startswith("/") or urlsplit(url).scheme in _SCHEMES:
        return
    raise SpecError(
        f"repoURL {capped(url, 200)!r}: only https:// and file:// repositories are "
        f"supported by this controller"
    )


def shown_url(url: str) -> str:
    """The address without a password, for messages."""
    parts = urlsplit(url)
    return url if "@" not in parts.netloc else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class Git:
    """git in one repository folder. `config` is the folder of the configuration file that it writes for
    itself.
    """

    def __init__(self, folder: Path, *, home: Path, timeout_s: float = 60) -> None:
        self.folder = folder
        self._home = home
        self._timeout_s = timeout_s

    def _environment(self) -> dict[str, str]:
        # safe.directory must be in a file: git drops -c and GIT_CONFIG_* before it serves a file://
        # repository, which in a pod may belong to another uid. An Application's repoURL is the
        # administrator's word.
        configuration = self._home / "gitconfig"
        if not configuration.exists():
            self._home.mkdir(parents=True, exist_ok=True)
            configuration.write_text(
                '[safe]\n\tdirectory = *\n[gc]\n\tauto = 0\n[protocol "ext"]\n\tallow = never\n'
            )
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": str(configuration),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "LC_ALL": "C",
        }

    async def run(
        self, *arguments: str, stdin: bytes = b"", environment: dict[str, str] | None = None
    ) -> bytes:
        """The standard output; RepositoryError with git's last line when it fails or takes too long."""
        process = await asyncio.create_subprocess_exec(
            "git",
            "-C",
            str(self.folder),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**self._environment(), **(environment or {})},
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                output, complaint = await process.communicate(stdin)
        except TimeoutError as error:
            raise RepositoryError(f"git {arguments[0]} took longer than {self._timeout_s:g} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise RepositoryError(f"git {arguments[0]}: {capped(complaint.decode(errors='replace'), 400)}")
        return output

    async def text(self, *arguments: str) -> str:
        """The standard output as text, stripped."""
        return (await self.run(*arguments)).decode(errors="replace").strip()
