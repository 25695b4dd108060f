import pytest
from django.contrib.auth.models import User
from rest_framework.request import Request

from identity.access import Caller, actor, caller
from identity.errors import DomainError


@pytest.mark.parametrize(
    ("held", "wanted", "may"),
    [
        ({"profiles:read"}, "profiles:read", True),
        ({"profiles:read"}, "profiles:write", False),
        ({"profiles:read"}, "audiences:read", False),
        ({"*:read"}, "audiences:read", True),
        ({"*:read"}, "audiences:write", False),
        ({"*:read"}, "pii:read", False),
        ({"pii:read"}, "pii:read", True),
        ({"*:read"}, "audit:read", False),
        ({"audit:read"}, "audit:read", True),
        ({"*"}, "audiences:write", True),
        (set(), "profiles:read", False),
    ],
)
def test_scopes(held, wanted, may):
    assert Caller("key:x", frozenset(held)).may(wanted) is may


def test_a_request_without_caller_is_refused(rf):
    request = Request(rf.get("/"))
    request.auth = None
    with pytest.raises(DomainError):
        caller(request)


def test_the_actor_is_a_key_or_a_row_id_never_a_name(rf):
    request = rf.get("/")
    request.user = User(pk=7, username="alice@example.com")
    assert actor(request) == "user:7"
    rest = Request(rf.get("/"))
    rest.auth = Caller("key:frk_1", frozenset())
    assert actor(rest) == "key:frk_1"
