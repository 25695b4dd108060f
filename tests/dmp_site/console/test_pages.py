"""Every page of the console opens for who may see it, and for nobody else; it loads nothing from another host."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.urls import reverse

from dmp_site import roles
from dmp_site.console import checks, navigation

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]

PRODUCT = {"identity", "activation", "journeys", "dmp_site", "auth"}


@pytest.fixture
def sign_in(client):
    roles.ensure()

    def _sign_in(role):
        user = User.objects.create_user("alice", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return _sign_in


def pages():
    return [model for model in admin.site._registry if model._meta.app_label in PRODUCT]


def address(model, what="changelist"):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}")


@pytest.mark.parametrize("role", roles.ROLES)
def test_lists_open_by_role(sign_in, role):
    client = sign_in(role)
    for model in pages():
        label = model._meta.label_lower
        expected = 200 if roles.ROLES[role].may(label, "view") else 403
        assert client.get(address(model)).status_code == expected, label


@pytest.mark.parametrize("odd", ["²", "9" * 20, "9" * 5_000, "x"], ids=["²", "20", "5000", "x"])
def test_an_address_that_names_no_row_leads_back(sign_in, odd):
    reader = sign_in("admin")
    for model in pages():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        assert reader.get(reverse(name, args=[odd])).status_code in {302, 403}, name


@pytest.mark.parametrize("role", roles.ROLES)
def test_forms_to_add_open_by_role(sign_in, role):
    client = sign_in(role)
    for model in pages():
        answer = client.get(address(model, "add"))
        assert answer.status_code in {200, 403}, model
        if not roles.ROLES[role].may(model._meta.label_lower, "add"):
            assert answer.status_code == 403, (role, model)


@pytest.mark.parametrize("role", roles.ROLES)
def test_the_navigation_leads_only_where_the_reader_may_go(sign_in, role):
    client = sign_in(role)
    home = client.get("/admin/")
    links = {
        item["link"] for group in home.context["sidebar_navigation"] for item in group["items"]
    }
    assert reverse("console-health") in links
    for link in links:
        assert client.get(link).status_code == 200, link


def test_every_page_of_the_product_has_a_place_in_the_navigation():
    assert {model._meta.label_lower for model in pages()} <= navigation.listed()


def test_pages_load_nothing_from_another_host(sign_in):
    client = sign_in("admin")
    for link in ["/admin/", "/admin/health/", *(address(model) for model in pages())]:
        page = client.get(link)
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        outside = re.findall(
            r"""(?:src|href|action)=["'](?:https?:)?//[^"']+""", page.content.decode()
        )
        assert outside == [], link


@pytest.mark.parametrize(
    "link", ["/admin/", "/admin/health/", "/admin/health/findings", "/admin/numbers"]
)
def test_nothing_opens_without_a_login(client, link):
    answer = client.get(link)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/login/")


def test_somebody_without_staff_status_stays_outside(client):
    client.force_login(User.objects.create_user("bob"))
    assert client.get("/admin/").status_code == 302


def test_the_login_works_and_the_front_door_leads_to_it(client):
    User.objects.create_superuser("alice", password="correct horse battery")
    assert client.get("/").headers["Location"] == "/admin/"
    answer = client.post(
        "/admin/login/?next=/admin/", {"username": "alice", "password": "correct horse battery"}
    )
    assert answer.status_code == 302
    assert client.get("/admin/").status_code == 200


def test_liveness_tells_nothing_but_that(client):
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_every_check_has_a_name_for_people_and_the_page_of_health_opens(sign_in):
    assert checks.TITLES.keys() == {"database", "move", *checks.CHECKS}
    page = sign_in("viewer").get("/admin/health/")
    assert page.status_code == 200
    assert all(title in page.content.decode() for title in ("backlog", "set aside"))
