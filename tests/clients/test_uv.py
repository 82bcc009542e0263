"""uv: installing, locking and syncing on a cold cache, publishing with a check."""

from tests import distributions
from tests.clients.conftest import uv

PROJECT = """
[project]
name = "consumer"
version = "0"
requires-python = ">=3.11"
dependencies = ["demo-app"]

[[tool.uv.index]]
name = "shop"
url = "{index}"
default = true
"""


def test_installs_through_the_group(shop, tmp_path):
    done = uv("pip", "install", "--target", tmp_path / "site", "--index-url", shop.group, "demo-app", cwd=tmp_path)
    assert done.code == 0, done.output
    assert {path.name for path in (tmp_path / "site").glob("*.dist-info")} == {
        "demo_app-1.0.dist-info",
        "demo_base-2.0.dist-info",
    }


def test_lock_then_frozen_sync_on_a_cold_cache(shop, tmp_path):
    (tmp_path / "pyproject.toml").write_text(PROJECT.format(index=shop.server.index("pypi-public")))
    name, pass_code = shop.credentials
    credentials = {"UV_INDEX_SHOP_USERNAME": name, "UV_INDEX_SHOP_PASSWORD": pass_code, "UV_NO_CONFIG": None}
    locked = uv("lock", cwd=tmp_path, **credentials)
    assert locked.code == 0, locked.output
    lock = (tmp_path / "uv.lock").read_text()
    assert f'url = "{shop.server.base}/repository/pypi-public/' in lock
    assert pass_code not in lock
    assert "?" not in "".join(line for line in lock.splitlines() if "url = " in line)
    synced = uv("sync", "--frozen", cwd=tmp_path, **{**credentials, "UV_CACHE_DIR": str(tmp_path / "cold")})
    assert synced.code == 0, synced.output
    assert list((tmp_path / ".venv").glob("lib/*/site-packages/demo_app-1.0.dist-info"))


def test_wrong_token_is_named_as_such(shop, tmp_path):
    index = shop.group.replace(shop.token.pass_code, "x" * 44)
    done = uv("pip", "install", "--target", tmp_path / "site", "--index-url", index, "demo-app", cwd=tmp_path)
    assert done.code != 0
    assert "401" in done.output


def test_publish_with_check_url_uploads_once(shop, tmp_path, write):
    path = write(distributions.wheel("uv-published", "1.0"))
    name, pass_code = shop.credentials
    command = (
        "publish", "--trusted-publishing", "never", "--publish-url", shop.server.upload_url("pypi-hosted"),
        "--check-url", shop.server.index("pypi-hosted", shop.token), "-u", name, "-p", pass_code, path,
    )  # fmt: skip
    first = uv(*command, cwd=tmp_path)
    assert first.code == 0, first.output
    assert "Uploading" in first.output
    second = uv(*command, cwd=tmp_path)
    assert second.code == 0, second.output
    assert "Uploading" not in second.output
