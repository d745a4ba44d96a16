import os
from pathlib import Path

import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.files import remove, write_folder_whole, write_whole


def test_makes_the_folder_and_replaces(tmp_path):
    path = tmp_path / "new" / "a.json"
    write_whole(path, b"1")
    write_whole(path, b"2")
    assert path.read_bytes() == b"2"
    assert list(path.parent.iterdir()) == [path]


def test_leaves_what_was_there_if_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_bytes(b"before")

    def disk_full(self, data):
        self.write_text("half")
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(MTLError, match="to write .*a.json, got: No space left on device"):
        write_whole(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def folder(path: Path, text: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / text).write_text(text)
    return path


def contents(path: Path) -> list[str]:
    return sorted(inside.name for inside in path.iterdir())


def test_a_folder_is_made_and_replaced(tmp_path):
    path = tmp_path / "new" / "a"
    for text in ("first", "second"):
        write_folder_whole(path, lambda beside, text=text: folder(beside, text))
        assert contents(path) == [text]
    assert contents(path.parent) == ["a"]


@pytest.mark.parametrize("error", [OSError("disk full"), MTLError("not the same")])
def test_a_folder_stays_if_its_replacement_fails(error, tmp_path):
    path = folder(tmp_path / "a", "before")

    def fail(beside: Path) -> None:
        folder(beside, "half")
        raise error

    with pytest.raises(MTLError, match="to write .*a, got: disk full|^not the same$"):
        write_folder_whole(path, fail)
    assert contents(path) == ["before"] and contents(tmp_path) == ["a"]


def test_a_folder_comes_back_if_its_replacement_cannot_be_renamed(tmp_path, monkeypatch):
    path = folder(tmp_path / "a", "before")
    rename = Path.rename

    def refuse_new(self: Path, target: Path) -> Path:
        if self.suffix == ".tmp":
            raise OSError("in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_new)
    with pytest.raises(MTLError, match="to write .*a, got: in use"):
        write_folder_whole(path, lambda beside: folder(beside, "after"))
    assert contents(path) == ["before"] and contents(tmp_path) == ["a"]


def test_content_is_on_the_disk_before_its_name(tmp_path, monkeypatch):
    events = []
    fsync, replace, rename = os.fsync, Path.replace, Path.rename

    def synced(descriptor: int) -> None:
        events.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", lambda *args: events.append("name") or replace(*args))
    monkeypatch.setattr(Path, "rename", lambda *args: events.append("name") or rename(*args))
    write_whole(tmp_path / "a.json", b"1")
    assert [event for event in events if event != "folder"] == ["file", "name"]
    events.clear()
    write_folder_whole(tmp_path / "a", lambda beside: folder(folder(beside, "x") / "in", "y"))
    assert [event for event in events if event != "folder"] == ["file", "file", "name"]


def test_a_disk_that_does_not_take_it(tmp_path, monkeypatch):
    path = folder(tmp_path / "a", "before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MTLError, match="to write .*a, got: No space left on device"):
        write_folder_whole(path, lambda beside: folder(beside, "after"))
    assert contents(path) == ["before"] and contents(tmp_path) == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights")
def test_a_link_is_replaced_and_not_what_it_leads_to(tmp_path):
    there = folder(tmp_path / "there", "mine")
    (tmp_path / "a").symlink_to(there)
    write_folder_whole(tmp_path / "a", lambda beside: folder(beside, "new"))
    assert contents(tmp_path) == ["a", "there"]
    assert contents(tmp_path / "a") == ["new"] and contents(there) == ["mine"]
    (tmp_path / "link").symlink_to(there)
    remove(tmp_path / "link")
    assert contents(tmp_path) == ["a", "there"] and contents(there) == ["mine"]
