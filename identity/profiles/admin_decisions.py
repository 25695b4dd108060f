"""The page of what people decide about who is who: the log, a form for a new decision, and taking one back."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from identity import clock
from identity.access import actor
from identity.admin_base import ServiceModelAdmin
from identity.errors import DomainError
from identity.graph.port import StoreAway
from identity.graph.types import Verdict
from identity.pages import KeysetPage
from identity.privacy.masking import masked
from identity.profiles import decisions, forgetting, undecided
from identity.profiles.asking import explained
from identity.profiles.finding import FindForm, TwoForm, namespaces
from identity.profiles.happenings import STATES, WORDS
from identity.profiles.models import Decision
from identity.profiles.picture.chain import answer
from identity.profiles.sections import cut, when
from identity.touchpoints import naming
from identity.touchpoints.types import Identifier

_Row = TypeVar("_Row")


class DecisionForm(TwoForm, forms.ModelForm):  # type: ignore[type-arg]
    """Names two identifiers, and what is decided about them."""

    verdict = forms.ChoiceField(
        label=_("decision"), choices=[*WORDS.items()], widget=UnfoldAdminSelectWidget
    )
    why = forms.CharField(
        label=_("reason"),
        max_length=200,
        required=False,
        help_text=_("Without personal data: it stays in the log."),
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = Decision
        fields = ["verdict", "why"]


class ForgetForm(FindForm):
    """Names an identifier that is to take part in nothing any more."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fields["namespace"].choices = namespaces()  # type: ignore[attr-defined]

    def identifier(self) -> Identifier:
        """Return the identifier of a valid form. Raises DomainError."""
        asked = self.cleaned_data
        return naming.identifier(asked["namespace"], asked["value"], region=asked["region"])


def shown(key: str) -> str:
    """Write a key for people, of personal data the beginning of its HMAC."""
    return cut(masked(key.replace(":", ": ", 1)))


def _may_forget(request: HttpRequest) -> bool:
    return request.user.has_perm("identity.change_profile")


def _page(
    request: HttpRequest, read: Callable[[Mapping[str, str]], KeysetPage[_Row]]
) -> KeysetPage[_Row]:
    """Return the page that the address names; the first for a cursor that was tampered with, none while the graph store is away."""
    try:
        return read(request.GET)
    except StoreAway:
        messages.warning(request, _("The graph store does not answer."))
        return KeysetPage([], None)
    except DomainError:
        return read({})


def _overruled(rows: Iterable[Decision]) -> dict[int, str] | None:
    """Return why decisions do not hold, by number; None while the graph store is away."""
    try:
        return decisions.overruled(rows)
    except StoreAway:
        return None


