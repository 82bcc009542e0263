"""flit, poetry, pdm and hatch: each publishes into the hosted repository, and again without harm where it may."""

from pathlib import Path

import pytest

from tests import distributions
from tests.clients.conftest import Done, run
from tests.clients.test_twine import shop_page

PROJECT = """
[build-system]
requires = ["{backend}"]
build-backend = "{module}"

[project]
name = "{name}"
version = "1.0"
description = "A test"
requires-python = ">=3.11"
"""


def project(folder: Path, name: str, backend: str, module: str) -> list[Path]:
    """A project with a built wheel and sdist; returns the built files."""
    stem = name.replace("-", "_")
    (folder / "pyproject.toml").write_text(PROJECT.format(name=name, backend=backend, module=module))
    (folder / f"{stem}.py").write_text('"""A test."""\n\n__version__ = "1.0"\n')
    (folder / "dist").mkdir()
    built = [distributions.wheel(name, "1.0"), distributions.sdist(name, "1.0")]
    for one in built:
        (folder / "dist" / one.filename).write_bytes(one.content)
    return [folder / "dist" / one.filename for one in built]


def flit(program: Path, shop, folder: Path) -> Done:
    name, pass_code = shop.credentials
    settings = {
        "FLIT_INDEX_URL": shop.server.upload_url("pypi-hosted"),
        "FLIT_USERNAME": name,
        "FLIT_PASSWORD": pass_code,
    }
    return run(program, "publish", cwd=folder, SOURCE_DATE_EPOCH="1767225600", **settings)


def poetry(program: Path, shop, folder: Path) -> Done:
    name, pass_code = shop.credentials
    settings = {"POETRY_REPOSITORIES_SHOP_URL": shop.server.upload_url("pypi-hosted")}
    return run(
        program,
        "publish",
        "--no-interaction",
        "--repository",
        "shop",
        "-u",
        name,
        "-p",
        pass_code,
        cwd=folder,
        **settings,
    )


def pdm(program: Path, shop, folder: Path) -> Done:
    name, pass_code = shop.credentials
    url = shop.server.upload_url("pypi-hosted")
    return run(
        program, "publish", "--no-build", "-r", url, "-u", name, "-P", pass_code, cwd=folder, PDM_CHECK_UPDATE="0"
    )


def hatch(program: Path, shop, folder: Path) -> Done:
    name, pass_code = shop.credentials
    url = shop.server.upload_url("pypi-hosted")
    return run(program, "publish", "--no-prompt", "-r", url, "-u", name, "-a", pass_code, cwd=folder)


TOOLS = {
    "flit": (flit, "flit_core", "flit_core.buildapi"),
    "poetry": (poetry, "poetry-core", "poetry.core.masonry.api"),
    "pdm": (pdm, "pdm-backend", "pdm.backend"),
    "hatch": (hatch, "hatchling", "hatchling.build"),
}


@pytest.mark.parametrize("name", TOOLS)
def test_publishes_wheel_and_sdist_and_again(shop, tmp_path, tool, name):
    publish, backend, module = TOOLS[name]
    program = tool(name)
    files = project(tmp_path, f"by-{name}", backend, module)
    first = publish(program, shop, tmp_path)
    assert first.code == 0, first.output
    page = shop_page(shop, f"/repository/pypi-hosted/simple/by-{name}/")
    assert all(path.name in page for path in files)
    second = publish(program, shop, tmp_path)
    assert second.code == 0, second.output
    assert shop_page(shop, f"/repository/pypi-hosted/simple/by-{name}/") == page


def test_hatch_does_not_upload_what_is_there(shop, tmp_path, tool):
    program = tool("hatch")
    project(tmp_path, "by-hatch-twice", "hatchling", "hatchling.build")
    assert hatch(program, shop, tmp_path).code == 0
    done = hatch(program, shop, tmp_path)
    assert done.code == 0, done.output
    assert done.output.count("already exists") == 2


@pytest.mark.parametrize("name", TOOLS)
def test_wrong_token_is_an_error_that_names_it(shop, tmp_path, tool, name):
    publish, backend, module = TOOLS[name]
    program = tool(name)
    project(tmp_path, f"never-by-{name}", backend, module)
    wrong = type(shop)(shop.server, shop.upstream, type(shop.token)(shop.token.name_code, "x" * 44))
    done = publish(program, wrong, tmp_path)
    assert done.code != 0
    assert "401" in done.output
