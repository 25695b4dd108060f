"""Forms that name somebody by what people type. They are posted: that is often an e-mail address."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from identity.graph import policies
from identity.graph.policy import Kind
from identity.profiles import selectors
from identity.profiles.households import selectors as households
from identity.profiles.models import Household, Profile
from identity.touchpoints import naming
from identity.touchpoints.types import Identifier

_ID = "id"


def namespaces() -> list[tuple[str, str]]:
    """Return the namespaces of people, devices and cookies to choose from, the strongest first."""
    rows = sorted(policies.current().namespaces.values(), key=lambda one: (one.priority, one.name))
    return [(one.name, one.name) for one in rows if one.kind is not Kind.HOUSEHOLD]


class TwoForm(forms.Form):
    """Names two identifiers by their clear values, which are hashed where they are personal."""

    namespace = forms.ChoiceField(label=gettext_lazy("namespace"), widget=UnfoldAdminSelectWidget)
    value = forms.CharField(
        label=gettext_lazy("value"),
        max_length=512,
        strip=False,
        widget=UnfoldAdminTextInputWidget,
    )
    other_namespace = forms.ChoiceField(
        label=gettext_lazy("other namespace"), widget=UnfoldAdminSelectWidget
    )
    other_value = forms.CharField(
        label=gettext_lazy("other value"),
        max_length=512,
        strip=False,
        widget=UnfoldAdminTextInputWidget,
    )
    region = forms.RegexField(
        r"^[A-Za-z]{2}$",
        label=gettext_lazy("Country"),
        required=False,
        help_text=gettext_lazy("of a local phone number"),
        widget=UnfoldAdminTextInputWidget,
    )

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for field in ("namespace", "other_namespace"):
            self.fields[field].choices = namespaces()  # type: ignore[attr-defined]

    def identifier(self, prefix: str = "") -> Identifier:
        """Return the identifier that the fields of this prefix name. Raises DomainError."""
        asked = self.cleaned_data
        return naming.identifier(
            asked[f"{prefix}namespace"], asked[f"{prefix}value"], region=asked["region"]
        )


class FindForm(forms.Form):
    """Names one profile: by an identifier, or by its id."""

    namespace = forms.ChoiceField(label=gettext_lazy("Find by"), widget=UnfoldAdminSelectWidget)
    value = forms.CharField(
        label=gettext_lazy("Value"), max_length=512, widget=UnfoldAdminTextInputWidget
    )
    region = forms.RegexField(
        r"^[A-Za-z]{2}$",
        label=gettext_lazy("Country"),
        required=False,
        widget=UnfoldAdminTextInputWidget(
            attrs={"placeholder": "FR", "title": gettext_lazy("of a local phone number")}
        ),
    )

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        names = sorted(
            policies.current().namespaces.values(), key=lambda one: (one.priority, one.name)
        )
        choices = [(one.name, one.name) for one in names]
        self.fields["namespace"].choices = [*choices, (_ID, _("profile id"))]  # type: ignore[attr-defined]

    def profile(self) -> Profile:
        """Return the profile that a valid form names. Raises DomainError."""
        asked = self.cleaned_data
        if asked["namespace"] == _ID:
            return selectors.find(asked["value"].strip()).profile
        return selectors.by_identifier(self._identifier())

    def household(self) -> Household | None:
        """Return the household that a valid form names, None when it names something else. Raises DomainError."""
        namespace = policies.current().find(self.cleaned_data["namespace"])
        if namespace is None or namespace.kind is not Kind.HOUSEHOLD:
            return None
        return households.by_identifier(self._identifier())

    def _identifier(self) -> Identifier:
        asked = self.cleaned_data
        return naming.identifier(asked["namespace"], asked["value"], region=asked["region"])
