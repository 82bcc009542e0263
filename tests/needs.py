"""What a test needs of the machine it runs on."""

import os

import pytest


def needs(condition: object, what: str) -> None:
    """Skip when ``what`` is missing; in CI (``CI=true``), where everything can be installed, fail instead."""
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI skips nothing", pytrace=False)
    pytest.skip(f"{what} is missing")
