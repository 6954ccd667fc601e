"""`python -m autostack` is the same as `autostack`."""

from autostack.cli.main import main

main()
