"""twine: both forms of the upload address, uploading again, other content under the same name, wrong tokens."""

import pytest

from tests import distributions
from tests.clients.conftest import twine


def upload(shop, path, cwd, *, slash=True, password=None, repository="pypi-hosted"):
    name, pass_code = shop.credentials
    url = shop.server.upload_url(repository, slash=slash)
    return twine("upload", "--verbose", "--repository-url", url, "-u", name, "-p", password or pass_code, path, cwd=cwd)


@pytest.mark.parametrize("slash", [True, False])
def test_address_with_and_without_slash(shop, tmp_path, write, slash):
    path = write(distributions.wheel(f"twine-slash-{slash}", "1.0"))
    done = upload(shop, path, tmp_path, slash=slash)
    assert done.code == 0, done.output
    page = f"/repository/pypi-hosted/simple/twine-slash-{slash}/".lower()
    assert path.name in shop_page(shop, page)


def shop_page(shop, path: str) -> str:
    import base64

    credentials = base64.b64encode(":".join(shop.credentials).encode()).decode()
    status, _headers, body = shop.server.get(path, {"Authorization": f"Basic {credentials}"})
    assert status == 200
    return body.decode()


def test_same_file_again_is_fine(shop, tmp_path, write):
    path = write(distributions.sdist("twine-again", "1.0"))
    assert upload(shop, path, tmp_path).code == 0
    done = upload(shop, path, tmp_path)
    assert done.code == 0, done.output


def test_other_content_under_the_same_name_is_refused(shop, tmp_path, write):
    assert upload(shop, write(distributions.wheel("twine-other", "1.0")), tmp_path).code == 0
    done = upload(shop, write(distributions.wheel("twine-other", "1.0", payload=b"changed")), tmp_path)
    assert done.code == 1
    assert "400" in done.output
    assert "File already exists" in done.output


def test_wrong_token_is_401(shop, tmp_path, write):
    done = upload(shop, write(distributions.wheel("twine-wrong", "1.0")), tmp_path, password="x" * 44)
    assert done.code == 1
    assert "401" in done.output


def test_password_of_the_account_works_as_well(shop, tmp_path, write):
    path = write(distributions.wheel("twine-password", "1.0"))
    password = (shop.server.data / "admin.password").read_text().strip()
    url = shop.server.upload_url("pypi-hosted")
    done = twine("upload", "--repository-url", url, "-u", "admin", "-p", password, path, cwd=tmp_path)
    assert done.code == 0, done.output


def test_user_name_token_works_with_the_pass_code(shop, tmp_path, write):
    path = write(distributions.wheel("twine-token", "1.0"))
    url = shop.server.upload_url("pypi-hosted")
    done = twine("upload", "--repository-url", url, "-u", "__token__", "-p", shop.token.pass_code, path, cwd=tmp_path)
    assert done.code == 0, done.output


def test_proxy_takes_no_uploads(shop, tmp_path, write):
    done = upload(shop, write(distributions.wheel("twine-proxy", "1.0")), tmp_path, repository="pypi-proxy")
    assert done.code == 1
    assert "InternalServerError" not in done.output
    assert " 500 " not in done.output
