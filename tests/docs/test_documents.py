"""The documentation, checked where a machine can: links, commands, settings, Makefile targets."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.test_structure import FLOORS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
COMMANDS = {name for name, app in get_commands().items() if app in FLOORS}
LINK = re.compile(r"\]\(([^)\s]+)\)")
MANAGE = re.compile(r"manage\.py (\w+)")
MAKE = re.compile(r"(?:`|^|\s)make ([a-z-]+)(?=[`\s]|$)", re.MULTILINE)
VARIABLE = re.compile(r"env\.(?:text|secret|integer|flag|names)\(\s*\"([A-Z_]+)\"")


def everything() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)


def sources() -> Iterator[Path]:
    for floor in (*FLOORS, "tests", "benchmarks"):
        for path in (ROOT / floor).rglob("*.py"):
            if "node_modules" not in path.parts:
                yield path


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def anchors(path: Path) -> set[str]:
    return {
        slug(line.lstrip("# "))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path):
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link


def test_every_command_that_is_named_exists():
    named = set(MANAGE.findall(everything()))
    assert named <= set(get_commands()), named - set(get_commands())


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_named(command: str):
    assert f"manage.py {command}" in everything()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help_with_an_example(command: str):
    folder = next(
        ROOT / floor / "management/commands"
        for floor in FLOORS
        if get_commands()[command] == floor
    )
    source = (folder / f"{command}.py").read_text(encoding="utf-8")
    assert re.search(rf"Example: .*manage\.py {command}\b", source)


def test_every_setting_is_named():
    read = set(VARIABLE.findall((ROOT / "dmp_site/settings.py").read_text(encoding="utf-8")))
    assert len(read) > 20
    documents = everything()
    assert sorted(name for name in read if f"FILROUGE_{name}" not in documents) == []


def test_every_document_that_the_code_names_exists():
    named = {
        (document, path.relative_to(ROOT))
        for path in sources()
        for document in re.findall(r"docs/[\w/-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 5
    assert {one for one in named if not (ROOT / one[0]).is_file()} == set()


def test_every_target_of_make_that_is_named_exists():
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    named = set(MAKE.findall("\n".join(re.findall(r"`[^`]+`|```.*?```", everything(), re.DOTALL))))
    assert {"demo", "test"} <= named
    assert named <= targets, named - targets


def test_every_setting_that_is_named_exists():
    known = set(VARIABLE.findall((ROOT / "dmp_site/settings.py").read_text(encoding="utf-8")))
    named = set(re.findall(r"FILROUGE_([A-Z_]+[A-Z])", everything()))
    assert {
        name for name in named if name.removesuffix("_FILE") not in known and name not in known
    } == set()
