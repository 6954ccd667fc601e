"""A service as small as one can be, run as a process by test_process.py."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import FastAPI
from service_kit import Service, ServiceSettings, background, build_application, run, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSettings(ServiceSettings):
    token: str = setting(help="what callers show", secret=True)
    stuck: bool = setting(False, help="never finish closing")


def build(service: Service[ExampleSettings]) -> FastAPI:
    broken = asyncio.Event()

    async def beside() -> None:
        await broken.wait()
        raise RuntimeError("asked for")

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with background(service.lifecycle, "beside", beside()):
            yield
        print("flushed", flush=True)
        if service.settings.stuck:
            await asyncio.Event().wait()

    application = build_application(service, title="example", description="", lifespan=lifespan)

    @application.get("/slow")
    async def slow(seconds: float) -> str:
        print("accepted", flush=True)
        await asyncio.sleep(seconds)
        return "done"

    @application.get("/break")
    async def break_background() -> None:
        broken.set()

    return application


if __name__ == "__main__":
    run("example", ExampleSettings, build)
