"""The accounts pages without a browser."""

from typing import Any

from django.test import Client

from accounts.models import User


def signed_in(user: User) -> Client:
    """Return a client with a session of ``user``."""
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    return client


def sign_in(client: Client, username: str, password: str, **extra: str) -> Any:
    """Send the sign-in form."""
    return client.post("/sign-in/", {"username": username, "password": password, **extra}, HTTP_HOST="localhost")
