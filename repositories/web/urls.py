"""URLs of this room in the console."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
