"""A worker under cProfile, started by `--profile`; when it ends, its profile is in the file that $PROFILE_TO
names.
"""

from __future__ import annotations

import contextlib
import cProfile
import os

from worker_node.__main__ import main

profile = cProfile.Profile()
with contextlib.suppress(SystemExit):
    profile.runcall(main, [])
profile.dump_stats(os.environ["PROFILE_TO"])
