"""The texts for the tools, read with the tools' own formats."""

import configparser
import netrc
import shlex
import tomllib
from pathlib import Path

import pytest

from accounts.web import snippets
from accounts.web.snippets import Codes, Situation
from repoman.addresses import Address

NAME, PASS = "oAWQ0d7A", "_yWx4T1bXidYbrVvlUOlIVwDGGL3-Ic9bACISKKhbdEe"


def situation(
    base: str = "https://packages.example:8443", upload: bool = True, codes: Codes | None = None
) -> Situation:
    return Situation(
        Address(name="pypi-public", type="group", url=f"{base}/repository/pypi-public"),
        Address(name="pypi.hosted_1", type="hosted", url=f"{base}/repository/pypi.hosted_1") if upload else None,
        codes or Codes(NAME, PASS),
    )


def text(tool: snippets.Tool | None, key: str) -> str:
    assert tool is not None
    return next(snippet.text for snippet in tool.snippets if snippet.key == key)


def ini(source: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(source)
    return parser


@pytest.mark.parametrize(
    ("maker", "key", "path", "filename"),
    [
        (snippets.pip_windows, "pip-windows-file", r"%APPDATA%\pip\pip.ini", "pip.ini"),
        (snippets.pip_linux, "pip-linux-file", "~/.config/pip/pip.conf", "pip.conf"),
        (snippets.pip_macos, "pip-macos-file", "~/Library/Application Support/pip/pip.conf", "pip.conf"),
    ],
)
def test_pip_file(maker, key: str, path: str, filename: str) -> None:
    tool = maker(situation())
    [snippet] = [snippet for snippet in tool.snippets if snippet.key == key]
    assert (snippet.path, snippet.filename) == (path, filename)
    assert dict(ini(snippet.text)["global"]) == {
        "index": f"https://{NAME}:{PASS}@packages.example:8443/repository/pypi-public/pypi",
        "index-url": f"https://{NAME}:{PASS}@packages.example:8443/repository/pypi-public/simple",
    }


def test_pip_file_trusts_the_host_on_plain_http_only() -> None:
    source = text(snippets.pip_linux(situation("http://packages.example:8081")), "pip-linux-file")
    assert ini(source)["global"]["trusted-host"] == "packages.example:8081"


def test_no_text_for_https_gives_up_checks_of_the_server() -> None:
    for tool in snippets.tools(situation()):
        for snippet in tool.snippets:
            assert "trusted" not in snippet.text.lower(), snippet.key
            assert "insecure" not in snippet.text, snippet.key


def test_pip_commands_set_the_same_as_the_file() -> None:
    tool = snippets.pip_linux(situation("http://packages.example:8081"))
    file = ini(text(tool, "pip-linux-file"))["global"]
    commands = [shlex.split(line) for line in text(tool, "pip-linux-commands").splitlines()]
    assert [words[:4] for words in commands[:-1]] == [["pip", "config", "--user", "set"]] * 3
    assert {words[4].removeprefix("global."): words[5] for words in commands[:-1]} == dict(file)
    assert commands[-1] == ["pip", "config", "list"]


def test_netrc_file_is_read_for_the_host_without_port(tmp_path: Path) -> None:
    file = tmp_path / "netrc"
    file.write_text(text(snippets.netrc(situation()), "netrc-file"))
    assert netrc.netrc(str(file)).authenticators("packages.example") == (NAME, "", PASS)


def test_netrc_commands_hold_no_codes() -> None:
    commands = text(snippets.netrc(situation()), "netrc-commands")
    assert PASS not in commands
    assert "global.index-url https://packages.example:8443/repository/pypi-public/simple" in commands


def test_uv_file() -> None:
    assert tomllib.loads(text(snippets.uv(situation()), "uv-file")) == {
        "index": [
            {
                "name": "pypi-public",
                "url": "https://packages.example:8443/repository/pypi-public/simple",
                "default": True,
            }
        ]
    }


def test_uv_file_on_plain_http_allows_the_host() -> None:
    document = tomllib.loads(text(snippets.uv(situation("http://packages.example:8081")), "uv-file"))
    assert document["allow-insecure-host"] == ["packages.example:8081"]
    assert document["index"][0]["default"] is True


def test_uv_variables_are_named_after_the_index() -> None:
    assert text(snippets.uv(situation()), "uv-variables") == (
        f"export UV_INDEX_PYPI_PUBLIC_USERNAME={NAME}\nexport UV_INDEX_PYPI_PUBLIC_PASSWORD={PASS}"
    )
    assert snippets.uv_variable("a.b-c_D1") == "A_B_C_D1"


def test_uv_publish_goes_to_the_hosted_repository() -> None:
    words = shlex.split(text(snippets.uv(situation()), "uv-publish"))
    assert words == [
        "uv", "publish", "--publish-url", "https://packages.example:8443/repository/pypi.hosted_1/",
        "--username", NAME, "--password", PASS,
    ]  # fmt: skip


def test_poetry() -> None:
    tool = snippets.poetry(situation())
    assert text(tool, "poetry-source").splitlines() == [
        "poetry source add --priority=primary pypi-public https://packages.example:8443/repository/pypi-public/simple/",
        f"poetry config http-basic.pypi-public {NAME} {PASS}",
    ]
    assert text(tool, "poetry-publish").splitlines() == [
        "poetry config repositories.pypi-hosted_1 https://packages.example:8443/repository/pypi.hosted_1/",
        f"poetry config http-basic.pypi-hosted_1 {NAME} {PASS}",
        "poetry publish --build -r pypi-hosted_1",
    ]


def test_pdm() -> None:
    tool = snippets.pdm(situation())
    assert text(tool, "pdm-index").splitlines() == [
        "pdm config pypi.url https://packages.example:8443/repository/pypi-public/simple",
        f"pdm config pypi.username {NAME}",
        f"pdm config pypi.password {PASS}",
    ]
    assert text(tool, "pdm-publish").splitlines()[-1] == "pdm publish -r pypi-hosted_1"


def test_pypirc() -> None:
    parsed = ini(text(snippets.twine(situation()), "twine-file"))
    assert parsed["distutils"]["index-servers"].split() == ["pypi.hosted_1"]
    assert dict(parsed["pypi.hosted_1"]) == {
        "repository": "https://packages.example:8443/repository/pypi.hosted_1/",
        "username": NAME,
        "password": PASS,
    }


def test_without_a_hosted_repository_there_is_nothing_on_uploading() -> None:
    made = snippets.tools(situation(upload=False))
    assert "twine" not in [tool.key for tool in made]
    assert not [snippet.key for tool in made for snippet in tool.snippets if "publish" in snippet.key]


def test_docker_and_ci_hold_no_codes() -> None:
    for tool in (snippets.docker(situation()), snippets.continuous_integration(situation())):
        for snippet in tool.snippets:
            assert NAME not in snippet.text
            assert PASS not in snippet.text


def test_ci_variables() -> None:
    tool = snippets.continuous_integration(situation())
    assert text(tool, "ci-gitlab") == (
        "variables:\n"
        '  PIP_INDEX_URL: "https://${REPOMAN_NAME_CODE}:${REPOMAN_PASS_CODE}@packages.example:8443'
        '/repository/pypi-public/simple"'
    )
    assert "${{ secrets.REPOMAN_PASS_CODE }}@packages.example:8443" in text(tool, "ci-github")


def test_a_pass_code_that_cannot_be_shown_has_a_placeholder() -> None:
    source = text(snippets.twine(situation(codes=Codes(NAME))), "twine-file")
    assert ini(source)["pypi.hosted_1"]["password"] == "PASS_CODE"


@pytest.mark.parametrize(
    ("agent", "system", "first"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "windows", "pip-windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "macos", "pip-macos"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "linux", "pip-linux"),
        ("", "linux", "pip-linux"),
    ],
)
def test_the_visitors_system_comes_first(agent: str, system: str, first: str) -> None:
    assert snippets.system_of(agent) == system
    made = [tool.key for tool in snippets.tools(situation(), system)]
    assert made[0] == first
    assert len(made) == len(set(made)) == 10


def test_keys_of_files_are_unique_and_names_are_plain() -> None:
    files = [snippet for tool in snippets.tools(situation()) for snippet in tool.snippets if snippet.filename]
    assert len({snippet.key for snippet in files}) == len(files) == 6
    assert {snippet.filename for snippet in files} == {"pip.ini", "pip.conf", "netrc", "uv.toml", ".pypirc"}
