"""Rules of the house that neither ruff nor import-linter sees."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

pytestmark = pytest.mark.slow  # `make check` runs them too

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("identity", "activation", "journeys", "dmp_site")  # from low to high
# Put together here, so that this file names none of them.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("crates", "io"),
        ("golang", "org"),
        ("maven", "org"),
    )
]


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            if "migrations" not in path.parts and "node_modules" not in path.parts:
                yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_foreign_keys_point_downwards_only():
    wrong = []
    for model in apps.get_models():
        if model._meta.app_label not in FLOORS:
            continue
        for field in model._meta.get_fields():
            target = getattr(field, "remote_field", None) and field.related_model
            if not field.concrete or not target or target._meta.app_label not in FLOORS:
                continue
            if FLOORS.index(target._meta.app_label) > FLOORS.index(model._meta.app_label):
                wrong.append(f"{model._meta.label}.{field.name} → {target._meta.label}")
    assert wrong == []


def test_no_module_imports_its_own_project_late():
    late = [
        f"{path}:{node.lineno}"
        for path, tree in sources()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        if any(name.split(".")[0] in FLOORS for name in imported(node))
    ]
    assert late == []


def test_no_signal_is_used():
    users = [
        f"{path}: {name}"
        for path, tree in sources()
        for node in ast.walk(tree)
        for name in imported(node)
        if name.startswith("django.dispatch") or name.endswith(".signals")
    ]
    assert users == []


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_no_file_names_a_registry(host: str):
    wanted = host.encode()
    naming = [str(path.relative_to(ROOT)) for path in tracked() if wanted in path.read_bytes()]
    assert naming == []


def test_every_test_folder_is_a_package():
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
