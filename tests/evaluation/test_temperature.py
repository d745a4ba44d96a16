import numpy as np
import pytest
from pipeline.helpers import bare, make_doc, make_examples, make_nlp, multitask, trained
from spacy.training import Example
from thinc.api import NumpyOps

from spacy_mtl.errors import MTLError
from spacy_mtl.evaluation.temperature import LabelledScores, labelled_scores, lowest
from spacy_mtl.models import biluo
from spacy_mtl.tasks.ner import NER
from spacy_mtl.tasks.tagger import Tagger
from spacy_mtl.tasks.targets import CellTargets, ClassTargets, ColumnTargets, SpanTargets
from spacy_mtl.tasks.textcat import TextCat

OPS = NumpyOps()
N, WIDTH = 3000, 5


@pytest.mark.parametrize("at", [0.06, 0.7, 1.0, 3.0, 19.0])
def test_lowest_point(at):
    assert lowest(lambda x: (np.log(x) - np.log(at)) ** 2, 0.05, 20) == pytest.approx(at, rel=1e-3)
    assert lowest(lambda x: abs(x - at), 0.05, 20) == pytest.approx(at, rel=1e-3)


def test_lowest_point_at_a_bound():
    assert lowest(lambda x: x, 0.05, 20) == pytest.approx(0.05, rel=1e-3)
    assert lowest(lambda x: -x, 0.05, 20) == pytest.approx(20, rel=1e-3)


def drawn(scores, rng):
    """A class for each row, as likely as its softmax says."""
    P = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return (rng.random((len(P), 1)) > P.cumsum(axis=1)).sum(axis=1)


def one_of(task, scores, rng):
    task.set_labels(["NOUN", "VERB", "ADJ", "ADV", "X"])
    mask = rng.random(N) < 0.9
    kind = ClassTargets if isinstance(task, TextCat) else ColumnTargets
    return kind(drawn(scores, rng), mask, int(mask.sum()))


def any_of(task, scores, rng):
    task.set_labels("abcde")
    mask = rng.random(scores.shape) < 0.9
    truths = (rng.random(scores.shape) < 1 / (1 + np.exp(-scores))).astype("float32")
    return CellTargets(truths, mask, int(mask.sum()))


