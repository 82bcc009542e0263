"""Repositories with something in them, for the pages that show them."""

from datetime import UTC, datetime, timedelta

from blobstores.models import Blob, BlobStore
from repoman.toolbox import clock
from repositories.dataplane.knowledge import knowledge
from repositories.models import Distribution, Project, Repository, TrustedCertificate, UpstreamHealth
from repositories.services.repositories import create_repository
from repositories.services.routing_rules import create_routing_rule


def make(name: str, recipe: str, *members: str, online: bool = True, **options: object) -> Repository:
    return create_repository(
        name=name, recipe=recipe, blob_store="default", options=options, members=members, online=online
    )


def empty_server() -> None:
    """A server right after its first start, without the usual repositories."""
    knowledge.forget()
    BlobStore.objects.get_or_create(name="default")


def furnished_server() -> None:
    """One of each type in different conditions, packages, a rule and a certificate that has run out."""
    empty_server()
    ours = make("pypi-internal", "pypi-hosted")
    make("legacy-2019", "pypi-hosted", online=False, deployment_policy="read_only")
    make("pypi-proxy", "pypi-proxy", remote_url="https://index.example")
    blocked = make("pytorch-cu130", "pypi-proxy", remote_url="https://wheels.example/whl/cu130")
    make("pypi-group", "pypi-group", "pypi-internal", "pypi-proxy")
    UpstreamHealth.objects.create(
        repository=blocked,
        status="auto-blocked",
        reason="The upstream wheels.example did not answer in time; try again, or raise its timeout",
        failures=3,
        blocked_until=clock.now() + timedelta(minutes=20),
    )
    create_routing_rule(name="our names", mode="block", patterns=["acme-*", "corp-?"], description="Never ask outside")
    TrustedCertificate.objects.create(
        name="Acme Root CA", pem="x", sha256="ab" * 32, subject="CN=Acme Root CA,O=Acme", issuer="CN=Acme Root CA,O=Acme",
        not_after=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    for number in range(3):
        _packages(ours, f"acme-{('core', 'tools', 'a-rather-long-name-for-a-package-of-the-platform-team')[number]}")


def _packages(repository: Repository, name: str) -> None:
    project = Project.objects.create(
        repository=repository, name=name, display_name=name, summary="Building blocks for the services of the company"
    )
    for version in ("1.0", "2.0rc1", "2.0"):
        for filename in (f"{name.replace('-', '_')}-{version}-py3-none-any.whl", f"{name}-{version}.tar.gz"):
            digest = f"{Blob.objects.count():064x}"
            blob = Blob.objects.create(
                store=repository.blob_store, sha256=digest, blake2b_256=digest, md5=digest[:32], size=20_480
            )
            Distribution.objects.create(
                repository=repository, project=project, filename=filename, version=version, packagetype="sdist",
                blob=blob, uploaded_at=datetime(2026, 3, 4, 5, 6, tzinfo=UTC), requires_python=">=3.11",
                yanked=version == "1.0", yanked_reason="broken build",
            )  # fmt: skip
