"""URLs of this room in the console."""

from django.urls import URLPattern, path

from repositories.web import browsing, certificates, detail, editing, listing, overview, routing_rules

urlpatterns: list[URLPattern] = [
    path("", overview.overview, name="overview"),
    path("admin/repositories/", listing.repositories, name="repositories"),
    path("admin/repositories/new/", editing.repository_create, name="repository-create"),
    path("admin/repositories/new/<str:recipe>/", editing.repository_create_recipe, name="repository-create-recipe"),
    path("admin/repositories/<str:name>/", detail.repository, name="repository"),
    path("admin/repositories/<str:name>/settings/", editing.repository_settings, name="repository-settings"),
    path("admin/repositories/<str:name>/delete/", detail.repository_delete, name="repository-delete"),
    path("admin/repositories/<str:name>/online/", detail.repository_online, name="repository-online"),
    path("admin/repositories/<str:name>/invalidate/", detail.repository_invalidate, name="repository-invalidate"),
    path("admin/repositories/<str:name>/test/", detail.repository_test, name="repository-test"),
    path("admin/routing-rules/", routing_rules.routing_rules, name="routing-rules"),
    path("admin/routing-rules/new/", routing_rules.routing_rule_create, name="routing-rule-create"),
    path("admin/routing-rules/<int:key>/", routing_rules.routing_rule_edit, name="routing-rule-edit"),
    path("admin/routing-rules/<int:key>/delete/", routing_rules.routing_rule_delete, name="routing-rule-delete"),
    path("admin/certificates/", certificates.certificates, name="certificates"),
    path("admin/certificates/<int:key>/remove/", certificates.certificate_remove, name="certificate-remove"),
    path("browse/", browsing.browse, name="browse"),
    path("browse/<str:name>/", browsing.browse_repository, name="browse-repository"),
    path("browse/<str:name>/<str:project>/", browsing.browse_project, name="browse-project"),
]
