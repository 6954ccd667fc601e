"""One run, from plan to release: no image is built before all tests are green.

Only the packages of the lock, which no test judges, are made ready beside the tests, so that what is left to
build is the code's own layer and takes a moment.

Everything it does can be done again: a checkout is made anew, an image of the same commit has the same
digest, a release that is in the branch already is found there. So after a crash the same run is simply
executed again.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from autostack.pipeline.errors import TestsFailedError
from autostack.pipeline.images.build import build_image, make_packages, push_image
from autostack.pipeline.images.layout import Layout
from autostack.pipeline.locks import exclusive
from autostack.pipeline.manifest import Pinned
from autostack.pipeline.notify import request_refresh
from autostack.pipeline.places import Places
from autostack.pipeline.plan import ASKED_FOR, NEVER_BUILT, AppPlan, Plan
from autostack.pipeline.planning import plan_commit, snapshot
from autostack.pipeline.release import Target, missing_images, release
from autostack.pipeline.releases import Release
from autostack.pipeline.runs import Run
from autostack.pipeline.testing import run_tests

_WORKERS = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run: per application its state and, when released, its version and digest; and when each
    step was done, Unix seconds.
    """

    apps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bump: str | None = None
    failures: tuple[str, ...] = ()
    steps: Mapping[str, float] = field(default_factory=dict)

    @property
    def green(self) -> bool:
        """Whether every test passed."""
        return not self.failures


@dataclass(frozen=True)
class Execution:
    """What a run works with: the repository it reads, where it releases to, where it keeps things, and its
    log.
    """

    target: Target
    places: Places
    log: IO[bytes]
    say: Callable[[str], None]
    steps: dict[str, float] = field(default_factory=dict)

    def run(self, run: Run) -> Outcome:
        """Execute one run; raises PipelineError when something other than a test stood in its way."""
        return replace(self._come_to(run), steps=self.steps)

    def _come_to(self, run: Run) -> Outcome:
        plan = self._plan(run)
        if not plan.apps:
            self.say("nothing to build: no image's inputs have changed")
            return Outcome()
        for one in plan.apps:
            self.say(f"planned {one.summary()}")
        self._reach("planned")
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="ci") as pool:
            origin, cache = self.target.repository, self.places.cache
            packages = [pool.submit(make_packages, origin, run.head, app, cache) for app in plan.builds()]
            failures = self._test(run, plan, pool)
            self._reach("tested")
            if failures:
                for made in packages:
                    made.cancel()
                return _stopped(plan, failures)
            for made in packages:
                made.result()
        if not plan.builds():
            return Outcome({app: {"state": "tested"} for app in plan.tests()})
        return self._release(run, plan)

    def _reach(self, step: str) -> None:
        self.steps[step] = round(time.time(), 3)

    def _plan(self, run: Run) -> Plan:
        plan = plan_commit(self.target.repository, run.head, base=run.base, only=run.only)
        if not run.initial:
            return plan
        apps = snapshot(self.target.repository, run.head).workspace.apps()
        missing = missing_images(self.target, run.head, apps)
        wanted = {*missing, *(one.app for one in plan.apps if one.build == NEVER_BUILT)}
        if not wanted:
            return Plan(run.head)
        return plan_commit(self.target.repository, run.head, only=sorted(wanted))

    def _test(self, run: Run, plan: Plan, pool: ThreadPoolExecutor) -> tuple[str, ...]:
        """The messages of red suites. An initial run tests only what has changed since a release: what the
        manifests name otherwise was tested when it was released.
        """
        apps = [one for one in plan.apps if not (run.initial and one.build in (NEVER_BUILT, ASKED_FOR))]
        if not apps:
            return ()
        folder = self.places.ci / "checkouts" / f"{run.number:06}"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            self.target.repository.checkout(run.head, folder)
            suites = [pool.submit(self._test_app, folder, one) for one in apps]
            return tuple(message for one in suites if (message := one.result()) is not None)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _test_app(self, folder: Path, planned: AppPlan) -> str | None:
        app, reasons = planned.app, planned.build or planned.test
        changed = None if reasons in (NEVER_BUILT, ASKED_FOR) else reasons
        try:
            tested = run_tests(folder, app, kept=self.places.kept, log=self.log, changed=changed)
        except TestsFailedError as error:
            self.say(str(error))
            return str(error)
        self.say(f"the tests of {app} are green" if tested else f"{app} has no unit tests")
        return None

    def _release(self, run: Run, plan: Plan) -> Outcome:
        def make_image(app: str, pinned: Pinned) -> str:
            layout = Layout(self.places.built / app)
            image = build_image(
                self.target.repository,
                run.head,
                app,
                str(pinned.version),
                layout=layout,
                cache=self.places.cache,
            )
            self._reach("built")
            push_image(image, layout, self.target.layout(pinned))
            self.say(f"built and pushed {pinned.repository}:{pinned.version} ({image.digest})")
            self._reach("pushed")
            return image.digest

        with exclusive(self.places.ci / "release.lock"):
            releases = release(self.target, run.head, plan.builds(), make_image, initial=run.initial)
        self._reach("released")
        if releases:
            self.say(request_refresh(self.places.kubeconfig))
        return _released(plan, releases, self.say)


def _stopped(plan: Plan, failures: tuple[str, ...]) -> Outcome:
    red = {app for app in plan.tests() if any(f"tests of {app} " in message for message in failures)}
    apps = {app: {"state": "red" if app in red else "held"} for app in plan.tests()}
    return Outcome(apps, None, failures)


def _released(plan: Plan, releases: tuple[Release, ...], say: Callable[[str], None]) -> Outcome:
    apps: dict[str, Mapping[str, str]] = {app: {"state": "tested"} for app in plan.tests()}
    apps |= {app: {"state": "superseded"} for app in plan.builds()}
    apps |= {one.app: {"state": "released", "version": one.version, "digest": one.digest} for one in releases}
    bump = releases[0].commit if releases else None
    if bump is None:
        say("superseded: a newer commit has been released already")
    else:
        say(f"released {', '.join(f'{one.app} {one.version}' for one in releases)} in {bump[:12]}")
    return Outcome(apps, bump)
