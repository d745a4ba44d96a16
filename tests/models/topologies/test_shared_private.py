from typing import Any

import numpy as np
import pytest
from pipeline.helpers import TEXTS, WIDTH, make_examples, multitask, step, trained
from pipeline.test_topologies import TOPOLOGIES, make
from thinc.api import Model

from spacy_mtl.errors import MTLError
from spacy_mtl.marks import CORPUS
from spacy_mtl.models.adversary import Adversary, adversary_step
from spacy_mtl.models.freezing import drop_gradients
from spacy_mtl.models.topologies.base import own_steps, represent
from spacy_mtl.models.topologies.own_steps import OwnSteps
from spacy_mtl.models.topologies.represented import Labelled
from spacy_mtl.models.topologies.shared_private import ADVERSARY, SharedPrivate, _Part

NO_OPTIMIZER: Any = False
APART = [["ner"], ["tagger"], ["sentiment"], ["topic"], ["ner"], ["tagger"]]


def docs_of(nlp: Any) -> list[Any]:
    return [nlp.tokenizer(text) for text in TEXTS]


def test_the_adversary_learns_and_gives_its_gradient() -> None:
    """Against PyTorch, in double precision."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rng = np.random.default_rng(0)
    adversary = Adversary(3, 4)
    adversary.initialize(X=np.zeros((1, 5), "f"))
    W: Any = adversary.layers[1].get_param("W")
    W[...] = rng.normal(size=W.shape)
    lengths = np.asarray([2, 0, 3, 1])
    X: Any = rng.normal(size=(6, 5)).astype("f")
    belongs = np.asarray([[1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1]], dtype=bool)
    dX = adversary_step(adversary, X, lengths, belongs)

    def double(array: Any) -> Any:
        return torch.tensor(array, dtype=torch.float64, requires_grad=True)

    x, hidden, b, w, c = map(
        double,
        (
            X,
            adversary.layers[0].get_param("W"),
            adversary.layers[0].get_param("b"),
            adversary.layers[1].get_param("W"),
            adversary.layers[1].get_param("b"),
        ),
    )
    means = torch.stack([x[:2].mean(0), x[5]])
    scores = (torch.einsum("ni,opi->nop", means, hidden) + b).amax(-1) @ w.T + c
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor([0, 2]), reduction="sum")
    loss.backward()
    np.testing.assert_allclose(dX, x.grad.numpy(), rtol=1e-4, atol=1e-6)
    assert not dX[2:5].any()  # of two groups
    for layer, name, tensor in ((0, "W", hidden), (1, "W", w), (1, "b", c)):
        gradient = adversary.layers[layer].get_grad(name)
        np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-4, atol=1e-6)


def test_orthogonality_is_the_gradient_of_the_penalty() -> None:
    rng = np.random.default_rng(0)
    S = rng.normal(size=(4, 3))
    part = _Part.__new__(_Part)
    part.rows, part.P = np.asarray([0, 1, 3]), rng.normal(size=(3, 3))

    def penalty(shared: Any, private: Any) -> float:
        return float(0.5 * ((shared[part.rows].T @ private) ** 2).sum() / 3)

    dS, dP = part.orthogonal(S, 0.5)
    for place in np.ndindex(3, 3):
        change = np.zeros((3, 3))
        change[place] = 1e-6
        of_private = [penalty(S, part.P + s * change) for s in (1, -1)]
        assert dP[place] == pytest.approx((of_private[0] - of_private[1]) / 2e-6, abs=1e-5)
        spread = np.zeros_like(S)
        spread[part.rows] = change
        of_shared = [penalty(S + s * spread, part.P) for s in (1, -1)]
        assert dS[place] == pytest.approx((of_shared[0] - of_shared[1]) / 2e-6, abs=1e-5)


def test_private_vectors_are_of_the_documents_of_a_task() -> None:
    nlp = trained(make("shared-private"), 2)
    docs = list(nlp.pipe(TEXTS))
    own = {"ner": [0, 2], "tagger": [1], "sentiment": [], "topic": [0]}
    labelled = Labelled(len(docs), own.__getitem__)
    model = multitask(nlp).model
    found = represent(model, docs, list(own), False, labelled)
    for task, numbers in own.items():
        packed = found.packed[task]
        assert packed.X.shape[1] == 2 * WIDTH
        np.testing.assert_array_equal(packed.X[:, :WIDTH], found.packed["ner"].X[:, :WIDTH])
        document = np.repeat(np.arange(len(docs)), packed.lengths)
        filled = packed.X[:, WIDTH:].any(axis=1)
        np.testing.assert_array_equal(filled, np.isin(document, numbers))


def test_private_layers_of_tasks_that_a_batch_has_not_rest() -> None:
    nlp = trained(make("shared-private"), 4)
    model = multitask(nlp).model
    parts = ["shared", *(f"private:{task}" for task in multitask(nlp).tasks)]
    before = {name: model.get_ref(name).to_bytes() for name in parts}
    step(nlp, nlp.resume_training(), make_examples(nlp, ["tagger"]))
    moved = {name for name in parts if model.get_ref(name).to_bytes() != before[name]}
    assert moved == {"shared", "private:tagger"}


def test_nothing_waits_where_no_task_learns() -> None:
    nlp = trained(make("shared-private"), 2, layers=APART)
    component = multitask(nlp)
    component.stopped_tasks = {"ner", "tagger"}
    before = component.model.get_ref(ADVERSARY).to_bytes()
    step(nlp, nlp.resume_training(), make_examples(nlp, APART)[:2])
    adversary = component.model.get_ref(ADVERSARY)
    assert adversary.to_bytes() != before
    assert not any(
        n.get_grad(p).any() for n in adversary.walk() for p in n.param_names if n.has_grad(p)
    )


def test_the_adversarys_gradient_goes_into_the_shared_space_reversed() -> None:
    nlp = trained(make("shared-private"), 2, layers=APART)
    model = multitask(nlp).model
    examples = make_examples(nlp, APART)
    docs = [example.predicted for example in examples]
    rows = {
        task: [n for n, own in enumerate(APART) if own == [task]] for task in multitask(nlp).tasks
    }
    found = []
    for strength in (1.0, 3.0):
        model.attrs["own"] = OwnSteps(strength, "`reversal`")
        drop_gradients(model)
        nlp.get_pipe("tok2vec").update(examples)
        represented = represent(
            model, docs, list(rows), True, Labelled(len(docs), rows.__getitem__)
        )
        represented.backprop({})
        layer = next(node for node in model.get_ref("shared").walk() if node.name == "maxout")
        own = model.get_ref(ADVERSARY).layers[0]
        found.append((layer.get_grad("W").copy(), own.get_grad("W").copy()))
    (weak, learned), (strong, learned_too) = found
    assert weak.any()
    np.testing.assert_allclose(strong, 3 * weak, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(learned_too, learned, rtol=1e-3, atol=1e-5)


def test_a_corpus_is_known_by_its_mark() -> None:
    nlp = trained(make("adversarial"), 2)
    docs = docs_of(nlp)
    docs[0].user_data[CORPUS] = "one"
    docs[1].user_data[CORPUS] = "other"
    docs[2].user_data[CORPUS] = "strange"
    model = multitask(nlp).model
    packed = represent(model, docs, ["ner", "tagger"], False).packed
    assert packed["ner"] is packed["tagger"]
    document = np.repeat(np.arange(len(docs)), packed["ner"].lengths)
    filled = packed["ner"].X[:, WIDTH:].any(axis=1)
    np.testing.assert_array_equal(filled, document < 2)


def test_documents_without_labels_teach_the_adversary_of_corpora() -> None:
    nlp = trained(make("adversarial"), 2)
    model = multitask(nlp).model
    examples = mixed(nlp, [])
    before = model.get_ref(ADVERSARY).to_bytes(), model.get_ref("shared").to_bytes()
    step(nlp, nlp.resume_training(), examples)
    after = model.get_ref(ADVERSARY).to_bytes(), model.get_ref("shared").to_bytes()
    assert before[0] != after[0] and before[1] != after[1]


@pytest.mark.parametrize(
    "corpora, names, moving",
    [
        (["one"], ["tagger"], {"shared", "private:one", ADVERSARY}),
        (["one"], [], {"shared", ADVERSARY}),
        (["strange"], ["tagger"], {"shared"}),
        (["strange"], [], set()),
    ],
)
def test_private_layers_of_corpora_that_a_batch_has_not_rest(
    corpora: list[str], names: list[str], moving: set[str]
) -> None:
    nlp = trained(make("adversarial"), 4)
    model = multitask(nlp).model
    examples = make_examples(nlp, names)
    for example in examples:
        example.reference.user_data[CORPUS] = corpora[0]
    parts = ["shared", "private:one", "private:other", ADVERSARY]
    optimizer = nlp.resume_training()
    step(nlp, optimizer, mixed(nlp))  # momentum in all parts
    before = {name: model.get_ref(name).to_bytes() for name in parts}
    step(nlp, optimizer, examples)
    assert {name for name in parts if model.get_ref(name).to_bytes() != before[name]} == moving


def mixed(nlp: Any, *names: Any) -> list[Any]:
    examples = make_examples(nlp, *names)
    for number, example in enumerate(examples):
        example.reference.user_data[CORPUS] = ("one", "other")[number % 2]
    return examples


def test_gradients_are_compared_in_the_shared_space() -> None:
    nlp = trained(make("shared-private", conflict_every=1), 1)
    nlp.update(make_examples(nlp), sgd=NO_OPTIMIZER)
    report = multitask(nlp).conflict.report()
    assert set(report["norm"]) == set(multitask(nlp).tasks)


def test_a_schedule_is_a_function_of_the_steps() -> None:
    nlp = trained(make("shared-private"), 2)
    steps: Any = own_steps(multitask(nlp).model)
    assert int(steps.state()["steps"]) == 2
    assert steps.strength() == pytest.approx(0.5 * 2 / 3)
    with pytest.raises(MTLError, match="schedules do not go back"):
        nlp.initialize(lambda: make_examples(nlp))


def test_a_weight_below_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = {**TOPOLOGIES["shared-private"], "orthogonality": -1.0}
    monkeypatch.setitem(TOPOLOGIES, "bad", bad)
    with pytest.raises(MTLError, match="`orthogonality` of at least 0, got -1"):
        make("bad")


def test_a_corpus_named_twice() -> None:
    with pytest.raises(MTLError, match="Expected each of `corpora` once, got one, one"):
        SharedPrivate(Model("encoder", None), None, corpora=["one", "one"])


def test_corpora_of_which_no_document_is() -> None:
    with pytest.warns(UserWarning, match="no document says which it is of"):
        trained(make("adversarial"), 1)
