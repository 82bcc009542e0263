"""URLs of the control plane. Everything below /repository/ belongs to the data plane and never gets here."""

from django.urls import include, path

urlpatterns = [
    path("", include("accounts.web.urls")),
    path("", include("repositories.web.urls")),
]
