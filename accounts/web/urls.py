"""URLs of this room in the console."""

from django.urls import path

from accounts.web import account, appearance, session, token, token_settings, users

urlpatterns = [
    path("sign-in/", session.sign_in, name="sign-in"),
    path("sign-out/", session.sign_out, name="sign-out"),
    path("language/", appearance.set_language, name="set-language"),
    path("theme/", appearance.set_theme, name="set-theme"),
    path("me/", account.account, name="account"),
    path("me/token/", token.user_token, name="user-token"),
    path("me/token/file/", token.user_token_file, name="user-token-file"),
    path("admin/users/", users.user_list, name="users"),
    path("admin/users/new/", users.user_create, name="user-create"),
    path("admin/users/<int:pk>/", users.user_edit, name="user-edit"),
    path("admin/user-tokens/", token_settings.token_settings, name="token-settings"),
]
