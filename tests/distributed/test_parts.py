"""Each worker's part of a batch."""

from spacy.tokens import Doc
from spacy.training import Example

from spacy_mtl.distributed.parts import part_of_batch


def examples(vocab, lengths):
    docs = [Doc(vocab, words=["a"] * length) for length in lengths]
    return [Example(doc, doc) for doc in docs]


def words(part):
    return [len(example.predicted) for example in part]


def test_every_example_is_in_one_part(vocab):
    batch = examples(vocab, [3, 9, 1, 4, 4, 2])
    parts = [part_of_batch(batch, rank, 3, vocab) for rank in range(3)]
    assert [words(part) for part in parts] == [[9], [3, 4], [1, 4, 2]]
    assert sorted(map(id, sum(parts, []))) == sorted(map(id, batch))


def test_a_worker_alone_has_all(vocab):
    batch = examples(vocab, [3, 9, 1])
    assert part_of_batch(batch, 0, 1, vocab) == batch


def test_a_worker_without_words_gets_a_document_without_labels(vocab):
    batch = examples(vocab, [3])
    assert part_of_batch(batch, 0, 2, vocab) == batch
    [other] = part_of_batch(batch, 1, 2, vocab)
    assert len(other.predicted) == 1 and not other.reference.has_annotation("TAG")
    assert [words(part_of_batch(examples(vocab, [0]), rank, 2, vocab)) for rank in (0, 1)] == [
        [0, 1],
        [1],
    ]
