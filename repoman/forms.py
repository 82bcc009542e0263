"""How forms are drawn: templates of our own before Django's."""

from django.forms.renderers import TemplatesSetting


class ConsoleFormRenderer(TemplatesSetting):
    """Form templates come from `templates/forms/`."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"
