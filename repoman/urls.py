"""URLs of the control plane. Everything below /repository/ belongs to the data plane and never gets here."""

from django.urls import include, path

from repoman.component_page import component_page

urlpatterns = [
    path("", include("accounts.web.urls")),
    path("", include("repositories.web.urls")),
    path("dev/ui/", component_page, name="components"),
]

handler400 = "repoman.errors.bad_request"
handler403 = "repoman.errors.permission_denied"
handler404 = "repoman.errors.not_found"
handler500 = "repoman.errors.server_error"
