"""The official index itself, with a few small packages; the only tests that leave this machine."""

import socket
from urllib.parse import urlsplit

import pytest

from repoman.configuration import OFFICIAL_INDEX
from tests.clients.conftest import pip, uv


@pytest.fixture(scope="module")
def token(live):
    try:
        socket.create_connection((urlsplit(OFFICIAL_INDEX).hostname, 443), timeout=5).close()
    except OSError as error:
        pytest.skip(f"the official index cannot be reached from here: {error}")
    return live.user_token()


def test_pip_installs_flask_through_the_group(live, token, tmp_path):
    index = live.index("pypi-public", token)
    done = pip("install", "--target", tmp_path / "site", "--index-url", index, "flask", "six", cwd=tmp_path)
    assert done.code == 0, done.output
    names = {path.name.partition("-")[0].lower() for path in (tmp_path / "site").glob("*.dist-info")}
    assert names >= {"flask", "werkzeug", "jinja2", "click", "six"}


def test_uv_installs_flask_through_the_group(live, token, tmp_path):
    index = live.index("pypi-public", token)
    done = uv("pip", "install", "--target", tmp_path / "site", "--index-url", index, "flask", cwd=tmp_path)
    assert done.code == 0, done.output
    assert list((tmp_path / "site").glob("flask-*.dist-info"))
