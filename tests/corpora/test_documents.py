from spacy_mtl.corpora.documents import group_records
from spacy_mtl.corpora.records import Record


def groups(documents: list[int], size: int) -> list[list[int]]:
    records = [Record(line=i, document=document) for i, document in enumerate(documents)]
    return [[record.line for record in group] for group in group_records(records, size)]


def test_groups_end_with_their_document():
    assert groups([1, 1, 1, 2, 3, 3], size=2) == [[0, 1], [2], [3], [4, 5]]
    assert groups([1, 1, 1, 2, 3, 3], size=0) == [[0, 1, 2], [3], [4, 5]]
    assert groups([1, 1, 2], size=10) == [[0, 1], [2]]
    assert groups([], size=2) == []
