"""What the lane was doing when it moved identifiers from one profile to another: it stands in the history, also where no evidence is left."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Doing(StrEnum):
    """Kinds of work of the lane; the words stand in the history and the API."""

    TOUCHPOINTS = "touchpoints"  # a batch of them
    SET_ASIDE = "set_aside"  # a touchpoint; its inbox number
    DECISION = "decision"  # made or undone; its number in the log
    FORGET_SOURCE = "forget_source"  # the source's row id
    FORGET_IDENTIFIER = "forget_identifier"  # the identifier's row id
    ERASURE = "erasure"  # of somebody they were linked with; its row id
    POLICY = "policy"  # brought to this version
    REBUILD = "rebuild"  # the whole graph was compared with who is stored to be who
    EVIDENCE_GONE = "evidence_gone"  # touchpoints, before what took evidence away came to them


WORDS: Mapping[str, str | Promise] = {
    Doing.TOUCHPOINTS: _("touchpoints"),
    Doing.SET_ASIDE: _("touchpoint set aside"),
    Doing.DECISION: _("decision"),
    Doing.FORGET_SOURCE: _("source forgotten"),
    Doing.FORGET_IDENTIFIER: _("identifier forgotten"),
    Doing.ERASURE: _("erasure"),
    Doing.POLICY: _("identity policy"),
    Doing.REBUILD: _("rebuild"),
    Doing.EVIDENCE_GONE: _("evidence taken away"),
}


class Occasion(NamedTuple):
    """`number`: of what it was about, see Doing; None where there is none. It names nobody."""

    doing: Doing
    number: int | None = None

    @property
    def text(self) -> str:
        word = str(WORDS[self.doing])
        return word if self.number is None else f"{word} {self.number}"


TOUCHPOINTS, REBUILD = Occasion(Doing.TOUCHPOINTS), Occasion(Doing.REBUILD)
EVIDENCE_GONE = Occasion(Doing.EVIDENCE_GONE)
