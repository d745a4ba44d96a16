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


def kinds(findings: list[Finding]) -> list[str]:
    return [finding.kind for finding in findings]


def test_a_file_without_any_label():
    train = coverage("a", {TAG: tags(X=10)})
    for files in ([train, coverage("b", {})], []), ([train], [coverage("b", {})]):
        findings = audit(*files)
        assert findings[0].kind == "unlabelled"
        assert findings[0].message.startswith("Nothing in the 100 docs of b is labelled")


def test_entities_that_lost_an_attribute():
    file = coverage("a", {TAG: tags(X=10)})
    file.broken_entities = 7
    assert kinds(audit([file], [])) == kinds(audit([coverage("b", {TAG: tags(X=9)})], [file]))
    assert only(audit([file], [])).startswith("7 tokens of a have an entity type but")


@pytest.mark.parametrize(
    "layer, found", [(ENTS, tags()), (SPANS, tags()), (CATS, classes(100, 0, a=0, b=0))]
)
def test_a_layer_that_says_none_everywhere(layer, found):
    findings = audit([coverage("a", {layer: found})], [])
    assert "no-labels" in kinds(findings)
    some = coverage("a", {layer: LayerCoverage(100, Counter(a=50), Counter(a=50))})
    assert kinds(audit([some], [])) == []
    assert kinds(audit([some], [coverage("d", {layer: found})]))[0] == "no-labels"


def positives(one_class: int = 60, **labels: int) -> LayerCoverage:
    return LayerCoverage(100, Counter(labels), one_class=one_class)


def test_classes_that_are_never_denied():
    message = only(audit([coverage("a", {CATS: positives(a=60, b=70)})], []))
    assert "does not apply: b (70), a (60)." in message
    assert "--others-negative" in message and "others_negative = true" in message


def test_one_class_of_several_that_is_never_denied():
    found = LayerCoverage(100, Counter(a=60, b=70), Counter(a=40), 60)
    assert "does not apply: b (70)." in only(audit([coverage("a", {CATS: found})], []))


def test_a_single_class_that_is_never_denied():
    found = LayerCoverage(100, Counter(spam=100), one_class=100)
    finding = audit([coverage("a", {CATS: found})], [])[0]
    assert finding.kind == "positives-only"
    assert finding.message.endswith(
        "Write 0.0 for the class in docs that are known not to have it."
    )


def test_exclusive_classes_need_no_denial():
    assert audit([coverage("a", {CATS: positives(100, a=60, b=40)})], []) == []


def test_held_out_classes_that_are_never_denied():
    train = coverage("a", {CATS: classes(100, 60, a=60, b=70)})
    message = only(audit([train], [coverage("d", {CATS: positives(a=60, b=70)})]))
    assert message.startswith("d says of no class of cats[mood] that it does not apply")


def test_faults_of_spans():
    found = LayerCoverage(100, Counter({"A": 50, "": 12}), at_blanks=3, across_sentences=2)
    findings = audit([coverage("a", {ENTS: found})], [])
    assert kinds(findings) == ["empty-labels", "blank-ends", "crossing-sentences"]
    assert [finding.message.split()[0] for finding in findings] == ["12", "3", "2"]


def test_spans_that_overlap():
    found = LayerCoverage(100, Counter(A=50), overlapping=7)
    message = only(audit([coverage("a", {SPANS: found})], []))
    assert message.startswith("7 of the 50 training spans of spans[sc] overlap")
    assert "spacy_mtl.SpanCat.v1" in message


def test_nothing_is_said_of_rejected_spans():
    rejected = {REJECTED: LayerCoverage(3, Counter(PER=3), overlapping=2)}
    train = coverage("train", {Layer("tag"): tags(), **rejected})
    assert audit([train], [coverage("dev", {Layer("tag"): tags()}, docs=5)]) == []


def test_some_layers_alone():
    train = coverage("a", {TAG: tags(X=9), ENTS: tags(A=1)})
    dev = coverage("d", {TAG: tags(X=1), ENTS: tags(B=1)})
    assert {"unseen-labels", "rare-labels"} <= {*kinds(audit([train], [dev]))}
    assert audit([train], [dev], [TAG]) == []
