"""git, run as a program: bounded in time, without prompts, and its complaint as our error.

A password reaches git by its environment, never by an argument or a file.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

from autostack.gitops.credentials import Access
from autostack.gitops.errors import RepositoryError, SpecError, capped

_SCHEMES = {"https", "http", "file"}
_ENDS_WITHIN_S = 5
_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" '
    '"$AUTOSTACK_GIT_USERNAME" "$AUTOSTACK_GIT_PASSWORD"; }; f'
)


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
    """git in one repository folder. `home` is the folder of the configuration that it writes for itself."""

    def __init__(
        self, folder: Path, *, home: Path, access: Access | None = None, timeout_s: float = 60
    ) -> None:
        self.folder = folder
        self._home = home
        self._access = access or Access()
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
            **self._access_environment(),
        }

    def _access_environment(self) -> dict[str, str]:
        access, found = self._access, {}
        settings: list[tuple[str, str]] = []
        if access.password:
            settings += [("credential.helper", ""), ("credential.helper", _HELPER)]
            found = {"AUTOSTACK_GIT_USERNAME": access.username, "AUTOSTACK_GIT_PASSWORD": access.password}
        if not access.verify:
            settings.append(("http.sslVerify", "false"))
        elif access.certificate:
            name = hashlib.sha256(access.certificate.encode()).hexdigest()[:16]
            file = self._home / f"authority-{name}.pem"
            if not file.exists():
                file.write_text(access.certificate)
            settings.append(("http.sslCAInfo", str(file)))
        for number, (name, value) in enumerate(settings):
            found |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return {**found, "GIT_CONFIG_COUNT": str(len(settings))}

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
                await _end(process)
        if process.returncode != 0:
            raise RepositoryError(f"git {arguments[0]}: {capped(complaint.decode(errors='replace'), 400)}")
        return output

    async def text(self, *arguments: str) -> str:
        """The standard output as text, stripped."""
        return (await self.run(*arguments)).decode(errors="replace").strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask git to end, so that it removes its locks, and make it end."""
    process.terminate()
    try:
        async with asyncio.timeout(_ENDS_WITHIN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
