"""Signing in and out."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse

from console.errors import not_allowed


class SignInForm(AuthenticationForm):
    """Django's own form, in the console's look."""

    error_messages = {
        "invalid_login": "The user name or the password is wrong. Both are case-sensitive.",
        "inactive": "This account is switched off. Ask an administrator.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-control"


class SignIn(LoginView):
    """Wrong passwords are counted by axes, whose middleware answers when somebody is locked out."""

    template_name = "console/sign-in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    http_method_names = ["get", "head", "post"]

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return not_allowed(request, ["GET", "HEAD", "POST"])


class SignOut(LogoutView):
    """By POST only."""

    http_method_names = ["post"]

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return not_allowed(request, ["POST"])
