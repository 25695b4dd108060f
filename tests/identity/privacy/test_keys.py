"""The key file: whole or not at all, and a running process keeps the keys it began with."""

from pathlib import Path

import pytest

from identity.privacy import keys
from identity.privacy.keys import KeysMissing, KeysUnreadable

DAMAGED = {
    "empty": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "no root": b"{}",
    "no hex": b'{"root": "secret"}',
    "no text": b'{"root": 7}',
    "too short": b'{"root": "00ff"}',
    "no UTF-8": b"\xff\xfe\x00",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_named_with_what_to_do(path: Path, case: str) -> None:
    path.write_bytes(DAMAGED[case])
    for read in (keys.require_keys, keys.keys_at):
        with pytest.raises(KeysUnreadable, match=r"keys\.json cannot be read .* from its backup"):
            read(path)
    assert keys.session_key(path)  # a command starts, so that it can say so


def test_without_a_file_there_are_keys_for_help_texts_and_none_for_work(path: Path) -> None:
    assert keys.keys_at(path).session_key == keys.session_key(path)
    with pytest.raises(KeysMissing, match="does not exist"):
        keys.require_keys(path)


def test_a_process_keeps_its_keys_when_the_file_is_lost_or_replaced(path: Path) -> None:
    mine = keys.make_keys(path)
    path.unlink()
    assert keys.keys_at(path) == mine
    path.write_text('{"root": "' + "00" * 32 + '"}')
    assert keys.keys_at(path) == mine
    assert keys.require_keys(path) != mine


def test_a_key_file_is_made_once_for_its_owner_alone(path: Path) -> None:
    keys.make_keys(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        keys.make_keys(path)
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
