"""How households are written for people."""

from collections.abc import Mapping, Sequence

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from identity.profiles import sections
from identity.profiles.households.selectors import Home, Place, Resident
from identity.profiles.sections import Section


def name(home: Home, *, whole: bool = False) -> str:
    """Write what names a household; of personal data the namespace and the first digits of its HMAC. `whole`: however long it is."""
    personal = home.value is None
    return home.key if whole and not personal else sections.short(home.key, personal=personal)


def revenue(sums: Mapping[str, int]) -> str:
    return ", ".join(sections.cash(units, code) for code, units in sorted(sums.items())) or "-"


def of_profile(places: Sequence[Place]) -> Section:
    """Return the households that a person belongs to."""
    return Section(
        _("Households"),
        [_("household"), _("people"), _("first"), _("last"), _("count")],
        [
            [
                _link("household", each.home.row, name(each.home)),
                f"{each.home.profiles:,}",
                sections.when(each.first_at),
                sections.when(each.last_at),
                each.times,
            ]
            for each in places
        ],
    )


def of_household(people: Sequence[Resident], *, shown: int) -> Section:
    """Return the people of a household, at most `shown`."""
    note = _("The first %(shown)s are shown.") % {"shown": shown} if len(people) > shown else ""
    return Section(
        _("People"),
        [_("profile"), _("first"), _("last")],
        [
            [
                _link("profile", one.profile, one.uid),
                sections.when(one.first_at),
                sections.when(one.last_at),
            ]
            for one in people[:shown]
        ],
        note,
    )


def _link(model: str, row: int, text: str) -> str:
    address = reverse(f"admin:identity_{model}_change", args=[row])
    return format_html('<a class="text-primary-600" href="{}">{}</a>', address, text)
