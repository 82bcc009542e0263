"""Rows of the repositories room."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from blobstores.models import Blob, BlobStore


class RoutingRule(models.Model):
    """Allow or block projects by name pattern, for the repositories that use the rule."""

    class Mode(models.TextChoices):
        BLOCK = "block", _("Block")
        ALLOW = "allow", _("Allow")

    name = models.CharField(_("name"), max_length=128, unique=True)
    description = models.CharField(_("description"), max_length=500, blank=True, default="")
    mode = models.CharField(_("mode"), max_length=8, choices=Mode.choices, default=Mode.BLOCK)
    patterns: "models.JSONField[list[str], list[str]]" = models.JSONField(_("patterns"), default=list)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class Repository(models.Model):
    """A repository. ``recipe`` names a file in `recipes/`, which turns this row into a live index.

    ``options`` are validated against the recipe's declaration by `services/repositories.py` and nowhere else.
    ``generation`` counts changes of content, ``names_generation`` those that change the list of projects; a write raises
    them in its own transaction (`services/generations.py`).
    """

    name = models.CharField(_("name"), max_length=128)
    recipe = models.CharField(_("recipe"), max_length=64)
    online = models.BooleanField(_("online"), default=True)
    blob_store = models.ForeignKey(BlobStore, models.PROTECT, related_name="+", verbose_name=_("blob store"))
    options: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict, blank=True)
    routing_rule = models.ForeignKey(
        RoutingRule, models.PROTECT, null=True, blank=True, related_name="repositories", verbose_name=_("routing rule")
    )
    members: "models.ManyToManyField[Repository, Member]" = models.ManyToManyField(
        "self", through="Member", symmetrical=False, related_name="groups", through_fields=("group", "member")
    )
    generation = models.BigIntegerField(default=0)
    names_generation = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two names that differ only in case are one mistake waiting to happen.
            models.UniqueConstraint(Lower("name"), name="repository_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """A place in a group's ordered list of members; the first that owns a project answers for it."""

    group = models.ForeignKey(Repository, models.CASCADE, related_name="memberships")
    member = models.ForeignKey(Repository, models.PROTECT, related_name="member_of")
    position = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["group", "member"], name="member_once_per_group")
        ]

    def __str__(self) -> str:
        return f"{self.group_id}/{self.position}"


class Configuration(models.Model):
    """The one row that counts changes of repositories' configuration; live indexes are rebuilt when it moves."""

    generation = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(pk=1), name="configuration_once")
        ]

    def __str__(self) -> str:
        return str(self.generation)


class Project(models.Model):
    """A project of a hosted repository. The row is the ownership of the name: it stays when the last file goes.

    ``generation`` is the repository's at the last change of this project.
    """

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="projects")
    name = models.CharField(max_length=128)  # normalized, PEP 503
    display_name = models.CharField(max_length=128)
    summary = models.CharField(max_length=512, blank=True, default="")
    status = models.CharField(max_length=16, default="active")  # PEP 792
    status_reason = models.CharField(max_length=512, blank=True, default="")
    generation = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["repository", "generation"], name="project_generation")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["repository", "name"], name="project_once_per_repository")
        ]

    def __str__(self) -> str:
        return self.name


class Distribution(models.Model):
    """A distribution file of a hosted repository. The unique constraint is the arbiter of concurrent uploads."""

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="distributions")
    project = models.ForeignKey(Project, models.CASCADE, related_name="distributions")
    filename = models.CharField(max_length=255)
    version = models.CharField(max_length=128)
    packagetype = models.CharField(max_length=32)
    python_version = models.CharField(max_length=64, blank=True, default="")
    requires_python = models.CharField(max_length=512, blank=True, default="")
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+")
    metadata_blob = models.ForeignKey(Blob, models.PROTECT, related_name="+", null=True, blank=True)
    provenance: "models.JSONField[dict[str, Any] | None, dict[str, Any] | None]" = models.JSONField(
        null=True, blank=True
    )
    yanked = models.BooleanField(default=False)
    yanked_reason = models.CharField(max_length=512, blank=True, default="")
    uploaded_at = models.DateTimeField()
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering: ClassVar[list[str]] = ["filename"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["repository", "filename"], name="filename_once_per_repository")
        ]

    def __str__(self) -> str:
        return self.filename


class UpstreamPage(models.Model):
    """What an upstream said about one project, kept as values (`protocol/page_document.py`), never as its markup.

    ``project`` is normalized; "" is the root list. ``absent`` marks a 404 that is remembered for a while.
    ``checked_at`` is the last time the upstream confirmed it, ``changed_at`` the last time it said something new,
    ``generation`` the repository's when clients' answers last changed by it.
    """

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="upstream_pages")
    project = models.CharField(max_length=128)
    document = models.BinaryField(default=b"")
    absent = models.BooleanField(default=False)
    etag = models.CharField(max_length=512, blank=True, default="")
    last_modified = models.CharField(max_length=128, blank=True, default="")
    checked_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    generation = models.BigIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["project"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["repository", "generation"], name="upstream_page_generation")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["repository", "project"], name="upstream_page_once")
        ]

    def __str__(self) -> str:
        return self.project


class CachedFile(models.Model):
    """A file of a proxy whose bytes are kept. ``metadata_blob`` is its METADATA, fetched or derived from the wheel."""

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="cached_files")
    project = models.CharField(max_length=128)
    version = models.CharField(max_length=128)
    filename = models.CharField(max_length=255)
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+", null=True, blank=True)
    metadata_blob = models.ForeignKey(Blob, models.PROTECT, related_name="+", null=True, blank=True)
    provenance_blob = models.ForeignKey(Blob, models.PROTECT, related_name="+", null=True, blank=True)
    cached_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["filename"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["repository", "filename"], name="cached_file_once")
        ]

    def __str__(self) -> str:
        return self.filename


class UpstreamHealth(models.Model):
    """How a proxy's upstream is doing; shared by all processes. ``status`` is one of `upstream/health.py`'s words."""

    repository = models.OneToOneField(Repository, models.CASCADE, related_name="upstream_health")
    status = models.CharField(max_length=32, default="unknown")
    reason = models.CharField(max_length=500, blank=True, default="")
    failures = models.PositiveIntegerField(default=0)
    blocked_until = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.status


class TrustedCertificate(models.Model):
    """A certificate of the truststore: proxies that use the truststore verify their upstream against these as well."""

    name = models.CharField(_("name"), max_length=128)
    pem = models.TextField(_("certificate (PEM)"))
    sha256 = models.CharField(max_length=64, unique=True)  # of the DER bytes
    subject = models.CharField(max_length=500)
    issuer = models.CharField(max_length=500)
    not_after = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name
