"""The console's components as template tags; `/dev/ui/` shows each of them."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from heroicons.templatetags import heroicons

register = template.Library()

TYPE_ICONS = {"hosted": "server", "proxy": "globe-alt", "group": "squares-2x2"}
STATE_ICONS = {"ok": "check-circle", "warn": "exclamation-triangle", "bad": "x-circle", "off": "no-symbol"}
NOTE_ICONS = {
    "info": "information-circle",
    "good": "check-circle",
    "warn": "exclamation-triangle",
    "bad": "exclamation-circle",
}
MASK = "•" * 12


@lru_cache(maxsize=512)
def _icon(name: str, style: str, label: str) -> str:
    # Drawing one takes 130 µs (a zip and an XML parser), hence the cache.
    draw = heroicons.heroicon_solid if style == "solid" else heroicons.heroicon_outline
    meaning: dict[str, Any] = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    return str(draw(name, size=20, **{"class": "icon"}, **meaning))


@register.simple_tag
def icon(name: str, *, style: str = "outline", label: str = "") -> SafeString:
    """Draw an icon of heroicons; without ``label`` it is decoration and silent to screen readers."""
    return mark_safe(_icon(str(name), style, str(label)))  # noqa: S308 - made from a package's own files


@register.simple_tag
def badge(kind: str, text: Any = "") -> SafeString:
    """Draw the badge of a repository type ("hosted", "proxy", "group"), or a plain one for any other text."""
    if kind in TYPE_ICONS:
        drawn = icon(TYPE_ICONS[kind], style="solid")
        return format_html('<span class="badge {}">{}{}</span>', kind, drawn, text or kind)
    return format_html('<span class="badge">{}</span>', text or kind)


@register.simple_tag
def state(kind: str, text: Any) -> SafeString:
    """Draw a status: an icon and a word in the colour of ``kind`` ("ok", "warn", "off", "bad")."""
    style = "outline" if kind == "off" else "solid"
    return format_html('<span class="state {}">{}{}</span>', kind, icon(STATE_ICONS[kind], style=style), text)


@register.simple_tag
def crumb(text: Any, url: str = "") -> SafeString:
    """Draw one breadcrumb for the block ``breadcrumbs``; the last has no address and is the page itself."""
    if url:
        return format_html('<li><a href="{}">{}</a></li>', url, text)
    return format_html('<li aria-current="page">{}</li>', text)


@register.simple_block_tag
def lead(content: str) -> SafeString:
    """Draw the sentence below a page's title, or nothing when the page has none."""
    return format_html('<p class="lead">{}</p>', mark_safe(content.strip())) if content.strip() else SafeString()  # noqa: S308


@register.simple_block_tag
def card(content: str, title: Any = "", id: str = "", classes: str = "") -> SafeString:
    """Draw a card, a section with a title of its own."""
    heading = format_html("<h2>{}</h2>", title) if title else ""
    anchor = format_html(' id="{}"', id) if id else ""
    return format_html('<section class="card {}"{}>{}{}</section>', classes, anchor, heading, mark_safe(content))  # noqa: S308


@register.simple_block_tag
def note(content: str, kind: str = "info", title: Any = "", role: str = "") -> SafeString:
    """Draw a note: "info", "good", "warn" or "bad"; ``role="alert"`` when it answers what was just done."""
    heading = format_html("<strong>{}</strong>", title) if title else ""
    role_attribute = format_html(' role="{}"', role) if role else ""
    return format_html(
        '<div class="note {}"{}>{}<div>{}{}</div></div>',
        kind, role_attribute, icon(NOTE_ICONS[kind]), heading, mark_safe(content),  # noqa: S308
    )  # fmt: skip


@register.simple_block_tag
def empty(content: str, title: Any, icon: str = "inbox") -> SafeString:
    """Draw the place of a list that has nothing yet; the content says what to do about it."""
    drawn = mark_safe(_icon(icon, "outline", ""))  # noqa: S308
    return format_html('<div class="empty">{}<h2>{}</h2><div>{}</div></div>', drawn, title, mark_safe(content))  # noqa: S308


@register.simple_tag
def copy(text: Any, label: Any = "", what: Any = "") -> SafeString:
    """Draw a copy button for ``text``: an icon, or ``label`` as its words.

    ``what`` names the thing copied for screen readers. Without JavaScript there is no button.
    """
    name = format_html("{}: {}", _("Copy"), what) if what else _("Copy")
    shape = "" if label else " button-icon button-quiet"
    return format_html(
        '<ui-copy data-text="{}" data-done="{}"><button type="button" class="button button-small{}" '
        'aria-label="{}" title="{}">{}{}</button></ui-copy>',
        text, _("Copied"), shape, name, _("Copy"), "" if label else icon("clipboard"), label,
    )  # fmt: skip


@register.simple_tag
def masked(text: Any, secrets: Iterable[str] = ()) -> SafeString:
    """Draw ``text`` with each of ``secrets`` in it masked until the page's Show switch is on."""
    pieces = [(str(text), False)]
    for secret in filter(None, secrets):
        pieces = [piece for whole in pieces for piece in _split(whole, secret)]
    return format_html_join("", "{}", ((_secret(part) if hidden else part,) for part, hidden in pieces))


def _split(piece: tuple[str, bool], secret: str) -> list[tuple[str, bool]]:
    text, hidden = piece
    if hidden or secret not in text:
        return [piece]
    parts: list[tuple[str, bool]] = []
    for index, part in enumerate(text.split(secret)):
        parts += [(secret, True)] if index else []
        parts += [(part, False)] if part else []
    return parts


def _secret(text: str) -> SafeString:
    return format_html(
        '<span class="secret"><span class="secret-mask">{}</span><span class="secret-text">{}</span></span>', MASK, text
    )


@register.simple_tag
def code_block(text: Any, title: Any = "", secrets: Iterable[str] = (), action: Any = "") -> SafeString:
    """Draw a snippet with its file path or name on top and a copy button; ``action`` is more markup beside it."""
    return format_html(
        '<figure class="code"><figcaption><span class="mono">{}</span><span class="row">{}{}</span></figcaption>'
        "<pre><code>{}</code></pre></figure>",
        title, conditional_escape(action), copy(text, label=_("Copy"), what=title), masked(text, secrets),
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def pagination(context: template.Context, page: Any) -> SafeString:
    """Draw the links of a ``Page`` of Django's paginator; other parameters of the address are kept."""
    return mark_safe(render_to_string("components/pagination.html", {"page": page}, context["request"]))  # noqa: S308
