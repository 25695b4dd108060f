"""Every text for people goes through gettext, and the French catalogue has each of them, translated and compiled."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation.template import templatize

from activation.audiences import reading
from identity import clock
from tests.identity.signing import SignIn, sign_in

pytestmark = pytest.mark.slow  # `make check` runs them too

__all__ = ["sign_in"]

FLOORS = ("identity", "activation", "journeys", "dmp_site")
CATALOGUE = Path(settings.BASE_DIR) / "dmp_site/locale/fr/LC_MESSAGES/django.po"
SPEAKING = {"gettext", "gettext_lazy", "gettext_noop", "ngettext"}
# Where an error says its text; the words of the collector are for machines and stay as they are.
SAID_BY = {
    "DomainError": 1,
    "NotFound": 1,
    "BadTemplate": 1,
    "BadRule": 1,
    "BadPolicy": 0,
    "Problem": 2,
}
LABELS = {"description", "label", "help_text", "verbose_name", "verbose_name_plural", "title"}


def sources(pattern: str) -> Iterator[Path]:
    for floor in FLOORS:
        for path in sorted((Path(settings.BASE_DIR) / floor).rglob(pattern)):
            if not {"migrations", "frontend", "demo"} & set(path.parts):
                yield path


def names(tree: ast.Module) -> set[str]:
    """Return what gettext's functions are called in a module."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    found = [one for each in imports for one in each.names if one.name in SPEAKING]
    return {one.asname or one.name for one in found}


def in_code(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    said = names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in said:
            texts = [one.value for one in node.args[:2] if isinstance(one, ast.Constant)]
            yield from (text for text in texts if isinstance(text, str))


_CALL = re.compile(r"""gettext\((?:u)?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\)""")


def in_template(path: Path) -> Iterator[str]:
    for text in _CALL.findall(templatize(path.read_text())):
        yield str(ast.literal_eval(text)).replace("%%", "%")


def collected() -> set[str]:
    code = (text for path in sources("*.py") for text in in_code(path))
    pages = (text for path in sources("*.html") for text in in_template(path))
    return {*code, *pages}


def entries() -> dict[str, list[str]]:
    """Read the catalogue: text -> translations (more than one for plurals); both forms of a plural are texts."""
    found: dict[str, list[str]] = {}
    for block in CATALOGUE.read_text().split("\n\n")[1:]:
        parts = re.findall(r"^(msgid|msgid_plural|msgstr)\S* (.*(?:\n\".*)*)", block, re.MULTILINE)
        said = [(kind, "".join(map(ast.literal_eval, lines.split("\n")))) for kind, lines in parts]
        translations = [text for kind, text in said if kind == "msgstr"]
        found |= {text: translations for kind, text in said if kind != "msgstr"}
    return found


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[rsd]", text))


def test_the_catalogue_has_every_text_and_no_other() -> None:
    texts, catalogue = collected(), set(entries())
    assert texts - catalogue == set(), "run `make messages`, then translate what is new"
    assert catalogue - texts == set(), "run `make messages`"


def test_every_text_is_translated_with_the_same_placeholders() -> None:
    assert "fuzzy" not in CATALOGUE.read_text()
    for text, translations in entries().items():
        assert all(translations), text
        if len(translations) == 1:
            assert placeholders(text) == placeholders(translations[0]), text


def test_the_compiled_catalogue_is_the_present_one() -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for text, translations in entries().items():
        if len(translations) == 1:
            assert compiled.gettext(text) == translations[0], "run `make messages`"


def plain(node: ast.AST) -> bool:
    """Tell whether an argument is a text that nobody translates."""
    if isinstance(node, ast.JoinedStr):
        parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
        return any(re.search(r"[a-z]{2} |[a-z]{3}", str(part)) for part in parts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value


def untranslated(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        place = SAID_BY.get(getattr(node.func, "id", getattr(node.func, "attr", "")))
        if place is not None and len(node.args) > place and plain(node.args[place]):
            yield f"{path}:{node.lineno}"
        if path.name in {"admin.py", "models.py"}:
            labels = [one.value for one in node.keywords if one.arg in LABELS]
            shown = node.args[1:2] if ast.unparse(node.func).startswith("messages.") else []
            yield from (f"{path}:{node.lineno}" for one in [*labels, *shown] if plain(one))


def test_no_error_and_no_label_is_outside_gettext() -> None:
    left_out = {"collector"}
    paths = [path for path in sources("*.py") if not left_out & set(path.parts)]
    assert [place for path in paths for place in untranslated(path)] == []


_TRANSLATED = re.compile(
    r"{%\s*blocktrans.*?{%\s*endblocktrans\w*\s*%}|{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL
)
_MARKUP = re.compile(
    r"<(style|script|code)\b.*?</\1>|<span class=\"material-symbols[^>]*>\w+</span>|<[^>]*>",
    re.DOTALL,
)


@pytest.mark.parametrize("path", [*sources("*.html")], ids=lambda path: path.name)
def test_no_word_of_a_template_is_outside_gettext(path: Path) -> None:
    words = _MARKUP.sub(" ", _TRANSLATED.sub(" ", path.read_text()))
    assert re.findall(r"[A-Za-z]{2,}", words) == []


@pytest.mark.django_db(databases="__all__")
def test_a_french_reader_is_spoken_to_in_french(sign_in: SignIn) -> None:
    client = sign_in("marketer")

    def read(method: str, address: str, **form: str) -> str:
        call = getattr(client, method)
        return str(call(address, form, headers={"Accept-Language": "fr-FR"}).content.decode())

    home = read("get", "/admin/")
    assert "Points de contact aujourd&#x27;hui" in home
    assert "Politiques de pression" in home
    rule = '{"did": "Order Completed"}'
    versions = {"versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0"}
    form = {**versions, "name": "x", "slug": "x", "kind": "rule", "rule": rule}
    refused = read("post", "/admin/activation/audience/add/", **form)
    assert "rule.within_days: doit être un nombre entier de 1 à 3650" in refused
    assert "Profils" in read("get", "/admin/identity/profile/")


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_times_are_written_to_the_second_in_every_language(language: str) -> None:
    with translation.override(language):
        moment = clock.to_datetime(1_790_000_000_000)
        assert date_format(moment, "DATETIME_FORMAT") == "2026-09-21 14:13:20"


def test_modules_without_a_framework_speak_the_readers_language_too() -> None:
    with translation.override("fr"), pytest.raises(reading.BadRule, match="doit être un objet"):
        reading.parse(5)


def test_another_language_than_ours_is_answered_in_english(client: Client) -> None:
    page = client.get("/admin/login/", headers={"Accept-Language": "de"}).content.decode()
    assert '<html lang="en"' in page
