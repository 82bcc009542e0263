"""The component page at `/dev/ui/`: every component once, the target of contrast checks and pictures. DEBUG only."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from repoman.forms import OrderedChoiceField, PasswordInput, after_operation, operation

MEMBERS = [("a-hosted", "a-hosted — hosted"), ("b-proxy", "b-proxy — proxy"), ("c-proxy", "c-proxy — proxy")]
SAMPLE_SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH"  # noqa: S105 - shown on the page


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(label="Name", help_text="Letters, digits, “-”, “_” and “.”.", max_length=12)
    note = forms.CharField(label="Note", required=False)
    password = forms.CharField(label="Password", widget=PasswordInput)
    store = forms.ChoiceField(label="Blob store", choices=[("default", "default — file, 412 GB free")])
    text = forms.CharField(label="Certificate", widget=forms.Textarea, required=False)
    online = forms.BooleanField(label="Online", required=False, initial=True, help_text="Clients can connect.")
    members = OrderedChoiceField(label="Members", choices=MEMBERS, initial=["a-hosted"], help_text="The first wins.")


def component_page(request: HttpRequest) -> HttpResponse:
    """Show all components; 404 unless DEBUG is on."""
    if not settings.DEBUG:
        raise Http404
    form = SampleForm()
    if request.method == "POST":
        form = SampleForm(request.POST)
        if operation(request.POST, "members"):
            order: dict[str, Any] = {"members": after_operation(request.POST, "members", MEMBERS)}
            form = SampleForm(initial={**request.POST.dict(), **order})
    context = {
        "form": form,
        "refused": SampleForm({"name": "much too long a name", "members": []}),
        "secret": SAMPLE_SECRET,
        "secrets": [SAMPLE_SECRET],
        "snippet": f"[global]\nindex-url = https://oAWQ0d7A:{SAMPLE_SECRET}@packages.example/repository/all/simple",
        "page": Paginator(range(95), 20).get_page(2),
        "rows": [("internal", "hosted", "ok", "Online"), ("mirror", "proxy", "warn", "Remote blocked"),
                 ("all", "group", "off", "Offline"), ("old", "hosted", "bad", "Failed")],
    }  # fmt: skip
    return render(request, "dev/ui.html", context)


component_page = login_not_required(component_page)
