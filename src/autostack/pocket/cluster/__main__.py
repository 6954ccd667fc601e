"""The control plane's process; started by `autostack cluster start`."""

import sys

from autostack.pocket.cluster.control_plane import main

sys.exit(main(sys.argv[1:]))
