"""The truststore: certificates that remotes are verified against as well, where a proxy says so."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from accounts.web.access import administrator_required
from repoman.toolbox import clock
from repositories.models import Repository, TrustedCertificate
from repositories.services import truststore


class CertificateForm(forms.Form):
    """A paste; the service reads it."""

    use_required_attribute = False

    pem = forms.CharField(
        required=False,
        label=gettext_lazy("Certificate (PEM)"),
        help_text=gettext_lazy(
            "The text from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----; several at once are fine. "
            "Usually that of the authority which signs your servers’ certificates."
        ),
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocapitalize": "none"}),
    )
    name = forms.CharField(
        required=False,
        max_length=128,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("To recognise it here; its common name when left empty."),
    )

    def __init__(self, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.fields["pem"].hide_optional = True  # type: ignore[attr-defined]


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def certificates(request: HttpRequest) -> HttpResponse:
    """The list, and the form to add one."""
    form = CertificateForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            added = truststore.add(pem=form.cleaned_data["pem"], name=form.cleaned_data["name"])
        except truststore.CertificateInvalid as error:
            form.add_error("pem", str(error.message))
            status = 422
        else:
            names = ", ".join(row.name for row in added)
            said = ngettext(
                "Certificate in the truststore: %(names)s", "Certificates in the truststore: %(names)s", len(added)
            )
            messages.success(request, said % {"names": names})
            return redirect("certificates")
    users = [row.name for row in Repository.objects.order_by("name") if row.options.get("use_truststore")]
    context = {
        "form": form,
        "certificates": TrustedCertificate.objects.order_by("name"),
        "users": users,
        "now": clock.now(),
    }
    return render(request, "repositories/certificates.html", context, status=status)


@administrator_required
@require_POST
def certificate_remove(request: HttpRequest, key: int) -> HttpResponse:
    certificate = get_object_or_404(TrustedCertificate, pk=key)
    truststore.remove(certificate_id=certificate.pk)
    messages.success(request, _("Certificate removed: %(name)s") % {"name": certificate.name})
    return redirect("certificates")
