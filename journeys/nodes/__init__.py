"""The kinds of nodes by the name that a definition calls them; a new kind is a module and a line here."""

from collections.abc import Mapping

from journeys.nodes.audience import AudienceAdd, AudienceRemove
from journeys.nodes.capping import Capping
from journeys.nodes.entry import Entry
from journeys.nodes.if_else import IfElse
from journeys.nodes.kind import Kind
from journeys.nodes.leave import ExitNode
from journeys.nodes.send import SendNode
from journeys.nodes.site_slot import SiteSlot
from journeys.nodes.wait import Wait
from journeys.nodes.wait_for import WaitFor

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Entry(),
        Wait(),
        WaitFor(),
        IfElse(),
        SendNode(),
        SiteSlot(),
        Capping(),
        AudienceAdd(),
        AudienceRemove(),
        ExitNode(),
    )
}
