"""Templates: what they may say, what they refuse, and what becomes of links."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activation.deliveries.markup import BadTemplate, MissingValue, parse
from activation.deliveries.rendering import Parts, names, render, track
from activation.deliveries.tokens import Addresses, Purpose, Sent

ADDRESSES = Addresses(bytes(range(32)), "https://t.example")
SENT = Sent("1:a:1", "user_id:42", "email:abc", "email", "marketing", 1)
VALUES = {"traits": {"city": "Lyon", "tags": ["a", "b"], "n": 3, "empty": None}, "event": {}}


def text(source, values=VALUES):
    return parse(source).render(values)


def html(source, values=VALUES):
    return parse(source, html=True).render(values)


def test_values_are_filled_in():
    assert (
        text("Hello {{ traits.city|upper }}: {% for t in traits.tags %}{{ t }},{% endfor %}")
        == "Hello LYON: a,b,"
    )
    assert text("{% if traits.n > 2 %}many{% else %}few{% endif %}") == "many"


def test_a_missing_value_is_an_error_that_names_it():
    with pytest.raises(MissingValue) as error:
        text("Hello {{ traits.first_name }}")
    assert error.value.name == "traits.first_name"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ traits.first_name|default:'you' }}", "you"),
        ("{{ person.first_name|default:'you'|upper }}", "YOU"),
        ("{{ traits.empty|default:'you' }}", "you"),
        ("{{ traits.city|default:'you' }}", "Lyon"),
        ("{{ a.b.c|default:'deep' }}", "deep"),
        ("{{ traits.city.x|default:'no' }}", "no"),
        ("{% for t in traits.tags %}{{ t.name|default:'-' }}{% endfor %}", "--"),
        ("{% if traits.first_name %}Dear {{ traits.first_name }}{% else %}Hi{% endif %}", "Hi"),
        ("{% for x in traits.missing %}{{ x }}{% endfor %}.", "."),
    ],
)
def test_defaults_and_conditions(source, expected):
    assert text(source) == expected


def test_html_is_escaped_and_text_is_not():
    values = {"traits": {"city": "<b>&'\""}}
    assert html("<p title='{{ traits.city }}'>{{ traits.city }}</p>", values).count("<b>") == 0
    assert text("{{ traits.city }}", values) == "<b>&'\""


@given(st.text())
def test_no_value_breaks_out_of_html(value):
    rendered = html("<p>{{ traits.x }}</p>", {"traits": {"x": value}})
    assert rendered[3:-4].count("<") == 0


@pytest.mark.parametrize(
    "source",
    [
        "{% load static %}",
        "{% include 'x' %}",
        "{% extends 'x' %}",
        "{% now 'Y' %}",
        "{% debug %}",
        "{% autoescape off %}{% endautoescape %}",
        "{% csrf_token %}",
        "{% url 'admin:index' %}",
        "{{ traits.city|safe }}",
        "{{ traits.city|ljust:999999999 }}",
        "{{ traits.__class__ }}",
        "{{ traits.city",
        "{% if %}",
        "{% nonsense %}",
    ],
)
def test_what_a_template_may_not_do(source):
    if source == "{{ traits.city":
        assert text(source) == source  # plain text to Django
        return
    with pytest.raises(BadTemplate):
        parse(source, html=True)


def test_names_are_known_before_rendering():
    template = Parts(
        "{{ person.first_name|default:'x' }}",
        "{% if person.last_name %}{{ traits.city }}{% endif %}{% for t in traits.tags %}{{ t }}{% endfor %}",
        "<p>{{ event.product }}</p>",
    )
    assert {
        "person.first_name",
        "person.last_name",
        "traits.city",
        "traits.tags",
        "event.product",
    } <= names(template)


def test_a_text_part_is_made_from_html():
    page = "<html><head><title>x</title><style>p{}</style></head><body><h1>Hi</h1><p>See <a href='https://s.example/a'>it</a></p></body></html>"
    assert render(Parts("", "", page), {}).text == "Hi\nSee it https://s.example/a"


def test_a_subject_has_one_line():
    assert (
        render(Parts("a {{ traits.x }}", "t"), {"traits": {"x": "b\r\nBcc: c"}}).subject
        == "a b Bcc: c"
    )


def tracked(html="", text="", *, pixel=False):
    return track(Parts("", text, html), SENT, ADDRESSES, pixel=pixel)


@pytest.mark.parametrize(
    "anchor",
    [
        '<a href="https://s.example/a?b=1&amp;c=2">',
        "<a class=x href='https://s.example/a?b=1&amp;c=2'>",
        "<A HREF=https://s.example/a?b=1&amp;c=2>",
        '<a\nhref = "https://s.example/a?b=1&amp;c=2" target=_blank>',
    ],
)
def test_links_in_html(anchor):
    found = tracked(anchor).html
    link = ADDRESSES.link(SENT, "https://s.example/a?b=1&c=2").replace("&", "&amp;")
    assert f'"{link}"' in found


@pytest.mark.parametrize(
    "anchor",
    [
        '<a href="mailto:a@b.example">',
        '<a href="#top">',
        '<a href="tel:+33">',
        '<img src="https://s.example/i.png">',
    ],
)
def test_what_is_no_link_stays(anchor):
    assert tracked(anchor).html == anchor


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "vbscript:x"]
)
def test_a_script_in_place_of_an_address_goes(url):
    assert tracked(f'<a href="{url}">').html == '<a href="#">'


def test_links_in_text_keep_what_follows():
    found = tracked(
        text="See https://s.example/a, (https://s.example/b) and HTTPS://s.example/c."
    ).text
    for url, after in (
        ("https://s.example/a", ","),
        ("https://s.example/b", ")"),
        ("HTTPS://s.example/c", "."),
    ):
        assert ADDRESSES.link(SENT, url) + after in found


def test_the_unsubscribe_address_is_no_tracked_link():
    url = ADDRESSES.unsubscribe(SENT)
    assert tracked(f'<a href="{url}">', f"Bye: {url}") == Parts(
        "", f"Bye: {url}", f'<a href="{url}">'
    )


def test_the_pixel_comes_last_in_the_body():
    found = tracked("<body><p>x</p></body>", pixel=True).html
    assert found.index("<p>") < found.index("<img") < found.index("</body>")
    assert ADDRESSES.open_pixel(SENT) in found
    assert tracked("<p>x</p>", pixel=True).html.startswith("<p>x</p><img")
    assert tracked("", pixel=True).html == ""
    assert ADDRESSES.unseal(found.split("/o/")[1].split(".gif")[0], Purpose.OPEN) == SENT
