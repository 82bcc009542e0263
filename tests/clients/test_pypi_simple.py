"""pypi-simple: reading every kind of page without complaint."""

import pytest
from pypi_simple import ACCEPT_HTML_ONLY, ACCEPT_JSON_ONLY, NoSuchProjectError, PyPISimple

from tests import distributions
from tests.clients.conftest import twine


@pytest.fixture(scope="module", autouse=True)
def hosted(shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosted")
    built = distributions.wheel("read-by-simple", "1.0")
    (folder / built.filename).write_bytes(built.content)
    name, pass_code = shop.credentials
    url = shop.server.upload_url("pypi-hosted")
    assert twine("upload", "--repository-url", url, "-u", name, "-p", pass_code, built.filename, cwd=folder).code == 0
    return built


@pytest.mark.parametrize("accept", [ACCEPT_JSON_ONLY, ACCEPT_HTML_ONLY])
@pytest.mark.parametrize(("repository", "project"), [
    ("pypi-hosted", "read-by-simple"), ("pypi-proxy", "demo-base"), ("pypi-public", "read-by-simple"),
    ("pypi-public", "demo-base"),
])  # fmt: skip
def test_reads_project_pages_and_verifies_files(shop, tmp_path, repository, project, accept):
    with PyPISimple(shop.server.index(repository), auth=shop.credentials, accept=accept) as index:
        page = index.get_project_page(project)
        assert page.project == project
        assert page.repository_version == "1.4"
        package = page.packages[0]
        assert package.filename.startswith(project.replace("-", "_"))
        assert "sha256" in package.digests
        index.download_package(package, tmp_path / package.filename, verify=True)
        assert package.has_metadata is True
        assert f"Name: {project}".encode() in index.get_package_metadata_bytes(package, verify=True)


@pytest.mark.parametrize("accept", [ACCEPT_JSON_ONLY, ACCEPT_HTML_ONLY])
@pytest.mark.parametrize("repository", ["pypi-hosted", "pypi-proxy", "pypi-public"])
def test_reads_the_list_of_projects(shop, repository, accept):
    with PyPISimple(shop.server.index(repository), auth=shop.credentials, accept=accept) as index:
        projects = set(index.get_index_page().projects)
    expected = {"pypi-hosted": {"read-by-simple"}, "pypi-proxy": {"demo-app", "demo-base"}}
    assert projects >= expected.get(repository, {"read-by-simple", "demo-app", "demo-base"})


def test_missing_project_is_missing(shop):
    with (
        PyPISimple(shop.server.index("pypi-public"), auth=shop.credentials) as index,
        pytest.raises(NoSuchProjectError),
    ):
        index.get_project_page("nowhere-to-be-found")
