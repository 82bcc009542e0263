"""Django's registration of the blob stores app."""

from django.apps import AppConfig


class BlobStoresConfig(AppConfig):
    name = "blobstores"
    default_auto_field = "django.db.models.BigAutoField"
