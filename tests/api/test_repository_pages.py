"""What the repositories' pages do and show, without a browser."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from blobstores.models import Blob, BlobStore
from repoman.toolbox import clock
from repoman.toolbox.secrets import unseal
from repositories.models import (
    Distribution,
    Project,
    Repository,
    RoutingRule,
    TrustedCertificate,
    UpstreamHealth,
    UpstreamPage,
)
from repositories.services.members import member_names
from repositories.services.repositories import create_repository
from repositories.services.routing_rules import create_routing_rule

HOSTILE = "\"'><script>window.owned=1</script><img src=x onerror=alert(1)>{{7*7}}{% now %}"


def hosted(name: str, **more: Any) -> Repository:
    return create_repository(name=name, recipe="pypi-hosted", blob_store="default", options={}, **more)


def proxy(name: str, **options: Any) -> Repository:
    options = {"remote_url": "https://index.example", **options}
    return create_repository(name=name, recipe="pypi-proxy", blob_store="default", options=options)


def group(name: str, *members: str) -> Repository:
    return create_repository(name=name, recipe="pypi-group", blob_store="default", options={}, members=members)


def distribution(repository: Repository, project: Project, filename: str, version: str, **more: Any) -> Distribution:
    digest = f"{Blob.objects.count():064x}"
    blob = Blob.objects.create(
        store=repository.blob_store, sha256=digest, blake2b_256=digest, md5=digest[:32], size=2048
    )
    return Distribution.objects.create(
        repository=repository, project=project, filename=filename, version=version, packagetype="bdist_wheel",
        blob=blob, uploaded_at=datetime(2026, 3, 4, 5, 6, tzinfo=UTC), **more,
    )  # fmt: skip


class _Form(HTMLParser):
    """What a browser sends for a form whose fields nobody has touched; menus keep their first choice."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("name") and given.get("type") not in ("checkbox", "radio"):
            self.fields.append((str(given["name"]), given.get("value") or ""))
        elif tag == "input" and given.get("name") and "checked" in given:
            self.fields.append((str(given["name"]), given.get("value") or "on"))


