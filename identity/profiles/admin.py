"""Pages of profiles: found by an identifier, shown whole on one page, personal data masked until somebody says why."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from identity import clock, pages
from identity.access import actor
from identity.admin_base import ReadOnlyModelAdmin, row_id
from identity.clock import Instant
from identity.errors import DomainError
from identity.graph import policies
from identity.graph.types import Link
from identity.privacy import erasures, services, vault
from identity.privacy.types import ADDRESS, EVERY, MARKETING
from identity.profiles import decisions, happenings, portrait, sections, selectors, timeline
from identity.profiles.finding import FindForm
from identity.profiles.households import sections as residence
from identity.profiles.households import selectors as households
from identity.profiles.models import Household, Identifier, Profile
from identity.profiles.picture import drawing
from identity.profiles.picture import page as picture
from identity.profiles.sections import Names, Panel, Section
from identity.touchpoints.types import Touchpoint

TIMELINE = 25
Bundle = Callable[[Profile, str, str, Instant], bytes]  # (whose, actor, why, now) -> JSON


class RevealForm(forms.Form):
    """Asks for the reason that goes to the access log."""

    why = forms.CharField(
        label=gettext_lazy("reason"), max_length=200, widget=UnfoldAdminTextInputWidget
    )


class EraseForm(forms.Form):
    """Says that it is meant: there is no way back."""

    sure = forms.BooleanField(
        label=gettext_lazy("Yes, erase everything about this person. There is no way back."),
        widget=UnfoldBooleanWidget,
    )


class WishForm(forms.Form):
    """Closes or opens a channel, or keeps what the person said about marketing."""

    channel = forms.ChoiceField(
        label=gettext_lazy("channel"),
        choices=[(EVERY, gettext_lazy("every channel")), *((one, one) for one in ADDRESS)],
        widget=UnfoldAdminSelectWidget,
    )
    wish = forms.ChoiceField(
        label=gettext_lazy("wish"),
        choices=[
            ("refuse", gettext_lazy("refuses marketing")),
            ("allow", gettext_lazy("allows marketing")),
            ("close", gettext_lazy("close the channel")),
            ("open", gettext_lazy("open the channel again")),
        ],
        widget=UnfoldAdminSelectWidget,
    )


@admin.register(Profile)
class ProfileAdmin(ReadOnlyModelAdmin):
    """People. What stands on higher floors (audiences, journeys, deliveries, pressure) dmp_site puts into `panels` and `bundle`."""

    panels: ClassVar[Sequence[Panel]] = ()
    bundle: ClassVar[Bundle | None] = None

    list_display = ["uid", "known_as", "created_at"]
    list_display_links = ["uid"]
    ordering = ["-pk"]
    list_before_template = "identity/find.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        """Leave out profiles that live on in others; their pages lead there."""
        alive = Identifier.objects.filter(profile=OuterRef("pk"), forgotten=False)
        rows: QuerySet[Profile] = super().get_queryset(request)
        return rows.filter(Exists(alive)).prefetch_related("identifiers")

    @display(description=gettext_lazy("known as"))
    def known_as(self, profile: Profile) -> str:
        names = sorted(profile.identifiers.all(), key=lambda one: (one.priority, one.key))
        return ", ".join(Names([], {}).identifier(one.key) for one in names[:3])

    def get_urls(self) -> list[URLPattern]:
        own = (
            ("find/", self.find, "find"),
            ("<int:profile>/reveal/", self.reveal, "reveal"),
            ("<int:profile>/wish/", self.wish, "wish"),
            ("<int:profile>/bundle/", self.tell, "bundle"),
            ("<int:profile>/erase/", self.erase, "erase"),
        )
        mine = [
            path(route, self.admin_site.admin_view(view), name=f"identity_profile_{name}")
            for route, view, name in own
        ]
        return [*mine, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        given = {"find_form": FindForm(), **(extra_context or {})}
        return super().changelist_view(request, given)

    def find(self, request: HttpRequest) -> HttpResponse:
        """Lead to the profile that has the posted identifier."""
        _require(self.has_view_permission(request))
        form = FindForm(request.POST)
        if request.method != "POST":
            return HttpResponseRedirect(_list())
        if not form.is_valid():
            messages.warning(request, _("Give a value, and a country as two letters."))
            return HttpResponseRedirect(_list())
        try:
            found = form.household() or form.profile()
        except DomainError as error:
            messages.warning(request, error.message)
            return HttpResponseRedirect(_list())
        if isinstance(found, Household):
            return HttpResponseRedirect(
                reverse("admin:identity_household_change", args=[found.pk])
            )
        return HttpResponseRedirect(_page(found.pk))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show everything about one profile, named by row or by public id; an old one leads to where it lives now."""
        _require(self.has_view_permission(request))
        row = row_id(object_id)
        asked = {"uid": object_id.lower()} if row is None else {"pk": row}
        profile = Profile.objects.filter(**asked).first()
        if profile is None:
            messages.warning(request, _("There is no such profile."))
            return HttpResponseRedirect(_list())
        present = _present(request, profile)
        if present is None:
            return HttpResponseRedirect(_list())
        if present.pk != profile.pk:
            return HttpResponseRedirect(_page(present.pk))
        return self._show(request, present, {})

    def reveal(self, request: HttpRequest, profile: int) -> HttpResponse:
        """Show the page with the clear values; each is in the access log, with the reason."""
        _require(request.user.has_perm("identity.reveal_profile"))
        form = RevealForm(request.POST)
        if request.method != "POST" or not form.is_valid():
            return HttpResponseRedirect(_page(profile))
        row = _present(request, get_object_or_404(Profile, pk=profile))
        if row is None:
            return HttpResponseRedirect(_list())
        keys = [one.key for one in selectors.identifiers(row.pk)]
        clear = vault.reveal(
            [field[:2] for field in vault.fields(keys)],
            actor=actor(request),
            why=form.cleaned_data["why"],
            now=clock.now(),
        )
        return self._show(request, row, clear)

    def wish(self, request: HttpRequest, profile: int) -> HttpResponse:
        """Ask the lane to keep what the person wants, in whichever profile they live now."""
        _require(self._may_wish(request))
        form = WishForm(request.POST)
        if request.method != "POST" or not form.is_valid():
            return HttpResponseRedirect(_page(profile))
        row = _present(request, get_object_or_404(Profile, pk=profile))
        if row is None:
            return HttpResponseRedirect(_list())
        mine = selectors.identifiers(row.pk)
        wish, channel = form.cleaned_data["wish"], form.cleaned_data["channel"]
        who, now = actor(request), clock.now()
        if wish in {"allow", "refuse"}:
            services.ask_consent(
                mine[:1], MARKETING, channel, granted=wish == "allow", actor=who, now=now
            )
        else:
            services.ask_suppression(
                mine if wish == "open" else mine[:1],
                channel,
                active=wish == "close",
                actor=who,
                now=now,
            )
        messages.success(request, _("Asked of the lane; the page shows it in a moment."))
        return HttpResponseRedirect(_page(row.pk))

    def tell(self, request: HttpRequest, profile: int) -> HttpResponse:
        """Hand out all that is known about the person, with the clear values; that is in the logs, with the reason."""
        _require(request.user.has_perm("identity.reveal_profile"))
        form = RevealForm(request.POST)
        whole = type(self).bundle
        if request.method != "POST" or not form.is_valid() or whole is None:
            return HttpResponseRedirect(_page(profile))
        row = _present(request, get_object_or_404(Profile, pk=profile))
        if row is None:
            return HttpResponseRedirect(_list())
        try:
            said = whole(row, actor(request), form.cleaned_data["why"], clock.now())
        except DomainError as error:
            messages.warning(request, error.message)
            return HttpResponseRedirect(_list())
        answer = HttpResponse(said, content_type="application/json")
        answer["Content-Disposition"] = f'attachment; filename="person-{row.uid}.json"'
        return answer

    def erase(self, request: HttpRequest, profile: int) -> HttpResponse:
        """Ask whether the person is really to be erased; once that is said, ask the lane."""
        _require(request.user.has_perm("identity.erase_profile"))
        row = _present(request, get_object_or_404(Profile, pk=profile))
        if row is None:
            return HttpResponseRedirect(_list())
        form = EraseForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            erasures.ask(profile=row.uid, actor=actor(request), now=clock.now())
            messages.success(
                request, _("Asked of the lane; the list of erasures shows how far it is.")
            )
            return HttpResponseRedirect(_list())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Erase this person"),
            "profile": row,
            "identifiers": len(selectors.identifiers(row.pk)),
            "form": form,
        }
        return TemplateResponse(request, "identity/erase.html", context)

    def _may_wish(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identity.change_suppression")

    def _show(
        self, request: HttpRequest, profile: Profile, clear: dict[tuple[str, str], str]
    ) -> HttpResponse:
        found = portrait.of(profile.pk)
        if found is None:
            messages.warning(request, _("This profile has no identifiers any more."))
            return HttpResponseRedirect(_list())
        mine = selectors.identifiers(profile.pk)
        policy, decided = policies.current(), decisions.about(mine)
        drawn = drawing.draw(mine, policy=policy)
        links = [link for tie in drawn.ties for link in tie.evidence]
        page = timeline.page(profile.pk, before=_cursor(request), limit=TIMELINE)
        names = Names(found.members, portrait.source_names(_sources(found, links, page.results)))
        shown: list[Section] = [
            *sections.about(found, names),
            residence.of_profile(households.places(profile.pk)),
            *(section for panel in self.panels for section in panel(request, profile.pk)),
            happenings.timeline(page.results, names),
            happenings.decided(decided, decisions.overruled(decided, policy=policy), names),
            *picture.tables(drawn, names, policy),
            happenings.history(selectors.history(profile.pk), names),
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(profile.uid),
            "profile": profile,
            "portrait": found,
            "cards": _cards(found),
            "sections": shown,
            "picture": picture.data(drawn, names, policy, now=clock.now()),
            "older": page.next,
            "clear": [
                (names.identifier(key), field, value)
                for (key, field), value in sorted(clear.items())
            ],
            "hidden": sorted({one.field for one in found.clear}),
            "reveal_form": RevealForm()
            if request.user.has_perm("identity.reveal_profile")
            else None,
            "may_erase": request.user.has_perm("identity.erase_profile"),
            "wish_form": WishForm() if self._may_wish(request) else None,
        }
        return TemplateResponse(request, "identity/profile.html", context)


def _sources(
    found: portrait.Portrait, links: Iterable[Link], touchpoints: Iterable[Touchpoint]
) -> set[int]:
    """Return the row ids of the sources that the page names."""
    words = [*(one.said_by for one in found.consent), *(one.said_by for one in found.bars)]
    said = [word.partition(":") for word in words]
    wishes = {int(row) for kind, _sep, row in said if kind == "source" and row.isdigit()}
    shown = {one.source for one in links} | {one.source for one in touchpoints}
    return wishes | shown


def _cursor(request: HttpRequest) -> tuple[Instant, str] | None:
    """Return where the timeline goes on; its beginning for an address that was tampered with."""
    try:
        key = pages.after(request.GET, int, str)
    except DomainError:
        return None
    return None if key is None else (int(key[0]), str(key[1]))


def _cards(found: portrait.Portrait) -> list[tuple[str, str]]:
    revenue = [sections.cash(units, code) for code, units in sorted(found.account.revenue.items())]
    sent = sum(one.times for one in found.contacts if one.direction == "outbound")
    return [
        (_("First seen"), sections.when(found.facts.first_seen)),
        (_("Last active"), sections.when(found.facts.last_seen)),
        (_("Orders"), f"{found.account.orders:,}"),
        (_("Revenue"), ", ".join(revenue) or "-"),
        (_("Visits"), f"{found.visits:,}"),
        (_("Contacts received"), f"{sent:,}"),
    ]


def _require(allowed: bool) -> None:  # noqa: FBT001 - reads as a sentence
    if not allowed:
        raise PermissionDenied


def _present(request: HttpRequest, asked: Profile) -> Profile | None:
    """Return the profile in which the person lives now: a page may be older than a merge. None, and a word about it, when nothing is left."""
    try:
        return selectors.find(asked.uid).profile
    except DomainError as error:
        messages.warning(request, error.message)
        return None


def _list() -> str:
    return reverse("admin:identity_profile_changelist")


def _page(profile: int) -> str:
    return reverse("admin:identity_profile_change", args=[profile])
