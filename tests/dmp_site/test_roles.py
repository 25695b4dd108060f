"""What each role may see and do."""

import pytest
from django.contrib.auth.models import Group, Permission, User

from dmp_site import roles
from dmp_site.api.authentication import known_scopes

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    """Return a function that makes a user with one role."""
    roles.ensure()

    def _member(role):
        user = User.objects.create_user(f"alice-{role}", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        return User.objects.get(pk=user.pk)

    return _member


ALL = {"viewer", "marketer", "operator", "privacy officer", "admin"}


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        ("identity.view_profile", ALL),
        ("identity.view_source", ALL),
        ("identity.view_batch", ALL),
        ("dmp_site.view_job", ALL),
        ("identity.add_source", {"operator", "admin"}),
        ("identity.add_writekey", {"operator", "admin"}),
        ("identity.change_setaside", {"operator", "admin"}),
        ("identity.change_profile", {"privacy officer", "admin"}),
        ("identity.view_auditentry", {"privacy officer", "admin"}),
        ("dmp_site.change_job", {"operator", "admin"}),
        ("activation.change_channelconfig", {"operator", "admin"}),
        ("activation.add_partnerlist", {"operator", "admin"}),
        ("activation.change_channelweight", {"marketer", "admin"}),
        ("dmp_site.view_apikey", {"admin"}),
        ("dmp_site.add_apikey", {"admin"}),
        ("auth.view_user", {"admin"}),
        ("auth.change_group", {"admin"}),
    ],
)
def test_permissions(member, permission, allowed):
    assert {role for role in roles.ROLES if member(role).has_perm(permission)} == allowed


def test_marketers_edit_what_they_plan_with():
    marketer = roles.ROLES["marketer"]
    for model in ["activation.audience", "activation.policy", "journeys.journey"]:
        assert marketer.may(model, "change")
    assert not marketer.may("activation.delivery", "change")
    assert not marketer.may("identity.source", "change")


def test_scopes_follow_the_roles(member):
    assert roles.scopes_of(member("viewer")) == {"*:read"}
    assert "audiences:write" in roles.scopes_of(member("marketer"))
    assert roles.scopes_of(member("admin")) == {"*"}
    user = member("operator")
    user.is_active = False
    assert roles.scopes_of(user) == frozenset()


@pytest.mark.parametrize("name", roles.ROLES)
def test_every_scope_of_a_role_opens_something(name):
    general = {"*", "*:read"}
    assert roles.ROLES[name].scopes - general <= set(known_scopes())


def test_ensuring_again_restores_the_roles_and_leaves_members(member):
    user = member("viewer")
    group = Group.objects.get(name="viewer")
    group.permissions.add(Permission.objects.get(codename="delete_user"))
    roles.ensure()
    again = User.objects.get(pk=user.pk)
    assert not again.has_perm("auth.delete_user")
    assert again.has_perm("identity.view_source")
    assert Group.objects.filter(name__in=roles.ROLES).count() == len(roles.ROLES)
