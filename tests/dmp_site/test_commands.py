"""Every command explains itself with an example."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

OWN = sorted(
    name
    for name, app in get_commands().items()
    if app in {"dmp_site", "identity", "activation", "journeys"}
)
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", OWN)
def test_help_ends_with_an_example_that_names_the_command(name):
    command = load_command_class(get_commands()[name], name)
    out = StringIO()
    command.create_parser("manage.py", name).print_help(out)
    examples = re.findall(r"^Example: .*manage\.py (\w+)", out.getvalue(), re.MULTILINE)
    assert examples, out.getvalue()
    assert set(examples) == {name}


def test_every_command_is_in_the_documentation():
    text = "\n".join(
        path.read_text() for path in [*ROOT.glob("docs/*.md"), ROOT / "README.md"] if path.exists()
    )
    assert {name for name in OWN if f"manage.py {name}" not in text} == set()
