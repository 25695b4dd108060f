"""Signing in to the console in tests."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from dmp_site import roles

SignIn = Callable[[str], Client]


@pytest.fixture
def sign_in(db: None) -> SignIn:
    """Sign in somebody who has a role."""
    roles.ensure()

    def _sign_in(role: str) -> Client:
        user = User.objects.create_user(role.replace(" ", ""), is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        return client

    return _sign_in
