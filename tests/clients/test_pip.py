"""pip: installing through the group, from the cache, with wrong credentials, with fast-deps."""

import pytest

from tests import distributions
from tests.clients.conftest import pip, twine


def installed(folder) -> set[str]:
    return {path.name for path in folder.glob("*.dist-info")}


def test_installs_through_the_group_with_a_token(shop, tmp_path):
    done = pip("install", "--target", tmp_path / "site", "--index-url", shop.group, "demo-app", cwd=tmp_path)
    assert done.code == 0, done.output
    assert installed(tmp_path / "site") == {"demo_app-1.0.dist-info", "demo_base-2.0.dist-info"}
    assert shop.token.pass_code not in done.output


def test_requires_hashes_that_hold(shop, tmp_path):
    built = distributions.wheel("demo-base", "1.0")
    (tmp_path / "lock.txt").write_text(f"demo-base==1.0 --hash=sha256:{built.sha256}\n")
    done = pip(
        "install", "--target", tmp_path / "site", "--index-url", shop.group, "--require-hashes", "-r", "lock.txt",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.output
    assert installed(tmp_path / "site") == {"demo_base-1.0.dist-info"}


def test_second_install_is_served_from_the_cache_while_upstream_is_away(shop, tmp_path):
    first = pip("download", "--dest", tmp_path / "a", "--index-url", shop.group, "demo-app", cwd=tmp_path)
    assert first.code == 0, first.output
    asked = len(shop.upstream.asked)
    shop.upstream.fault("/", lambda exchange: exchange.break_off())
    try:
        second = pip("download", "--dest", tmp_path / "b", "--index-url", shop.group, "demo-app", cwd=tmp_path)
    finally:
        shop.upstream.heal()
    assert second.code == 0, second.output
    assert {path.name for path in (tmp_path / "b").iterdir()} == {path.name for path in (tmp_path / "a").iterdir()}
    assert not [asking for asking in shop.upstream.asked[asked:] if asking.path.startswith("/files/")]


def test_wrong_token_prints_credentials_not_correct(shop, tmp_path):
    index = shop.group.replace(shop.token.pass_code, "x" * 44)
    done = pip("install", "--target", tmp_path / "site", "--index-url", index, "demo-app", cwd=tmp_path)
    assert done.code == 1
    assert "401 Error, Credentials not correct" in done.output


def test_without_credentials_pip_is_asked_for_them(shop, tmp_path):
    index = shop.server.index("pypi-public")
    done = pip("install", "--no-input", "--target", tmp_path / "site", "--index-url", index, "demo-app", cwd=tmp_path)
    assert done.code == 1
    assert "User for 127.0.0.1" in done.output or "No matching distribution found" in done.output


def test_unknown_project_is_not_found(shop, tmp_path):
    done = pip("download", "--index-url", shop.group, "demo-nowhere", cwd=tmp_path)
    assert done.code == 1
    assert "No matching distribution found for demo-nowhere" in done.output


def test_fast_deps_reads_metadata_without_the_whole_wheel(shop, tmp_path):
    done = pip(
        "download", "--use-feature=fast-deps", "--dest", tmp_path / "got", "--index-url", shop.group, "demo-app",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.output
    assert {path.name for path in (tmp_path / "got").iterdir()} == {
        "demo_app-1.0-py3-none-any.whl",
        "demo_base-2.0-py3-none-any.whl",
    }


@pytest.mark.parametrize("build", [distributions.wheel, distributions.sdist])
def test_next_install_finds_what_was_just_uploaded(shop, tmp_path, write, build):
    name = f"fresh-{build.__name__}"
    path = write(build(name, "1.0"))
    done = twine(
        "upload", "--repository-url", shop.server.upload_url("pypi-hosted"), "-u", shop.token.name_code,
        "-p", shop.token.pass_code, path, cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.output
    got = pip("download", "--no-deps", "--no-build-isolation", "--dest", tmp_path / "got", "--index-url", shop.group, name,
              cwd=tmp_path)  # fmt: skip
    assert got.code == 0, got.output
    assert (tmp_path / "got" / path.name).read_bytes() == path.read_bytes()