def paths(task, scores, rng, lengths):
    """Sequences of one type, drawn by the marginals of what is still open, from left to right."""
    task.set_labels("a")
    scores = scores.copy()
    starts = np.cumsum(lengths) - lengths
    for offset in range(int(lengths.max())):
        _, P = biluo.marginals(np, scores, lengths)
        rows = (starts + offset)[lengths > offset]
        chosen = (rng.random((len(rows), 1)) > P[rows].cumsum(axis=1)).sum(axis=1)
        kept = scores[rows, chosen]
        scores[rows] = biluo.FORBIDDEN
        scores[rows, chosen] = kept
    return SpanTargets(scores.argmax(axis=1), np.ones(N, dtype=bool), N)


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.5])
@pytest.mark.parametrize(
    "task, draw",
    [
        (Tagger("POS", label_smoothing=0.1), one_of),
        (TextCat(), one_of),
        (TextCat(exclusive=False), any_of),
        (NER(), paths),
        (NER(crf=True), paths),
    ],
    ids=["tagger", "exclusive", "multi-label", "ner", "crf"],
)
def test_known_scale_is_found(task, draw, scale, make_doc, pack):
    rng = np.random.default_rng(0)
    docs = [make_doc("a b c d e f")] * (N // 6)
    packed = pack(docs)
    scores = rng.normal(size=(N, WIDTH)).astype("float32") * 1.5
    more = (packed.lengths,) if draw is paths else ()
    batches = [((scores * scale).astype("float32"), draw(task, scores, rng, *more), packed)]
    found = LabelledScores("multitask", task.name, task, OPS, batches)
    if draw is not one_of or not isinstance(task, TextCat):
        found.batches *= 2  # several batches count alike
    task.temperature = 1.0
    before = found.measure()
    found.fit()
    after = found.measure()
    assert task.temperature == pytest.approx(scale, rel=0.1)
    assert after.nll <= before.nll
    assert after.reliability.counts.sum() == before.reliability.counts.sum() > 0
    assert after.reliability.ece < 0.05  # with some hundred spans in 15 bins
    if scale != 1.0:
        assert after.reliability.ece < before.reliability.ece
    labels = [task.decode(scores * scale, packed, OPS).labels for task.temperature in (1.0, scale)]
    assert (labels[0] == labels[1]).all()


@pytest.mark.parametrize("row", [[2, 1], [20, 1], [500, 1]])
def test_all_right_is_no_reason_for_certainty(row, make_doc, pack):
    task = Tagger()
    task.set_labels(["A", "B"])
    targets = ColumnTargets(np.zeros(3, dtype="int32"), np.ones(3, dtype=bool), 3)
    scores = np.asarray([row] * 3, dtype="float32")
    for batches in ([], [(scores, targets, pack([make_doc("a b c")]))]):
        task.temperature = 1.3
        assert not LabelledScores("multitask", task.name, task, OPS, batches).fit()
        assert task.temperature == 1.3


def test_scores_of_a_pipeline():
    nlp = trained(make_nlp(), 10)
    found = {each.task.name: each for each in labelled_scores(nlp, make_examples(nlp))}
    assert list(found) == list(multitask(nlp).tasks)
    assert found["tagger"].n_units == sum(len(eg.reference) for eg in make_examples(nlp))
    assert found["sentiment"].n_units == 6 and found["topic"].n_units == 18
    docs = list(nlp.pipe(eg.predicted for eg in make_examples(nlp)))
    measured = found["ner"].measure()
    assert measured.reliability.n == sum(len(doc.ents) for doc in docs) > 0
    gold = [make_doc(nlp, row) for row in range(6)]
    right = sum(
        (ent.start, ent.end, ent.label) in {(e.start, e.end, e.label) for e in reference.ents}
        for doc, reference in zip(docs, gold, strict=True)
        for ent in doc.ents
    )
    assert measured.reliability.right == pytest.approx(right / measured.reliability.n)


def test_units_without_gold_are_left_out():
    nlp = trained(make_nlp(["tagger", "ner"]), 5, layers=["tagger", "ner"])
    found = labelled_scores(nlp, make_examples(nlp, [["tagger"]] * 2 + [[]] * 4))
    assert [each.n_units for each in found] == [10, 0]
    assert not found[1].fit() and found[1].measure().reliability.n == 0


def test_each_of_several_components_sees_its_own():
    nlp = trained(make_nlp(["tagger", "ner"]), 10)
    other = trained(make_nlp(["ner"], name="second"), 10, seed=1)
    other.replace_listeners("tok2vec", "second", ["model.tok2vec"])
    nlp.add_pipe("second", source=other)
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "X", "pattern": "Ana"}])
    examples = make_examples(nlp)
    found = {(each.component, each.task.name): each for each in labelled_scores(nlp, examples)}
    assert list(found) == [("multitask", "tagger"), ("multitask", "ner"), ("second", "ner")]
    alone = [Example(bare(eg.reference), eg.reference) for eg in examples]
    (expected,) = [e for e in labelled_scores(make_alone(nlp), alone) if e.task.name == "ner"]
    assert found["multitask", "ner"].measure().reliability.n == expected.measure().reliability.n > 0


def make_alone(nlp):
    nlp.remove_pipe("entity_ruler")
    nlp.remove_pipe("second")
    return nlp


def test_pipeline_without_the_component():
    nlp = make_nlp(["tagger"])
    nlp.remove_pipe("multitask")
    with pytest.raises(MTLError, match="a component 'multitask', got one with tok2vec"):
        labelled_scores(nlp, [])
