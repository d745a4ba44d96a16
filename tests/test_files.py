from pathlib import Path

import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.files import write_whole


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
