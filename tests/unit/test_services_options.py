"""Options of a repository against their declaration."""

from typing import Any

import pytest

from repoman.toolbox.secrets import unseal
from repositories.recipe import Option, OptionErrors, Recipe
from repositories.services.options import SECRET_PURPOSE, checked_options


def _build(row: Any, surroundings: Any) -> Any:
    raise AssertionError("not built here")


RECIPE = Recipe(
    key="test-proxy",
    format="test",
    type="proxy",
    label="test (proxy)",
    description="",
    build=_build,
    options=(
        Option(key="remote_url", label="Remote", kind="url", required=True),
        Option(key="age", label="Age", kind="integer", default=10, minimum=-1, maximum=100),
        Option(key="blocked", label="Blocked", kind="boolean", default=False),
        Option(key="policy", label="Policy", kind="choice", default="a", choices=(("a", "A"), ("b", "B"))),
        Option(key="username", label="User", kind="text", default=""),
        Option(key="password", label="Password", kind="secret"),
    ),
    check=lambda options: {"username": "needed"} if options["password"] and not options["username"] else {},
)


def check(stored: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    if stored is None:
        given.setdefault("remote_url", "https://index.example")
    return dict(checked_options(RECIPE, given, stored=stored))


def errors(stored: dict[str, Any] | None = None, **given: Any) -> dict[str, str]:
    with pytest.raises(OptionErrors) as caught:
        check(stored, **given)
    return {key: str(message) for key, message in caught.value.errors.items()}


def test_what_is_left_out_gets_its_default() -> None:
    assert check() == {
        "remote_url": "https://index.example",
        "age": 10,
        "blocked": False,
        "policy": "a",
        "username": "",
        "password": "",
    }


def test_what_is_left_out_of_a_change_stays() -> None:
    stored = {**check(), "age": 50, "blocked": True}
    assert check(stored, policy="b") == {**stored, "policy": "b"}


def test_a_key_nobody_declared_is_refused() -> None:
    assert errors(colour="red") == {"colour": "There is no such option."}


def test_a_required_option_may_not_be_empty() -> None:
    assert errors(remote_url="  ") == {"remote_url": "This field is required."}


@pytest.mark.parametrize(
    "url",
    [
        "ftp://index.example",
        "index.example",
        "https://",
        "https:///simple",
        "javascript:alert(1)",
        "https://user:pass@index.example",
        "https://user@index.example",
        "https://@index.example",
        "https://index.example:99999",
        "https://index.example:port",
        "https://index.example:0",
        "https://[::1",
        "https://index.example/?token=x",
        "https://index.example/#x",
        "https://index.example/a b",
        "https://index.example\\@other.example",
        "https://index.example/\x00",
        "https://index.example/\nHost: x",
        'https://index.example/"onmouseover=',
        "https://-bad.example",
        "https://" + "a" * 3000,
        7,
        ["https://index.example"],
    ],
)
def test_an_address_that_cannot_be_a_remote_is_refused(url: Any) -> None:
    assert list(errors(remote_url=url)) == ["remote_url"]


@pytest.mark.parametrize(
    "url",
    [
        "https://index.example",
        "http://index.example:8080/simple/",
        "https://127.0.0.1:8443/repository/x",
        "https://[2001:db8::1]:8443/simple",
        "https://my_host/simple",
        "HTTPS://Index.Example/whl/cu130",
    ],
)
def test_an_address_is_kept_as_it_was_written(url: str) -> None:
    assert check(remote_url=f" {url} ")["remote_url"] == url


@pytest.mark.parametrize(("given", "kept"), [(5, 5), ("5", 5), ("-1", -1), ("", 10), (None, 10)])
def test_a_number_may_come_as_text_and_emptied_means_its_default(given: Any, kept: int) -> None:
    assert check(age=given)["age"] == kept


@pytest.mark.parametrize("given", ["5.5", "five", 5.5, True, "1e3", "٥", [5], 101, -2, "9" * 30])
def test_what_is_no_number_of_the_range_is_refused(given: Any) -> None:
    assert list(errors(age=given)) == ["age"]


def test_a_range_is_named_in_the_message() -> None:
    assert errors(age=101) == {"age": "The largest value is 100."}
    assert errors(age=-2) == {"age": "The smallest value is -1."}


@pytest.mark.parametrize(("key", "value"), [("blocked", "yes"), ("blocked", 1), ("policy", "c"), ("policy", ["a"])])
def test_a_value_of_the_wrong_type_is_refused(key: str, value: Any) -> None:
    assert list(errors(**{key: value})) == [key]


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "a\u2028b", "a" * 3000, 5])
def test_text_is_one_line_of_bounded_length(text: Any) -> None:
    assert list(errors(username=text)) == ["username"]


def test_a_secret_is_stored_sealed_and_opens_with_its_purpose() -> None:
    options = check(username="reader", password="s3cret-pass")
    assert "s3cret-pass" not in str(options)
    assert unseal(str(options["password"]), purpose=SECRET_PURPOSE) == "s3cret-pass"


def test_an_empty_secret_keeps_the_stored_one_and_none_removes_it() -> None:
    stored = check(username="reader", password="s3cret-pass")
    assert check(stored, password="")["password"] == stored["password"]
    assert check(stored, age=3)["password"] == stored["password"]
    assert check(stored, password=None)["password"] == ""


def test_a_kept_secret_does_not_go_to_another_server() -> None:
    stored = check(username="reader", password="s3cret-pass")
    assert list(errors(stored, remote_url="https://thief.example")) == ["password"]
    assert list(errors(stored, remote_url="http://index.example")) == ["password"]
    assert check(stored, remote_url="https://index.example:443/simple")["password"] == stored["password"]
    assert check(stored, remote_url="https://other.example", password=None)["password"] == ""
    moved = check(stored, remote_url="https://other.example", password="new")
    assert unseal(str(moved["password"]), purpose=SECRET_PURPOSE) == "new"


def test_the_recipe_looks_at_options_together_last() -> None:
    assert errors(password="x") == {"username": "needed"}
    assert list(errors(password="x", age="x")) == ["age"]
