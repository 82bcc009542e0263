"""Rows of the blob stores: the stores themselves and the blobs they keep."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class BlobStore(models.Model):
    """A place for bytes. ``kind`` names a file in `blobstores/kinds/`; ``options`` are that kind's settings."""

    name = models.CharField(_("name"), max_length=128, unique=True)
    kind = models.CharField(_("kind"), max_length=64, default="filesystem")
    options: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(
        _("options"), default=dict, blank=True
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class Blob(models.Model):
    """Bytes that a store keeps once, however many files share them; named by their sha256.

    The bytes are written and synced before the row, so a row without bytes means damage, and bytes without a
    row are garbage to be swept after a grace time. ``unreferenced_since`` is when garbage collection first found nothing
    that refers to it; None while something does, as far as is known.
    """

    store = models.ForeignKey(BlobStore, models.PROTECT, related_name="blobs")
    sha256 = models.CharField(max_length=64)
    blake2b_256 = models.CharField(max_length=64)
    md5 = models.CharField(max_length=32)
    size = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    unreferenced_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["store", "sha256"], name="blob_once_per_store")
        ]

    def __str__(self) -> str:
        return self.sha256