@admin.register(Decision)
class DecisionAdmin(ServiceModelAdmin):
    """The log of decisions. One is made here and taken back here; none is changed or deleted."""

    form = DecisionForm
    list_display = ["id", "said", "pair", "state", "holds", "made_at", "made_by", "undone_at"]
    list_filter = ["verdict"]
    ordering = ["-pk"]
    actions = ["undo"]
    list_before_template = "identity/decisions.html"
    _shown = ["said", "pair", "why", "state", "holds", "made_at", "made_by", "applied_at", "undone_at", "undone_by"]  # fmt: skip
    _asked = ["verdict", "namespace", "value", "other_namespace", "other_value", "region", "why"]

    def get_urls(self) -> list[URLPattern]:
        views = (
            ("hubs", self.hubs),
            ("undecided", self.undecided),
            ("explain", self.explain),
            ("forget", self.forget),
        )
        mine = [
            path(f"{name}/", self.admin_site.admin_view(view), name=f"identity_decision_{name}")
            for name, view in views
        ]
        return [*mine, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        form = ForgetForm() if _may_forget(request) else None
        given = {"forget_form": form, **(extra_context or {})}
        answer: HttpResponse = super().changelist_view(request, given)
        return answer

    def hubs(self, request: HttpRequest) -> HttpResponse:
        """List the identifiers with too many people around them."""
        page = _page(request, undecided.hubs)
        rows = [[shown(each.identifier.key), each.degree] for each in page.results]
        return self._listed(
            request,
            title=_("Quarantined hubs"),
            about=_(
                "Identifiers with too many people around them: they keep their links and join nobody."
            ),
            headers=[_("identifier"), _("people")],
            rows=rows,
            next=page.next,
        )

    def undecided(self, request: HttpRequest) -> HttpResponse:
        """List the profiles that may be several people."""
        page = _page(request, undecided.undecided)
        rows = [
            [
                format_html(
                    '<a class="text-primary-600" href="{}">{}</a>',
                    reverse("admin:identity_profile_change", args=[each.row]),
                    each.uid,
                ),
                each.crowd.links if each.crowd else "-",
                when(each.crowd.found_at if each.crowd else None),
                each.crowd.waiting.touchpoints if each.crowd else "-",
                ", ".join(map(shown, each.identifiers)),
            ]
            for each in page.results
        ]
        return self._listed(
            request,
            title=_("Profiles that the rules cannot decide"),
            about=_(
                "One browser or device, several values of one kind, and no id that says who is who: one person, or several?"
                " And neighbourhoods with so many links that something must be shared by strangers: unlink it, forget it, or"
                " change the policy so that it is a hub."
            ),
            headers=[
                _("profile"),
                _("links"),
                _("too large since"),
                _("touchpoints that wait"),
                _("identifiers"),
            ],
            rows=rows,
            next=page.next,
        )

    def explain(self, request: HttpRequest) -> HttpResponse:
        """Show the chain of evidence between the two posted identifiers."""
        self._require_view(request)
        form, found = TwoForm(request.POST if request.method == "POST" else None), None
        try:
            if form.is_bound and form.is_valid():
                found = explained(
                    form.identifier(),
                    form.identifier("other_"),
                    actor=actor(request),
                    now=clock.now(),
                )
        except DomainError as error:
            form.add_error(None, error.message)
        except StoreAway:
            messages.warning(request, _("The graph store does not answer."))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Why two identifiers are one person"),
            "form": form,
            "answer": found and answer(found),
        }
        return TemplateResponse(request, "identity/explain.html", context)

    def _require_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _listed(self, request: HttpRequest, **given: Any) -> HttpResponse:
        self._require_view(request)
        context = {**self.admin_site.each_context(request), "opts": self.opts, **given}
        return TemplateResponse(request, "identity/looked_at.html", context)

    def forget(self, request: HttpRequest) -> HttpResponse:
        """Ask the lane to forget the posted identifier."""
        if not _may_forget(request):
            raise PermissionDenied
        form = ForgetForm(request.POST)
        try:
            if request.method == "POST" and form.is_valid():
                forgetting.ask(form.identifier(), actor=actor(request), now=clock.now())
                messages.success(request, _("Asked of the lane; the page shows it in a moment."))
        except DomainError as error:
            messages.error(request, error.message)
        return HttpResponseRedirect(reverse("admin:identity_decision_changelist"))

    def get_fields(self, request: HttpRequest, obj: Decision | None = None) -> Any:
        return self._shown if obj else self._asked

    def get_readonly_fields(self, request: HttpRequest, obj: Decision | None = None) -> Any:
        return self._shown if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Decision | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Decision | None = None) -> bool:
        return False

    @display(description=_("decision"), ordering="verdict")
    def said(self, row: Decision) -> str:
        return str(WORDS[row.verdict])

    @display(description=_("identifiers"))
    def pair(self, row: Decision) -> str:
        return ", ".join(map(shown, (row.a, row.b)))

    @display(
        description=_("state"),
        label={"waiting": "info", "standing": "success", "undone": "warning"},
    )
    def state(self, row: Decision) -> tuple[str, Any]:
        found = decisions.state(row)
        return found, STATES[found]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Ask once for all rows which of them hold."""
        changes: Any = super().get_changelist_instance(request)
        overruled = _overruled(changes.result_list)
        for row in changes.result_list:
            row.overruled = "?" if overruled is None else overruled.get(row.pk, "-")
        return changes

    @display(description=_("overruled by"))
    def holds(self, row: Any) -> str:
        """Say it of a row of the list, or of the one whose page this is."""
        if hasattr(row, "overruled"):
            return str(row.overruled)
        overruled = _overruled([row])
        return "?" if overruled is None else overruled.get(row.pk, "-")

    def save_model(self, request: HttpRequest, obj: Decision, form: Any, change: bool) -> None:  # noqa: FBT001
        """Hand the form to the service that the API calls too."""
        asked = decisions.ask(
            Verdict(form.cleaned_data["verdict"]),
            form.identifier(),
            form.identifier("other_"),
            why=form.cleaned_data["why"],
            actor=actor(request),
            now=clock.now(),
        )
        obj.pk = asked.decision
        messages.success(request, _("Asked of the lane; the page shows it in a moment."))

    def has_undo_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identity.change_decision")

    @admin.action(description=_("Take back"), permissions=["undo"])
    def undo(self, request: HttpRequest, chosen: QuerySet[Decision]) -> None:
        for row in chosen:
            try:
                decisions.ask_undo(row.pk, actor=actor(request), now=clock.now())
            except DomainError as error:
                messages.error(request, error.message)