def page(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, response.content[:2000]
    return response.content.decode()


PROXY = {"name": "mirror", "remote_url": "https://index.example", "blob_store": "default", "online": "on"}


def test_a_proxy_is_made_with_what_a_first_use_needs(administrator: Client) -> None:
    response = administrator.post("/admin/repositories/new/pypi-proxy/", PROXY)
    assert (response.status_code, response["Location"]) == (302, "/admin/repositories/mirror/")
    made = Repository.objects.get(name="mirror")
    assert made.options["remote_url"] == "https://index.example"
    # Boxes that are not ticked are switched off; numbers that are not sent keep their default.
    assert (made.options["auto_block"], made.options["timeout"]) == (False, 20)
    assert "Repository created: mirror" in page(administrator, "/admin/repositories/mirror/")


def test_a_name_is_suggested_that_is_free(administrator: Client) -> None:
    assert 'value="pypi-internal"' in page(administrator, "/admin/repositories/new/pypi-hosted/")
    hosted("PyPI-Internal")
    assert 'value="pypi-internal-2"' in page(administrator, "/admin/repositories/new/pypi-hosted/")


def test_errors_are_at_the_fields_and_what_was_typed_is_kept(administrator: Client) -> None:
    hosted("Mirror")
    data = {
        **PROXY,
        "remote_url": "https://me:secret-word@index.example",
        "timeout": "soon",
        "user_agent_suffix": "kept text",
    }
    response = administrator.post("/admin/repositories/new/pypi-proxy/", data)
    text = response.content.decode()
    assert response.status_code == 422
    assert 'href="#id_name"' in text
    assert 'href="#id_remote_url"' in text
    assert 'href="#id_timeout"' in text
    assert "two names must differ in more than case" in text
    assert 'value="kept text"' in text
    assert '<details class="fold" open>' in text, "a folded section with an error is open"
    assert not Repository.objects.filter(name="mirror").exists()


@pytest.mark.parametrize(
    "path", ["new/npm-proxy", "new/<script>", "new/pypi-proxy%00", "a%00b", "%ea%b0%80", "a%00b/settings"]
)
def test_an_unknown_type_or_a_name_that_is_none_is_404(path: str, administrator: Client) -> None:
    assert administrator.get(f"/admin/repositories/{path}/").status_code == 404


def test_the_members_are_moved_by_buttons_that_ask_the_server(administrator: Client) -> None:
    for name in ("a", "b", "c"):
        hosted(name)
    path = "/admin/repositories/new/pypi-group/"
    base = {"name": "all", "blob_store": "default", "online": "on"}
    text = administrator.post(path, {**base, "members-op": "add", "members-available": ["c", "a"]}).content.decode()
    assert re.findall(r'type="hidden" name="members" value="(\w)"', text) == ["a", "c"]
    assert 'value="all"' in text, "what was typed is kept"
    text = administrator.post(
        path, {**base, "members": ["a", "c"], "members-op": "up", "members-chosen": ["c"]}
    ).content.decode()
    assert re.findall(r'type="hidden" name="members" value="(\w)"', text) == ["c", "a"]
    assert not Repository.objects.filter(name="all").exists()
    response = administrator.post(path, {**base, "members": ["c", "a"]})
    assert response.status_code == 302
    assert member_names(Repository.objects.get(name="all")) == ["c", "a"]


def test_a_group_without_members_is_sent_back(administrator: Client) -> None:
    hosted("a")
    response = administrator.post("/admin/repositories/new/pypi-group/", {"name": "all", "blob_store": "default"})
    assert response.status_code == 422
    assert "Choose at least one member." in response.content.decode()


def test_a_group_is_not_offered_itself_nor_what_contains_it(administrator: Client) -> None:
    hosted("leaf")
    group("inner", "leaf")
    group("outer", "inner")
    text = page(administrator, "/admin/repositories/inner/settings/")
    assert re.findall(r'<option value="([a-z]+)"[^>]*>[^<]*—', text) == ["leaf"]


def test_a_stored_password_is_never_in_a_page(administrator: Client) -> None:
    made = proxy("mirror", username="reader", password="s3cret-Pass")
    sealed = made.options["password"]
    for path in ("", "settings/", "delete/"):
        text = page(administrator, f"/admin/repositories/mirror/{path}")
        assert "s3cret-Pass" not in text
        assert sealed not in text
    data = {**PROXY, "password": "another-Pass", "timeout": "x"}
    assert "another-Pass" not in administrator.post("/admin/repositories/mirror/settings/", data).content.decode()


def test_an_empty_password_keeps_it_and_a_tick_removes_it(administrator: Client) -> None:
    proxy("mirror", username="reader", password="s3cret-Pass")
    path = "/admin/repositories/mirror/settings/"
    data = {"remote_url": "https://index.example/simple", "username": "reader", "online": "on"}
    assert administrator.post(path, data).status_code == 302
    kept = Repository.objects.get(name="mirror").options
    assert unseal(kept["password"], purpose="upstream-password") == "s3cret-Pass"
    assert administrator.post(path, {**data, "remote_url": "https://thief.example"}).status_code == 422
    assert administrator.post(path, {**data, "password-clear": "on"}).status_code == 302
    assert Repository.objects.get(name="mirror").options["password"] == ""


def test_settings_saved_unchanged_change_nothing(administrator: Client) -> None:
    made = proxy("mirror", username="reader", password="s3cret-Pass", metadata_max_age=7, auto_block=False)
    parser = _Form()
    text = page(administrator, "/admin/repositories/mirror/settings/")
    start = text.index('<form method="post" class="stack"')
    parser.feed(text[start : text.index("</form>", start)])
    assert administrator.post("/admin/repositories/mirror/settings/", dict(parser.fields)).status_code == 302
    assert Repository.objects.get(name="mirror").options == made.options


def test_taking_offline_and_putting_online(administrator: Client) -> None:
    hosted("ours")
    administrator.post("/admin/repositories/ours/online/", {"online": "no"})
    assert not Repository.objects.get(name="ours").online
    assert "Offline" in page(administrator, "/admin/repositories/")
    administrator.post("/admin/repositories/ours/online/", {"online": "yes"})
    assert Repository.objects.get(name="ours").online


def test_invalidating_says_how_many_remotes_are_asked_again(administrator: Client) -> None:
    proxy("one"), proxy("two")
    group("all", "one", "two")
    response = administrator.post("/admin/repositories/all/invalidate/", follow=True)
    assert "2 remotes are asked again" in response.content.decode()


def test_deleting_needs_the_name_and_leave_of_the_groups(administrator: Client) -> None:
    hosted("ours"), hosted("other")
    group("all", "ours", "other")
    path = "/admin/repositories/ours/delete/"
    assert "The group" in page(administrator, path)
    assert administrator.post(path, {"confirm": "OURS"}).status_code == 422
    refused = administrator.post(path, {"confirm": "ours"})
    assert refused.status_code == 422
    assert "member of: all" in refused.content.decode()
    assert Repository.objects.filter(name="ours").exists()
    assert administrator.post(path, {"confirm": "ours", "detach": "yes"})["Location"] == "/admin/repositories/"
    assert not Repository.objects.filter(name="ours").exists()
    assert member_names(Repository.objects.get(name="all")) == ["other"]


def _order(text: str) -> list[str]:
    return re.findall(r'<th scope="row"[^>]*><a href="/admin/repositories/([^/]+)/"', text)


def test_the_list_is_filtered_and_sorted_by_its_address(administrator: Client) -> None:
    hosted("beta"), proxy("Alpha"), hosted("gamma")
    group("delta", "gamma")
    assert _order(page(administrator, "/admin/repositories/")) == ["Alpha", "beta", "delta", "gamma"]
    assert _order(page(administrator, "/admin/repositories/?sort=-name")) == ["gamma", "delta", "beta", "Alpha"]
    assert _order(page(administrator, "/admin/repositories/?type=hosted")) == ["beta", "gamma"]
    assert _order(page(administrator, "/admin/repositories/?q=LPH")) == ["Alpha"]
    assert _order(page(administrator, "/admin/repositories/?q=가&type=nope&sort=;drop")) == []
    assert "Nothing matches the filter" in page(administrator, "/admin/repositories/?q=%00%27%22")


def test_live_filtering_answers_with_the_list_alone(administrator: Client) -> None:
    hosted("beta"), hosted("gamma")
    response = administrator.get("/admin/repositories/?q=bet", headers={"HX-Request": "true"})
    text = response.content.decode()
    assert "<html" not in text
    assert _order(text) == ["beta"]
    assert "1 repository" in text
    assert "type=hosted" in text, "the buttons beside the filter keep what is typed"


def test_a_blocked_remote_is_explained_in_the_list_and_on_the_first_page(administrator: Client) -> None:
    until = clock.now() + timedelta(minutes=10)
    UpstreamHealth.objects.create(
        repository=proxy("mirror"), status="auto-blocked", reason="No answer in time", failures=3, blocked_until=until
    )
    proxy("by-hand", blocked=True)
    text = page(administrator, "/admin/repositories/")
    assert text.count("Remote blocked") == 2
    assert "No answer in time" in text
    assert "mirror: Remote blocked" in page(administrator, "/")


def test_the_first_page_reminds_of_the_password_file(administrator: Client, user: Client, settings: Any) -> None:
    path = settings.REPOMAN.data_dir / "admin.password"
    path.write_text("secret-of-the-file")
    try:
        text = page(administrator, "/")
        assert "The first password is still in a file" in text
        assert "secret-of-the-file" not in text
        assert "admin.password" not in page(user, "/")
    finally:
        path.unlink()


def test_the_first_page_gives_the_address_of_the_group(user: Client) -> None:
    assert "No repositories yet" in page(user, "/")
    hosted("ours")
    assert "http://localhost/repository/ours/simple/" in page(user, "/")
    group("all", "ours")
    text = page(user, "/")
    assert "http://localhost/repository/all/simple/" in text
    assert "http://localhost/repository/ours/simple/" not in text


def test_trusted_host_is_named_only_over_plain_http(user: Client, settings: Any) -> None:
    hosted("ours")
    assert "trusted-host = localhost" in page(user, "/browse/ours/")
    for base, named in (("http://packages.example:8081", True), ("https://packages.example", False)):
        settings.REPOMAN = type(settings.REPOMAN)(base_url=base)
        assert ("trusted-host = packages.example" in page(user, "/browse/ours/")) is named


@pytest.mark.django_db(transaction=True)
def test_a_project_lists_versions_newest_first_with_all_there_is_to_know(user: Client) -> None:
    ours = hosted("ours")
    group("all", "ours")
    row = Project.objects.create(repository=ours, name="acme-core", display_name="Acme.Core", summary="Shared code")
    for version in ("1.9", "1.10", "2.0rc1"):
        distribution(ours, row, f"acme_core-{version}-py3-none-any.whl", version, requires_python=">=3.9")
    distribution(ours, row, "acme_core-1.0.tar.gz", "1.0", yanked=True, yanked_reason="broken build")
    assert "Acme.Core" in page(user, "/browse/ours/")
    assert "Shared code" in page(user, "/browse/all/?q=core")
    text = page(user, "/browse/all/acme-core/")
    assert re.findall(r"<h3>([^<]+)</h3>", text) == ["2.0rc1", "1.10", "1.9", "1.0"]
    assert 'href="/repository/all/packages/acme-core/1.10/acme_core-1.10-py3-none-any.whl"' in text
    assert "broken build" in text
    assert "&gt;=3.9" in text
    assert "2026-03-04 05:06" in text
    assert "pip install --index-url http://localhost/repository/all/simple/ --trusted-host localhost acme-core" in text
    assert "answered by: ours" in text
    assert user.get("/browse/all/Acme.Core/")["Location"] == "/browse/all/acme-core/"


@pytest.mark.django_db(transaction=True)
def test_a_rule_is_named_when_it_hides_a_project_and_offline_is_said(user: Client) -> None:
    create_routing_rule(name="our names", mode="block", patterns=["acme-*"])
    ours = hosted("ours", routing_rule="our names")
    Project.objects.create(repository=ours, name="acme-core", display_name="acme-core")
    response = user.get("/browse/ours/acme-core/")
    assert response.status_code == 403
    assert "our names" in response.content.decode()
    create_repository(name="off", recipe="pypi-hosted", blob_store="default", options={}, online=False)
    response = user.get("/browse/off/acme-core/")
    assert response.status_code == 503
    assert "offline" in response.content.decode()


def test_a_proxy_shows_what_has_been_asked_for(user: Client) -> None:
    mirror = proxy("mirror")
    assert "Nothing cached yet" in page(user, "/browse/mirror/")
    now = clock.now()
    for name, absent in (("six", False), ("nothing", True), ("", False)):
        UpstreamPage.objects.create(repository=mirror, project=name, absent=absent, checked_at=now, changed_at=now)
    text = page(user, "/browse/mirror/")
    assert re.findall(r'<th scope="row"><a href="/browse/mirror/([^/]*)/"', text) == ["six"]
    assert "1 project" in text


def test_many_projects_come_in_pages_with_a_fixed_number_of_queries(
    user: Client, django_assert_max_num_queries: Any
) -> None:
    ours = hosted("ours")
    Project.objects.bulk_create(
        Project(repository=ours, name=f"p{number:03}", display_name=f"p{number:03}") for number in range(120)
    )
    with django_assert_max_num_queries(16):
        first = page(user, "/browse/ours/")
    assert "120 projects" in first
    assert first.count('<th scope="row">') == 50
    assert page(user, "/browse/ours/?page=3").count('<th scope="row">') == 20
    assert page(user, "/browse/ours/?page=99999999999999999999").count('<th scope="row">') == 20


def test_routing_rules_are_made_tried_and_deleted(administrator: Client) -> None:
    path = "/admin/routing-rules/new/"
    data = {"name": "ours", "mode": "block", "patterns": "Acme_*\r\nsix", "description": ""}
    tried = administrator.post(path, {**data, "op": "try", "project": "ACME.core"}).content.decode()
    assert "ACME.core would be refused." in tried
    assert (
        "requests would pass."
        in administrator.post(path, {**data, "op": "try", "project": "requests"}).content.decode()
    )
    assert not RoutingRule.objects.exists()
    assert administrator.post(path, data)["Location"] == "/admin/routing-rules/"
    rule = RoutingRule.objects.get()
    assert rule.patterns == ["acme-*", "six"]
    hosted("used", routing_rule="ours")
    assert administrator.post(f"/admin/routing-rules/{rule.pk}/delete/").status_code == 422
    assert administrator.post(f"/admin/routing-rules/{rule.pk}/", {**data, "mode": "allow"}).status_code == 302
    assert RoutingRule.objects.get().mode == "allow"
    assert administrator.post(path, data).status_code == 422, "the name is taken"


@pytest.mark.django_db(transaction=True)
def test_hostile_text_is_text_on_every_page(administrator: Client, store: BlobStore) -> None:
    mirror = proxy("mirror", username=HOSTILE, user_agent_suffix=HOSTILE)
    Repository.objects.filter(pk=mirror.pk).update(options={**mirror.options, "remote_url": "javascript:" + HOSTILE})
    UpstreamHealth.objects.create(
        repository=mirror, status="auto-blocked", reason=HOSTILE, blocked_until=clock.now() + timedelta(hours=1)
    )
    ours = hosted("ours")
    group("all", "ours", "mirror")
    row = Project.objects.create(
        repository=ours,
        name="acme",
        display_name=HOSTILE[:128],
        summary=HOSTILE,
        status="archived",
        status_reason=HOSTILE,
    )
    distribution(
        ours, row, f"acme-1.0{HOSTILE}.zip", HOSTILE[:128], requires_python=HOSTILE, yanked=True, yanked_reason=HOSTILE
    )
    rule = RoutingRule.objects.create(name=HOSTILE[:128], description=HOSTILE, patterns=[HOSTILE])
    Repository.objects.filter(pk=ours.pk).update(routing_rule=None)
    TrustedCertificate.objects.create(
        name=HOSTILE[:128], pem="x", sha256=HOSTILE[:64], subject=HOSTILE, issuer=HOSTILE,
        not_after=datetime(2020, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    shown = 0
    for path in (
        "/", "/admin/repositories/", "/admin/repositories/?q=" + HOSTILE, "/admin/repositories/?sort=" + HOSTILE,
        "/admin/repositories/mirror/", "/admin/repositories/mirror/settings/", "/admin/repositories/mirror/delete/",
        "/admin/repositories/all/", "/admin/repositories/new/pypi-proxy/", "/admin/routing-rules/",
        f"/admin/routing-rules/{rule.pk}/", f"/admin/routing-rules/{rule.pk}/delete/", "/admin/certificates/",
        "/browse/", "/browse/ours/", "/browse/all/", "/browse/ours/?q=" + HOSTILE, "/browse/ours/acme/", "/browse/all/acme/",
    ):  # fmt: skip
        text = page(administrator, path)
        shown += "&lt;script&gt;window.owned" in text
        assert "<script>window" not in text, path
        assert "<img src=x" not in text, path
        assert not re.search(r'(?:href|src|action)="\s*javascript:', text, re.IGNORECASE), path
    assert shown >= 12, "the hostile text is really on these pages"
