from collections import Counter
from pathlib import Path

import pytest

from spacy_mtl.corpora.audit import Finding, audit
from spacy_mtl.corpora.coverage import Coverage
from spacy_mtl.corpora.layer_coverage import REJECTED, Layer, LayerCoverage

TAG, ENTS, SPANS, CATS = Layer("tag"), Layer("ents"), Layer("spans", "sc"), Layer("cats", "mood")


def coverage(name: str, layers: dict[Layer, LayerCoverage], texts=(), docs=100) -> Coverage:
    return Coverage(Path(name), docs=docs, tokens=10 * docs, layers=layers, texts=set(texts))


def tags(units: int = 1000, **labels: int) -> LayerCoverage:
    return LayerCoverage(units, Counter(labels))


def classes(units: int, one_class: int, **labels: int) -> LayerCoverage:
    negatives = Counter({label: units - n for label, n in labels.items()})
    return LayerCoverage(units, Counter(labels), negatives, one_class)


def only(findings: list[Finding]) -> str:
    (finding,) = findings
    return finding.message


def test_nothing_to_say():
    train = coverage("a", {TAG: tags(X=900, Y=3), CATS: classes(100, 100, a=60, b=40)}, {1, 2})
    dev = coverage("d", {TAG: tags(X=10), CATS: classes(100, 100, a=1)}, {3})
    assert audit([train], [dev]) == []


def test_a_single_file():
    assert audit([coverage("a", {TAG: tags(X=1000)})], []) == []


def test_texts_of_dev_in_train():
    a, b = coverage("a", {TAG: tags()}, {1, 2, 3}), coverage("b", {TAG: tags()}, {9})
    dev = coverage("d", {TAG: tags()}, {2, 3, 4, 5})
    message = only(audit([a, b], [dev]))
    assert message.startswith("2 of the 4 texts of d (50.0%) are in a too")


def test_layers_that_only_one_side_has():
    train, dev = coverage("a", {TAG: tags(X=9)}), coverage("d", {ENTS: tags(A=9), CATS: tags()})
    assert [finding.kind for finding in audit([train], [dev])] == ["unlearnable", "unscored"]
    unlearnable, unscored = audit([train], [dev])
    assert "d has ents, cats[mood], which no training file has" in unlearnable.message
    assert "have tag, which no held-out file has" in unscored.message


def test_labels_that_only_dev_has():
    train = coverage("a", {TAG: tags(X=9)})
    dev = coverage("d", {TAG: tags(**{f"L{i:02}": i for i in range(1, 12)})})
    message = only(audit([train], [dev]))
    assert "L11 (11), L10 (10)" in message
    assert message.count("(") == 8
    assert "L04 (4) and 3 more" in message


def test_label_sets_of_entities_that_differ():
    a = coverage("a", {ENTS: tags(1000, PER=50, LOC=40, LAW=12)})
    b = coverage("b", {ENTS: tags(500, PER=20)})
    message = only(audit([a, b], []))
    assert message.startswith("b has ents, but none of the labels LOC (40) of the other")


def test_label_sets_of_files_without_the_layer_do_not_differ():
    a, b = coverage("a", {ENTS: tags(1000, PER=50)}), coverage("b", {TAG: tags(X=1000)})
    assert audit([a, b], []) == []


@pytest.mark.parametrize("layer, n, total", [(TAG, 99, 1000), (CATS, 9, 100)])
def test_few_units_labelled(layer, n, total):
    train = coverage("a", {layer: LayerCoverage(n, Counter(x=50, y=49))})
    (finding,) = [f for f in audit([train], []) if f.kind == "sparse"]
    assert finding.message.startswith(f"Only {n} of the {total:,} {layer.unit} of a")


def test_one_class_for_nearly_all():
    message = only(audit([coverage("a", {CATS: classes(1000, 1000, a=970, b=30)}, docs=1000)], []))
    assert message.startswith("97.0% of the training docs labelled with cats[mood] are 'a'")


def test_rare_labels():
    message = only(audit([coverage("a", {ENTS: tags(A=10, B=9, C=1)})], []))
    assert "fewer than 10 training examples: B (9), C (1)." in message


def test_rare_labels_are_counted_over_all_files():
    files = [coverage(name, {ENTS: tags(A=50, B=9)}) for name in "ab"]
    assert audit(files, []) == []


def test_classes_that_are_nearly_exclusive():
    message = only(audit([coverage("a", {CATS: classes(100, 98, a=60, b=41)})], []))
    assert message.startswith("2 of the 100 training docs labelled with cats[mood] have no class")
    assert audit([coverage("a", {CATS: classes(100, 60, a=60, b=70)})], []) == []


def test_spans_that_overlap():
    found = LayerCoverage(100, Counter(A=50), overlapping=7)
    message = only(audit([coverage("a", {SPANS: found})], []))
    assert message.startswith("7 of the 50 training spans of spans[sc] overlap")


def test_nothing_is_said_of_rejected_spans():
    rejected = {REJECTED: LayerCoverage(3, Counter(PER=3), overlapping=2)}
    train = coverage("train", {Layer("tag"): tags(), **rejected})
    assert audit([train], [coverage("dev", {Layer("tag"): tags()}, docs=5)]) == []
