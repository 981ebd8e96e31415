"""A server that the tests of this folder share."""

import pytest

for library in ("fastapi", "uvicorn", "httpx"):
    pytest.importorskip(library, reason="serving needs lfsc-tts[serve]")

from servers import serving, toy_settings  # noqa: E402


@pytest.fixture(scope="session")
def server(exported_voice):
    """One for all tests that leave it as it was."""
    with serving(toy_settings(exported_voice)) as running:
        yield running
