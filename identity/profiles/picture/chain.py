"""The chain of evidence between two identifiers, as the console shows it: in words, and a row for each source of each step."""

from typing import NamedTuple

from django.utils.translation import gettext as _

from identity.graph import policies
from identity.profiles import portrait
from identity.profiles.explain import Explanation
from identity.profiles.picture import page
from identity.profiles.picture.drawing import Tie
from identity.profiles.sections import Names, Section


class Answer(NamedTuple):
    """`section`: the steps from the one to the other; None when there are none."""

    said: str
    section: Section | None


def answer(found: Explanation) -> Answer:
    """Write an explanation for people, personal data masked."""
    if not found.chain:
        return Answer(_("This is one identifier.") if found.together else _nothing(), None)
    said = (
        _("They are one person. This is the shortest way from the one to the other:")
        if found.together
        else _(
            "They are not one person. This is the shortest way from the one to the other, with what does not hold on it:"
        )
    )
    ties = [
        Tie(step.a, step.b, step.evidence, step.refused, step.decision, bridge=False)
        for step in found.chain
    ]
    sources = portrait.source_names(link.source for tie in ties for link in tie.evidence)
    names = Names([], sources)
    section = page.table(_("Chain of evidence"), ties, names, policies.current())
    return Answer(said, section)


def _nothing() -> str:
    return _("Nothing connects them, or one of them is unknown.")
