"""`python -m autostack.console` serves the console until it is stopped."""

from service_kit import run

from autostack.console.application import build
from autostack.console.settings import ConsoleSettings

if __name__ == "__main__":
    run("console", ConsoleSettings, build)
