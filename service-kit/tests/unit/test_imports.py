"""What the package offers, and what importing it costs."""

import subprocess
import sys

import pytest
import service_kit


@pytest.mark.parametrize("name", service_kit.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(service_kit, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        service_kit.nothing  # noqa: B018 - the look-up is what is tested


def test_a_job_that_serves_nothing_starts_without_a_web_framework() -> None:
    program = (
        "import sys; from service_kit import load_settings; import service_kit.logs; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"fastapi", "uvicorn", "pydantic"} & set(loaded.stdout.split())
