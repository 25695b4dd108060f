"""The documentation, checked where a machine can: links, commands, settings, Makefile targets."""

import importlib
import inspect
import pkgutil
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from activation import channels
from activation.channels.models import Kind
from activation.channels.port import Channel
from dmp_site import environment
from dmp_site.console import checks
from tests.test_structure import FLOORS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
COMMANDS = {name for name, app in get_commands().items() if app in FLOORS}
LINK = re.compile(r"\]\(([^)\s]+)\)")
MANAGE = re.compile(r"manage\.py (\w+)")
MAKE = re.compile(r"(?:`|^|\s)make ([a-z-]+)(?=[`\s]|$)", re.MULTILINE)
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
NAMED = re.compile(r"FILROUGE_([A-Z_]*[A-Z])")
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


def product() -> Iterator[str]:
    """Yield the source of everything but tests and benchmarks."""
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            if "node_modules" not in path.parts:
                yield path.read_text(encoding="utf-8")


def variables() -> set[str]:
    """Return every variable that the product names, as settings.py or anything else that reads the environment does."""
    found = {name for text in product() for name in VARIABLE.findall(text) + NAMED.findall(text)}
    return found - {f"{name}_FILE" for name in found}


def test_every_variable_that_is_read_anywhere_is_described():
    assert {"DATA_DIR", "STAGE_FILE", "LIFELINE"} < variables()
    described = set(NAMED.findall(CONFIGURATION))
    assert sorted(variables() - described) == []


def defaults() -> dict[str, str]:
    """Return the defaults that the tables state: what is between backquotes, "" for none or a thing that is made."""
    rows = re.findall(r"^\| `FILROUGE_([A-Z_]+)` \| (.*?) \|", CONFIGURATION, re.MULTILINE)
    return {name: "".join(re.findall(r"^`([^`]*)`", default)) for name, default in rows}


def test_the_defaults_are_those_of_a_clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    read: dict[str, str] = {}

    def text(name: str, default: str = "") -> str:
        return read.setdefault(name, str(tmp_path / "data") if name == "DATA_DIR" else default)

    monkeypatch.setattr(environment, "text", text)
    runpy.run_path(str(ROOT / "dmp_site/settings.py"))
    files = {f"{name}_FILE" for name in read} & set(read)
    elsewhere = {"STAGE_FILE", "LIFELINE"}
    assert variables() == set(read) - files | elsewhere
    found = {
        name: value.removeprefix(str(tmp_path / "data") + "/").removeprefix(f"{tmp_path}/")
        for name, value in read.items()
        if name not in files
    }
    found["DEBUG"], found["WEBHOOK_ALLOW_PRIVATE"] = (
        found[name].lower() for name in ("DEBUG", "WEBHOOK_ALLOW_PRIVATE")
    )
    for one in ("CONSOLE", "COLLECTOR"):  # "from the bind address"
        assert found[f"{one}_URL"] == f"http://{found[f'{one}_BIND']}"
        found[f"{one}_URL"] = ""
    assert found == defaults()


def test_every_channel_is_described():
    modules = [
        importlib.import_module(f"activation.channels.{module.name}")
        for module in pkgutil.iter_modules(channels.__path__)
    ]
    backends = {
        name
        for module in modules
        for name, made in inspect.getmembers(module, inspect.isclass)
        if issubclass(made, Channel) and made is not Channel
    }
    assert len(backends) > 2
    text = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    said = set(re.findall(r"`(\w+)`", text.split("\n## Channels\n")[1].split("\n## ")[0]))
    assert sorted({*settings.CHANNELS, *Kind.values, *backends} - said) == []


def test_every_check_of_the_installation_is_described():
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").lower()
    named = set(re.findall(r"^(?:\| |\*)([a-z0-9 ]+)(?: \||\*)", text, re.MULTILINE))
    titles = {
        str(checks.TITLES.get(name, name)).lower() for name in ("database", "move", *checks.CHECKS)
    }
    assert sorted(titles - named) == []


def test_what_is_to_be_installed_can_be():
    """Nothing is released: packages are installed from the lock files of a checkout, or by their own names."""
    ours = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    texts = [everything(), *product()]
    commands = [
        told
        for text in texts
        for told in re.findall(r"pip install ([^`\"\n).,;]+(?:\.txt)?)", text)
    ]
    assert len(commands) > 4
    for command in commands:
        *_options, what = command.split()
        assert (ROOT / what).is_file() or f'"{what}>=' in ours, command


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
    known = variables()
    named = set(NAMED.findall(everything()))
    assert {
        name for name in named if name.removesuffix("_FILE") not in known and name not in known
    } == set()
