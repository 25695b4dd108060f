"""REST: profiles by id and by identifier, their timeline and identity, clear personal data, consent and suppression."""

from typing import Any
from uuid import UUID

from django.urls import path
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity import clock, pages
from identity.access import actor
from identity.errors import NotFound
from identity.graph import policies
from identity.privacy import services, vault
from identity.privacy.shapes import Asked, ConsentWish, Named, SuppressionWish, valid
from identity.profiles import facts, portrait, rendering, selectors, shapes, timeline
from identity.profiles import totals as sums
from identity.profiles.models import Profile
from identity.profiles.portrait import Portrait
from identity.touchpoints import naming
from identity.touchpoints.types import Identifier

READ, CLEAR, WRITE = "profiles:read", "pii:read", "privacy:write"


class _Reveal(serializers.Serializer[Any]):
    why = serializers.CharField(
        max_length=200, help_text="Goes to the access log; without personal data."
    )


class _RevealedField(serializers.Serializer[Any]):
    identifier = serializers.CharField()
    field = serializers.CharField()
    value = serializers.CharField()


class ProfileById(APIView):
    """One profile."""

    required_scope = READ

    @extend_schema(operation_id="profile", responses=shapes.ProfileShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """Return a profile. An id from before a merge answers too; `merged_into` then says the present one."""
        found = selectors.find(uid)
        return Response(rendering.portrait(_portrait(found.profile), found.merged_into))


class ProfileByIdentifier(APIView):
    """The profile that has an identifier."""

    required_scope = READ

    @extend_schema(operation_id="profile_by_identifier", responses=shapes.ProfileShape)
    def get(self, request: Request, namespace: str, value: str) -> Response:
        """Return the profile that has this identifier. For personal data (email, phone) POST to profiles/lookup."""
        wanted = naming.identifier(namespace, value, public=True)
        return Response(rendering.portrait(_portrait(selectors.by_identifier(wanted))))


class Lookup(APIView):
    """The profile that has an identifier, personal data included."""

    required_scope = READ

    @extend_schema(
        operation_id="profile_lookup", request=Named, responses={200: shapes.ProfileShape}
    )
    def post(self, request: Request) -> Response:
        """Return the profile that has this identifier; the value is hashed and not kept."""
        asked = valid(Named, request)
        wanted = naming.identifier(asked["namespace"], asked["value"], region=asked["region"])
        return Response(rendering.portrait(_portrait(selectors.by_identifier(wanted))))


class Timeline(APIView):
    """The touchpoints of a profile."""

    required_scope = READ

    @extend_schema(
        operation_id="profile_timeline",
        parameters=pages.PARAMETERS,
        responses=pages.schema("Timeline", shapes.TouchpointShape(many=True)),
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Return the touchpoints of a profile, newest first."""
        query = request.query_params
        key = pages.after(query, int, str)
        before = None if key is None else (int(key[0]), str(key[1]))
        page = timeline.page(
            selectors.find(uid).profile.pk, before=before, limit=pages.limit_of(query)
        )
        return Response(page.render(rendering.touchpoint))


class Identifiers(APIView):
    """What a profile is made of."""

    required_scope = READ

    @extend_schema(
        operation_id="profile_identifiers",
        parameters=pages.PARAMETERS,
        responses=pages.schema("IdentifierPage", shapes.IdentifierShape(many=True)),
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Return the identifiers of a profile, the strongest first."""
        profile = selectors.find(uid).profile.pk
        owners = facts.owners_of([profile]).get(profile, [])
        page = pages.of(owners, request.query_params, key=facts.rank)
        policy = policies.current()
        return Response(
            page.render(lambda owner: rendering.identifier(portrait.member(owner, policy)))
        )


class Links(APIView):
    """What holds a profile together."""

    required_scope = READ

    @extend_schema(
        operation_id="profile_links",
        parameters=pages.PARAMETERS,
        responses=pages.schema("LinkPage", shapes.LinkShape(many=True)),
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Return the links between the identifiers of a profile, by source, the latest seen first."""
        links = timeline.links(selectors.find(uid).profile.pk)
        page = pages.of(
            links,
            request.query_params,
            key=lambda link: (-link.last_seen, link.a.key, link.b.key, link.source),
        )
        return Response(page.render(rendering.link))


class RefusedLinks(APIView):
    """What does not hold a profile together."""

    required_scope = READ

    @extend_schema(
        operation_id="profile_refused_links",
        parameters=pages.PARAMETERS,
        responses=pages.schema("RefusedLinkPage", shapes.RefusedLinkShape(many=True)),
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Return the links of a profile's identifiers that the policy refuses, with the reason; of a hub the fifty seen last."""
        refused = timeline.refused(selectors.find(uid).profile.pk)
        page = pages.of(
            refused,
            request.query_params,
            key=lambda one: (one.link.a.key, one.link.b.key, one.link.reason),
        )
        return Response(page.render(rendering.refusal))


class History(APIView):
    """The merges and splits of a profile."""

    required_scope = READ

    @extend_schema(
        operation_id="profile_history",
        parameters=pages.PARAMETERS,
        responses=pages.schema("MovePage", shapes.MoveShape(many=True)),
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """Return the merges and splits of a profile, with the evidence that caused each, newest first."""
        moves = selectors.moves(selectors.find(uid).profile.pk)
        page = pages.page(moves, request.query_params, order=["-id"])
        return Response(page.render(lambda row: rendering.move(selectors.move(row))))


class Reveal(APIView):
    """Clear personal data of a profile."""

    required_scope = CLEAR

    @extend_schema(
        operation_id="profile_reveal", request=_Reveal, responses={200: _RevealedField(many=True)}
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Return what the vault holds of a profile. Each value is an entry of the access log, with the reason given."""
        why = valid(_Reveal, request)["why"]
        keys = [each.key for each in _identifiers(uid)]
        clear = vault.reveal(
            [field[:2] for field in vault.fields(keys)],
            actor=actor(request),
            why=why,
            now=clock.now(),
        )
        return Response(
            [
                {"identifier": identifier, "field": field, "value": value}
                for (identifier, field), value in sorted(clear.items())
            ]
        )


class ProfileConsent(APIView):
    """What a profile's person allows and refuses."""

    required_scope = WRITE

    @extend_schema(operation_id="profile_consent", request=ConsentWish, responses={202: Asked})
    def post(self, request: Request, uid: UUID) -> Response:
        """Keep that the person allows or refuses a purpose; done once the lane has executed it."""
        wish = valid(ConsentWish, request)
        command = services.ask_consent(
            _identifiers(uid)[:1], **wish, actor=actor(request), now=clock.now()
        )
        return Response({"command": command}, 202)


class ProfileSuppression(APIView):
    """Channels that must not be used for a profile's person."""

    required_scope = WRITE

    @extend_schema(
        operation_id="profile_suppression", request=SuppressionWish, responses={202: Asked}
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """Close a channel ("*" = all) for the person, or lift whatever closes it for any of the identifiers."""
        wish = valid(SuppressionWish, request)
        identifiers = _identifiers(uid)
        command = services.ask_suppression(
            identifiers[:1] if wish["active"] else identifiers,
            **wish,
            actor=actor(request),
            now=clock.now(),
        )
        return Response({"command": command}, 202)


class TotalsView(APIView):
    """How much of everything there is."""

    required_scope = READ

    @extend_schema(operation_id="profile_totals", responses=shapes.TotalsShape)
    def get(self, request: Request) -> Response:
        """Count profiles, orders, revenue, contacts, visits and events over all profiles."""
        return Response(rendering.totals(sums.totals()))


def _portrait(profile: Profile) -> Portrait:
    found = portrait.of(profile.pk)
    if found is None:
        raise NotFound("profile_gone", gettext("this profile has no identifiers any more"))
    return found


def _identifiers(uid: UUID) -> list[Identifier]:
    """Return the identifiers of a profile, the strongest first."""
    found = selectors.identifiers(selectors.find(uid).profile.pk)
    if not found:
        raise NotFound("profile_gone", gettext("this profile has no identifiers any more"))
    return found


urlpatterns = [
    path("profiles/totals", TotalsView.as_view(), name="api-profile-totals"),
    path("profiles/lookup", Lookup.as_view(), name="api-profile-lookup"),
    path(
        "profiles/by/<str:namespace>/<path:value>",
        ProfileByIdentifier.as_view(),
        name="api-profile-by",
    ),
    path("profiles/<uuid:uid>", ProfileById.as_view(), name="api-profile"),
    path("profiles/<uuid:uid>/timeline", Timeline.as_view(), name="api-profile-timeline"),
    path("profiles/<uuid:uid>/identifiers", Identifiers.as_view(), name="api-profile-identifiers"),
    path("profiles/<uuid:uid>/links", Links.as_view(), name="api-profile-links"),
    path(
        "profiles/<uuid:uid>/refused-links",
        RefusedLinks.as_view(),
        name="api-profile-refused-links",
    ),
    path("profiles/<uuid:uid>/history", History.as_view(), name="api-profile-history"),
    path("profiles/<uuid:uid>/reveal", Reveal.as_view(), name="api-profile-reveal"),
    path("profiles/<uuid:uid>/consent", ProfileConsent.as_view(), name="api-profile-consent"),
    path(
        "profiles/<uuid:uid>/suppression",
        ProfileSuppression.as_view(),
        name="api-profile-suppression",
    ),
]
