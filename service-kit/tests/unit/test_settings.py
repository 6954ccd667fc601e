"""Settings: everything wrong is told at once, by the variable's name, and secrets never by their value."""

from dataclasses import dataclass

import pytest
from service_kit import DatabaseSettings, ServiceSettings, SettingsError, load_settings, setting
from service_kit.settings import describe_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Example(ServiceSettings):
    token: str = setting(help="what callers show", secret=True)
    share: float = setting(0.5, help="of requests", minimum=0, maximum=1)
    loud: bool = setting(False, help="say more")


def complaint(**environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(Example, environment)
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_defaults_apply_when_only_what_is_required_is_set() -> None:
    settings = load_settings(Example, {"TOKEN": "7f3a9c"})
    assert (settings.listen_port, settings.share, settings.loud) == (8000, 0.5, False)


def test_values_are_read_in_their_types() -> None:
    settings = load_settings(Example, {"TOKEN": "t0k3n", "SHARE": "0.25", "LOUD": "1", "LISTEN_PORT": "0"})
    assert (settings.share, settings.loud, settings.listen_port) == (0.25, True, 0)


@pytest.mark.parametrize(
    "secret",
    ["changeme", "CHANGE-ME", "password", "<password>", "${TOKEN}", "xxxx", "your-token-here", "todo"],
)
def test_a_placeholder_is_not_a_secret_and_is_not_repeated(secret: str) -> None:
    message = complaint(TOKEN=secret)
    assert message.startswith("TOKEN holds a placeholder")


@pytest.mark.parametrize("environment", [{}, {"TOKEN": ""}])
def test_a_missing_or_empty_secret_stops_the_start(environment: dict[str, str]) -> None:
    assert complaint(**environment) == "TOKEN is missing (what callers show)"


def test_everything_wrong_is_told_at_once() -> None:
    message = complaint(LISTEN_PORT="http", SHARE="2", LOUD="maybe", LOG_LEVEL="chatty")
    for part in (
        "LISTEN_PORT must be a whole number, not 'http'",
        "SHARE must be at most 1, not 2",
        "LOUD must be 1 or 0, not 'maybe'",
        "LOG_LEVEL must be one of debug, info, warning, error, not 'chatty'",
        "TOKEN is missing",
    ):
        assert part in message


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", ""])
def test_numbers_are_finite(number: str) -> None:
    if number:
        assert "SHARE must be a number" in complaint(TOKEN="t0k3n", SHARE=number)
    else:
        assert load_settings(Example, {"TOKEN": "t0k3n", "SHARE": ""}).share == 0.5


def test_a_secret_is_not_in_the_settings_text() -> None:
    assert "s3cr3t-value" not in repr(load_settings(Example, {"TOKEN": "s3cr3t-value"}))


@pytest.mark.parametrize("settings_type", [Example, ServiceSettings, DatabaseSettings])
def test_every_setting_is_described(settings_type: type[ServiceSettings]) -> None:
    for described in describe_settings(settings_type):
        assert described.rule.help
        assert described.variable == described.variable.upper()
        if described.variable.endswith("_S"):
            assert described.rule.unit == "s"
