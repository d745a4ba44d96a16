"""Digests of files."""

from hashlib import sha256
from pathlib import Path

import pytest

from spacy_mtl.digests import chunks, digest
from spacy_mtl.errors import MTLError


def test_a_file_alone_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    path, data = tmp_path / "a", bytes(range(256)) * 5000  # more than is read at a time
    path.write_bytes(data)
    assert digest([("", path)]) == sha256(data).hexdigest()
    assert len(list(chunks(path))) == 2


def test_labels_tell_where_a_file_begins(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    found = set()
    for first, second in ((b"12", b"3"), (b"1", b"23"), (b"123", b"")):
        a.write_bytes(first)
        b.write_bytes(second)
        found.add(digest((f"{path.stat().st_size}\n", path) for path in (a, b)))
    assert len(found) == 3


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MTLError, match="able to read .*missing"):
        digest([("", tmp_path / "missing")])
