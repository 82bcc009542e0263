"""Django's registration of the repositories app."""

from django.apps import AppConfig


class RepositoriesConfig(AppConfig):
    name = "repositories"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from repositories.web import navigation

        navigation.enter()
