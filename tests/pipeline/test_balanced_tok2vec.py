"""spaCy's own components on one encoder: what reaches it, with spaCy's tok2vec and with ours."""

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.cli.package import get_third_party_dependencies
from spacy.language import Language
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import fix_random_seed, load_model_from_config
from thinc.api import Config, Model

from spacy_mtl.balancing.fixed import FixedWeights
from spacy_mtl.balancing.gradients import TaskGradients
from spacy_mtl.errors import MTLError
from spacy_mtl.optimizing.optimizer import create_grouped_optimizer
from spacy_mtl.pipeline.balanced_tok2vec import BalancedTok2Vec
from spacy_mtl.pipeline.live import pipeline_of

from .helpers import (
    ENCODER,
    LISTENER,
    TASKS,
    TEXTS,
    SpyBalancer,
    annotations,
    bare,
    run_spacy,
    step,
)
from .helpers import make_doc as make_plain_doc

NO_SGD: Any = False
STOCK, BALANCED = "tok2vec", "balanced_tok2vec"
FACTORIES = [STOCK, BALANCED]
COMPONENTS = ["tagger", "textcat_multilabel", "ner"]
# What each component learns from, in the words of `make_doc`.
LAYER = {"tagger": "tagger", "textcat_multilabel": "sentiment", "ner": "ner"}
EVERYTHING = (*LAYER.values(), "parser")
CLASSIFIER = {
    "@architectures": "spacy.TextCatReduce.v1",
    "exclusive_classes": False,
    "use_reduce_first": False,
    "use_reduce_last": False,
    "use_reduce_max": False,
    "use_reduce_mean": True,
}
RISING = {"@schedules": "compounding.v1", "start": 1.0, "stop": 8.0, "compound": 2.0}


def component_config(nlp: Language, component: str) -> dict[str, Any]:
    """spaCy's default for the component, with a listener for its encoder."""
    model = nlp.get_factory_meta(component).default_config["model"]
    if component.startswith("textcat"):
        model = {**CLASSIFIER, "exclusive_classes": component == "textcat"}
    if component in ("ner", "parser"):
        model = {**model, "hidden_width": 8}
    frequency = {"trainable_lemmatizer": "min_tree_freq", "parser": "min_action_freq"}
    rare = {frequency[component]: 1} if component in frequency else {}
    return {"model": {**model, "tok2vec": LISTENER}, **rare}


def make_blank(
    factory: str = BALANCED, components: Iterable[str] = COMPONENTS, **settings: Any
) -> Language:
    """The encoder and stock components that listen to it."""
    nlp = spacy.blank("xx")
    nlp.add_pipe(factory, name="tok2vec", config={"model": ENCODER, **settings})
    for component in components:
        nlp.add_pipe(component, config=component_config(nlp, component))
    return nlp


def initialized(nlp: Language) -> Language:
    """Without parameters that are zero, as output layers are at first: nothing passes them."""
    fix_random_seed(0)
    nlp.initialize(lambda: make_examples(nlp))
    rng = numpy.random.default_rng(0)
    for node, name in parameters_of(nlp):
        if not node.get_param(name).any():
            node.set_param(name, rng.normal(size=node.get_param(name).shape).astype("float32"))
    return nlp


def make_pipeline(*args: Any, **settings: Any) -> Language:
    return initialized(make_blank(*args, **settings))


def with_balancer(balancer: Any, components: Iterable[str] = COMPONENTS) -> Language:
    nlp = make_blank(components=components)
    encoder(nlp).balancer = balancer
    return initialized(nlp)


def fixed(**weights: Any) -> dict[str, Any]:
    return {"@mtl_balancers": "spacy_mtl.FixedWeights.v1", "weights": weights}


def make_doc(nlp: Language, row: int, layers: Iterable[str]) -> Doc:
    """A sentence of the helpers, with these layers; "parser" puts all words under the first."""
    doc = make_plain_doc(nlp, row, layers)
    if "parser" in layers:
        for token in doc:
            token.head, token.dep_ = doc[0], "dep" if token.i else "ROOT"
    return doc


def make_examples(nlp: Language, layers: Iterable[str] = EVERYTHING) -> list[Example]:
    references = [make_doc(nlp, row, list(layers)) for row in range(len(TEXTS))]
    return [Example(bare(doc), doc) for doc in references]


def encoder(nlp: Language) -> BalancedTok2Vec:
    component: Any = nlp.get_pipe("tok2vec")
    return component


def encoder_bytes(nlp: Language) -> bytes:
    return encoder(nlp).model.to_bytes()


def parameters_of(nlp: Language) -> list[tuple[Any, str]]:
    """Every layer and name of a parameter, in order."""
    models: list[Any] = [getattr(component, "model", None) for _, component in nlp.pipeline]
    nodes = [node for model in models for node in model.walk()]
    return [(node, name) for node in nodes for name in node.param_names if node.has_param(name)]


def parameters(nlp: Language) -> list[Any]:
    return [node.get_param(name).copy() for node, name in parameters_of(nlp)]


def accumulated(nlp: Language) -> list[Any]:
    """The encoder's gradients that `finish_update` would apply now; empty without any."""
    seen = []

    def sgd(key: Any, value: Any, gradient: Any) -> tuple[Any, Any]:
        seen.append(gradient.copy())
        gradient.fill(0)
        return value, gradient

    optimizer: Any = sgd
    encoder(nlp).finish_update(optimizer)
    return seen


def update(nlp: Language, examples: list[Example], losses: Any = None) -> None:
    fix_random_seed(0)
    nlp.update(examples, sgd=NO_SGD, losses={} if losses is None else losses)


def gradient(nlp: Language, examples: list[Example], losses: Any = None) -> list[Any]:
    """The encoder's gradients after one update of the whole pipeline."""
    update(nlp, examples, losses)
    return accumulated(nlp)


def total(*gradients: list[Any]) -> list[Any]:
    return [sum(arrays) for arrays in zip(*gradients, strict=True)]


def assert_close(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected) > 0
    assert max(abs(value).max() for value in expected) > 1e-3
    for a, b in zip(found, expected, strict=True):
        numpy.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def learn(nlp: Language, steps: int, layers: Iterable[str] = EVERYTHING) -> dict[str, float]:
    """Some steps as in spaCy's loop; their losses."""
    fix_random_seed(0)
    optimizer = nlp.resume_training()
    losses: dict[str, float] = {}
    for _ in range(steps):
        step(nlp, optimizer, make_examples(nlp, layers), losses)
    return losses


class EqualNorms:
    """A balancer by the Gram matrix: every task's gradient gets the norm 1."""

    needs_gradients = True

    def start(self, tasks: list[str]) -> None:
        pass

    def reset(self) -> None:
        pass

    def weights(self, losses: Mapping[str, float], gradients: TaskGradients) -> dict[str, float]:
        norms = numpy.sqrt(numpy.diag(gradients.gram("representation")))
        return {task: 1 / norm for task, norm in zip(gradients.tasks, norms, strict=True)}


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("layer", ["tagger", "sentiment"])
def test_lost_gradient(factory, layer):
    """spaCy's encoder learns nothing from batches without the last listener's labels."""
    nlp = make_pipeline(factory)
    learn(nlp, 2)
    largest = max(abs(value).max() for value in gradient(nlp, make_examples(nlp, [layer])))
    assert largest == 0 if factory == STOCK else largest > 1e-3


@pytest.mark.parametrize("components", [COMPONENTS, ["parser", "tagger"], ["ner"]])
def test_gradient_is_stock_spacys_where_everything_is_labelled(components):
    stock, ours = (make_pipeline(factory, components) for factory in FACTORIES)
    for _ in range(2):
        losses: list[dict[str, float]] = [{}, {}]
        expected = gradient(stock, make_examples(stock), losses[0])
        assert_close(gradient(ours, make_examples(ours), losses[1]), expected)
        assert losses[1] == pytest.approx(losses[0], rel=1e-5)
        assert learn(stock, 1) == pytest.approx(learn(ours, 1), rel=1e-5)


def with_optimizer(nlp: Language, steps: int) -> None:
    """`nlp.update` with an optimizer steps the encoder before its listeners are updated."""
    fix_random_seed(0)
    optimizer = nlp.resume_training()
    losses: dict[str, float] = {}
    for _ in range(steps):
        losses = nlp.update(make_examples(nlp), sgd=optimizer, losses=losses)


@pytest.mark.parametrize("train", [learn, with_optimizer])
def test_parameters_are_stock_spacys_where_everything_is_labelled(train):
    stock, ours = (make_pipeline(factory) for factory in FACTORIES)
    before = encoder_bytes(ours)
    for nlp in (stock, ours):
        train(nlp, 5)
    assert_close(parameters(ours), parameters(stock))
    assert encoder_bytes(ours) != before


LSTM = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": ENCODER["width"],
        "attrs": ["NORM"],
        "rows": [100],
        "include_static_vectors": False,
    },
    "encode": {
        "@architectures": "spacy.TorchBiLSTMEncoder.v1",
        "width": ENCODER["width"],
        "depth": 1,
        "dropout": 0.0,
    },
}


@pytest.mark.parametrize("model", [ENCODER, LSTM], ids=["thinc", "torch"])
def test_other_parameters_for_a_while(model):
    """Between two updates with an optimizer, when a gradient still waits to go backward."""
    pytest.importorskip("torch", reason="torch is not installed")
    found = []
    for evaluates in (False, True):
        nlp = make_pipeline(model=model)
        optimizer = create_grouped_optimizer(0.01, average=0.9)
        for _ in range(4):
            nlp.update(make_examples(nlp), sgd=optimizer)
            if evaluates:
                with nlp.use_params(optimizer.averages):
                    nlp("Ana likes trains")
        encoder(nlp).finish_update(optimizer)
        found.append(nlp.to_bytes(exclude=["vocab"]))
    assert found[0] == found[1]


@pytest.mark.parametrize("factory", FACTORIES)
def test_accumulated_batches(factory):
    nlp = make_pipeline(factory)
    examples = make_examples(nlp)
    expected = total(gradient(nlp, examples[:3]), gradient(nlp, examples[3:]))
    update(nlp, examples[:3])
    update(nlp, examples[3:])
    assert_close(accumulated(nlp), expected)


def test_accumulated_batches_of_different_layers():
    nlp = make_pipeline()
    batches = [make_examples(nlp, layers) for layers in (["tagger"], [], ["ner"])]
    expected = total(gradient(nlp, batches[0]), gradient(nlp, batches[2]))
    assert gradient(nlp, batches[1]) == []
    for batch in batches:
        update(nlp, batch)
    assert_close(accumulated(nlp), expected)


@pytest.mark.parametrize("factory", FACTORIES)
def test_without_any_labels_the_encoder_does_not_move(factory):
    """With spaCy's own it goes on by momentum."""
    nlp = make_pipeline(factory)
    optimizer = nlp.resume_training()
    step(nlp, optimizer, make_examples(nlp))
    before = encoder_bytes(nlp)
    losses: dict[str, float] = {}
    step(nlp, optimizer, make_examples(nlp, []), losses)
    assert losses["tok2vec"] == 0.0
    assert (encoder_bytes(nlp) == before) == (factory == BALANCED)


def test_documents_without_tokens():
    nlp = make_pipeline()
    empty = [Example(Doc(nlp.vocab), Doc(nlp.vocab)) for _ in range(2)]
    expected = gradient(nlp, make_examples(nlp))
    losses: dict[str, float] = {}
    assert gradient(nlp, empty, losses) == []
    assert losses["tok2vec"] == 0.0
    assert len(gradient(nlp, [*make_examples(nlp), *empty])) == len(expected)
    assert [len(doc) for doc in nlp.pipe(["", ""])] == [0, 0]


def test_initialization_looks_for_documents_with_tokens():
    """An encoder that learns its width from documents, which those without tokens do not tell."""

    def encode(model: Any, docs: list[Doc], is_train: bool) -> Any:
        assert docs and all(len(doc) for doc in docs)
        return [model.ops.alloc2f(len(doc), 4) for doc in docs], list

    def init(model: Any, X: Any = None, Y: Any = None) -> None:
        model.set_dim("nO", model.predict(X)[0].shape[1])

    nlp = spacy.blank("en")
    empty, filled = Example(Doc(nlp.vocab), Doc(nlp.vocab)), make_examples(make_pipeline())
    for examples in ([*[empty] * 12, *filled], [empty]):
        model: Any = Model("own", encode, init=init, dims={"nO": None})
        BalancedTok2Vec(nlp.vocab, model).initialize(lambda given=examples: given)
        assert model.get_dim("nO") == 4


def test_weights_scale_what_a_component_sends():
    nlp = make_pipeline()
    by_tags, by_entities = (gradient(nlp, make_examples(nlp, [x])) for x in ("tagger", "ner"))
    weighted = make_pipeline(balancer=fixed(tagger=2.0, textcat_multilabel=0.0))
    found = gradient(weighted, make_examples(weighted))
    assert_close(found, total(by_tags, by_tags, by_entities))
    assert encoder(weighted).task_weights == {"tagger": 2.0, "textcat_multilabel": 0.0, "ner": 1.0}


def test_weights_of_zero_alone_do_not_move_the_encoder():
    nlp = make_pipeline(balancer=fixed(tagger=0.0))
    before, tagger = encoder_bytes(nlp), nlp.get_pipe("tagger").model.to_bytes()
    learn(nlp, 2, ["tagger"])
    assert encoder_bytes(nlp) == before
    assert nlp.get_pipe("tagger").model.to_bytes() != tagger


def test_reports_begin_anew_with_a_new_dict():
    nlp = make_pipeline(balancer=fixed(ner=RISING), conflict_every=1)
    learn(nlp, 3, ["tagger", "ner"])
    assert encoder(nlp).task_weights == {"tagger": 1.0, "ner": pytest.approx((1 + 2 + 4) / 3)}
    assert encoder(nlp).conflict.report()["steps"] == 3
    learn(nlp, 1)
    assert encoder(nlp).task_weights == {"tagger": 1.0, "textcat_multilabel": 1.0, "ner": 8.0}
    report = encoder(nlp).conflict.report()
    assert report["steps"] == 1 and len(report["cosine"]) == 3
    assert set(report["norm"]) == set(COMPONENTS)


def test_balancer_sees_who_takes_part_and_what_they_lost():
    spy = SpyBalancer()
    nlp = with_balancer(spy)
    optimizer = nlp.resume_training()
    losses: dict[str, float] = {}
    for layers in (EVERYTHING, ["tagger", "sentiment"], ["ner"]):
        before = dict(losses)
        step(nlp, optimizer, make_examples(nlp, layers), losses)
        parts = [name for name in COMPONENTS if LAYER[name] in layers]
        assert spy.losses[-1] == pytest.approx(
            {name: losses[name] - before.get(name, 0.0) for name in parts}
        )
    step(nlp, optimizer, make_examples(nlp, []), losses)
    assert len(spy.losses) == 3
    assert spy.gradients == [None] * 3


def test_losses_of_accumulated_batches_are_each_batchs_own():
    spy = SpyBalancer()
    nlp = with_balancer(spy, ["tagger"])
    losses: list[dict[str, float]] = [{}, {}]
    for half, own in zip((slice(3), slice(3, None)), losses, strict=True):
        update(nlp, make_examples(nlp)[half], own)
    accumulated(nlp)
    assert spy.losses == [{"tagger": own["tagger"]} for own in losses]


@pytest.mark.parametrize("looks", [True, False])
def test_unseen_losses_are_an_error_only_for_those_who_look(looks):
    nlp = with_balancer(SpyBalancer() if looks else FixedWeights(), ["tagger"])
    tagger: Any = nlp.get_pipe("tagger")
    examples = make_examples(nlp)
    encoder(nlp).update(examples)
    tagger.update(examples)
    if looks:
        with pytest.raises(MTLError, match="'tagger' to add a loss .* got None"):
            accumulated(nlp)
    else:
        assert accumulated(nlp)


def test_balancer_by_gradients():
    nlp, plain = with_balancer(EqualNorms()), make_pipeline()
    norms = {}
    for name in COMPONENTS:
        losses: dict[str, float] = {}
        update(plain, make_examples(plain, [LAYER[name]]), losses)
        norms[name] = losses["tok2vec"] ** 0.5
    gradient(nlp, make_examples(nlp))
    assert encoder(nlp).task_weights == pytest.approx({n: 1 / norms[n] for n in norms}, rel=1e-3)


def test_gramian_weighting(tmp_path):
    pytest.importorskip("torchjd")
    nlp = make_pipeline(
        balancer={"@mtl_balancers": "spacy_mtl.GramianWeighting.v1", "method": "UPGrad"}
    )
    before = encoder_bytes(nlp)
    learn(nlp, 1, ["tagger", "ner"])
    weights = encoder(nlp).task_weights
    assert set(weights) == {"tagger", "ner"} and all(weight > 0 for weight in weights.values())
    assert encoder_bytes(nlp) != before
    # Its state is of the tasks that it was started with: these may change after loading.
    nlp.replace_listeners("tok2vec", "ner", ["model.tok2vec"])
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    loaded.add_pipe("senter", config=component_config(loaded, "senter"))
    learn(initialized(loaded), 1)
    assert set(encoder(loaded).task_weights) == {"tagger", "textcat_multilabel", "senter"}


def test_two_listeners_of_one_component_are_summed():
    spy = SpyBalancer(needs_gradients=True)
    nlp = with_balancer(spy, ["tagger"])
    encoder(nlp).add_listener(Tok2VecListener("tok2vec", ENCODER["width"]), "tagger")
    examples = make_examples(nlp)
    losses = {"tagger": 0.0}
    encoder(nlp).update(examples, losses=losses)
    for factor, listener in enumerate(encoder(nlp).listeners, start=1):
        vectors, backprop = listener([eg.predicted for eg in examples], True)
        backprop([numpy.full_like(array, factor) for array in vectors])
    accumulated(nlp)
    [gradients] = spy.gradients
    assert gradients is not None
    n_tokens = sum(len(eg.predicted) for eg in examples)
    assert gradients.X["tagger"].shape == (n_tokens, ENCODER["width"])
    assert (gradients.dX["tagger"] == 1 + 2).all()
    assert losses["tok2vec"] == gradients.dX["tagger"].size * (1 + 4)


def test_optimizer_that_is_given_to_the_component():
    """It is applied when the gradients of the batch are complete."""
    nlp, twin = make_pipeline(components=["tagger"]), make_pipeline(components=["tagger"])
    learn(twin, 1)
    for _, component in nlp.pipeline:
        component.update(make_examples(nlp), sgd=nlp.resume_training(), losses={})
    encoder(nlp).update(make_examples(nlp))
    assert_close(parameters(nlp), parameters(twin))


def test_with_our_own_component():
    """It is one task beside others, of which the loss is a running mean."""
    spy = SpyBalancer()
    nlp = make_blank(components=["ner"])
    encoder(nlp).balancer = spy
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": LISTENER}
    tasks = {"tagger": TASKS["tagger"]}
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks})
    losses = learn(initialized(nlp), 4)
    assert [set(seen) for seen in spy.losses] == [{"ner", "multitask"}] * 4
    assert spy.losses[-1]["multitask"] == losses["multitask"]


def test_unknown_name_in_the_weights():
    with pytest.raises(MTLError, match="tagger, textcat_multilabel, ner, got tager"):
        make_pipeline(balancer=fixed(tager=2.0))


def test_no_balancer():
    with pytest.raises(MTLError, match=r"\[components.tok2vec.balancer\]"):
        make_blank(balancer={"@schedules": "constant.v1", "rate": 1.0})


def test_listeners_that_come_and_go():
    """The balancer goes on knowing those that have gone, so that its state and settings fit."""
    spy = SpyBalancer()
    nlp = with_balancer(spy, ["tagger"])
    learn(nlp, 2, ["tagger"])
    assert spy.started == [["tagger"]]
    ner: Any = nlp.add_pipe("ner", config=component_config(nlp, "ner"))
    ner.initialize(lambda: make_examples(nlp), nlp=nlp)
    learn(nlp, 2)
    assert spy.started[1:] == [["tagger", "ner"]]
    assert set(spy.losses[-1]) == {"tagger", "ner"}
    nlp.replace_listeners("tok2vec", "tagger", ["model.tok2vec"])
    learn(nlp, 1)
    assert set(spy.losses[-1]) == {"ner"}
    assert len(spy.started) == 2


MASKED = ["tagger", "morphologizer", "trainable_lemmatizer", "parser", "ner", "textcat_multilabel"]
NOT_MASKED = ["textcat", "spancat", "spancat_singlelabel", "span_finder", "senter"]


@pytest.mark.parametrize("component", [*MASKED, *NOT_MASKED])
def test_which_components_take_missing_labels_for_negatives(component):
    """What the page says of spaCy's components; no encoder can change it."""
    nlp = make_blank(components=[component])
    reference = make_doc(nlp, 0, [*EVERYTHING, "morph"])
    for token in reference:
        token.lemma_ = token.lower_
    reference.spans["sc"] = [Span(reference, 0, 2, "X")]
    fix_random_seed(0)
    nlp.initialize(lambda: [Example(bare(reference), reference)])
    optimizer = nlp.resume_training()
    for _ in range(3):
        step(nlp, optimizer, [Example(bare(reference), reference)])
    losses: dict[str, float] = {}
    step(nlp, optimizer, [Example(bare(reference), bare(reference))], losses)
    assert (losses["tok2vec"] > 0) == (component in NOT_MASKED)


def changed_line(config: Path) -> None:
    """Replace the factory of the encoder."""
    before, text = 'factory = "tok2vec"', config.read_text()
    assert text.count(before) == 1
    config.write_text(text.replace(before, 'factory = "balanced_tok2vec"'))


def test_one_changed_line_in_spacys_own_config(tmp_path):
    """Trains on partial labels: a file for each layer."""
    (tmp_path / "corpus").mkdir()
    for layer in EVERYTHING:
        docs = [example.reference for example in make_examples(spacy.blank("en"), [layer])]
        DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "corpus" / f"{layer}.spacy")
    names = ["tagger", "parser", "ner", "textcat"]
    config = tmp_path / "config.cfg"
    run_spacy("init", "config", config, "--pipeline", ",".join(names), "--optimize", "accuracy")
    changed_line(config)
    settings = {
        "paths.train": tmp_path / "corpus",
        "paths.dev": tmp_path / "corpus",
        "paths.vectors": "null",
        "training.max_steps": 3,
        "training.eval_frequency": 3,
        "training.accumulate_gradient": 2,
        "components.parser.min_action_freq": 1,
        "components.tok2vec.model.embed.include_static_vectors": "false",
        "components.tok2vec.model.encode.width": 16,
    }
    overrides = [word for key, value in settings.items() for word in (f"--{key}", value)]
    run_spacy("train", config, "--output", tmp_path, *overrides)
    nlp = spacy.load(tmp_path / "model-last")
    assert isinstance(encoder(nlp), BalancedTok2Vec)
    assert encoder(nlp).listening_components == names
    assert all(token.tag_ and token.dep_ for doc in nlp.pipe(TEXTS) for token in doc)
    assert any("mtl" in requirement for requirement in get_third_party_dependencies(nlp.config))


@pytest.fixture(scope="module")
def learned() -> Language:
    nlp = make_pipeline(balancer=fixed(ner=RISING))
    learn(nlp, 3)
    return nlp


@pytest.fixture(scope="module")
def saved(learned, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "model"
    learned.to_disk(path)
    return path


def test_to_disk_and_back(learned, saved):
    nlp = spacy.load(saved)
    assert annotations(nlp) == annotations(learned)
    assert encoder(nlp).balancer.state() == {"update": 3}
    learn(nlp, 1)
    assert encoder(nlp).task_weights["ner"] == 8.0
    assert {path.name for path in (saved / "tok2vec").iterdir()} == {"balancer", "cfg", "model"}


@pytest.mark.parametrize("exclude", [(), ("vocab",), ("vocab", "balancer")])
def test_component_to_bytes_and_disk(learned, exclude, tmp_path):
    data = encoder(learned).to_bytes(exclude=exclude)
    encoder(learned).to_disk(tmp_path / "component", exclude=exclude)
    by_bytes, by_disk = encoder(make_blank()), encoder(make_blank())
    by_bytes.from_bytes(data, exclude=exclude)
    by_disk.from_disk(tmp_path / "component", exclude=[*exclude, "balancer"])
    by_disk.from_disk(tmp_path / "component", exclude=exclude)
    for found in (by_bytes, by_disk):
        assert found.to_bytes(exclude=exclude) == data
        assert found.balancer.state() == {"update": 0 if "balancer" in exclude else 3}


def test_pipelines_of_stock_tok2vec_can_be_loaded_and_the_other_way_round(tmp_path):
    stock = make_pipeline(STOCK)
    learn(stock, 3)
    stock.to_disk(tmp_path / "model")
    changed_line(tmp_path / "model" / "config.cfg")
    nlp = spacy.load(tmp_path / "model")
    assert annotations(nlp) == annotations(stock)
    assert learn(nlp, 1)["tok2vec"] > 0
    assert annotations(make_blank().from_bytes(stock.to_bytes())) == annotations(stock)
    nlp.to_disk(tmp_path / "ours")
    assert annotations(make_blank(STOCK).from_disk(tmp_path / "ours")) == annotations(nlp)
    assert annotations(make_blank(STOCK).from_bytes(nlp.to_bytes())) == annotations(nlp)


def test_replaced_listeners(saved, tmp_path):
    nlp = spacy.load(saved)
    expected = annotations(nlp)
    nlp.replace_listeners("tok2vec", "tagger", ["model.tok2vec"])
    assert annotations(nlp) == expected
    assert encoder(nlp).listening_components == ["textcat_multilabel", "ner"]
    before = encoder_bytes(nlp)
    learn(nlp, 1, ["tagger"])
    assert encoder_bytes(nlp) == before
    nlp.to_disk(tmp_path / "model")
    assert annotations(spacy.load(tmp_path / "model")) == annotations(nlp)


def test_sourced_components(saved):
    """A config that takes the encoder and two components from a pipeline, one with a copy."""
    source: dict[str, Any] = {"source": str(saved)}
    components: dict[str, Any] = {name: dict(source) for name in ("tok2vec", "tagger", "ner")}
    components["ner"]["replace_listeners"] = ["model.tok2vec"]
    config = {"nlp": {"lang": "xx", "pipeline": list(components)}, "components": components}
    nlp = load_model_from_config(Config(config), auto_fill=True)
    assert encoder(nlp).listening_components == ["tagger"]
    for found, expected in zip(annotations(nlp), annotations(spacy.load(saved)), strict=True):
        assert (found["tag"], found["ents"]) == (expected["tag"], expected["ents"])
    before = encoder_bytes(nlp)
    learn(nlp, 1)
    assert encoder_bytes(nlp) != before
    assert encoder(nlp).task_weights == {"tagger": 1.0}


def test_listener_for_any_encoder_and_frozen_encoder():
    nlp = make_blank(components=[])
    model = {**CLASSIFIER, "tok2vec": {**LISTENER, "upstream": "*"}}
    nlp.add_pipe("textcat_multilabel", config={"model": model})
    nlp = initialized(nlp)
    before = encoder_bytes(nlp)
    frozen = {"exclude": ["tok2vec"], "annotates": ["tok2vec"]}
    nlp.update(make_examples(nlp), sgd=nlp.resume_training(), **frozen)
    assert encoder_bytes(nlp) == before
    learn(nlp, 1)
    assert encoder_bytes(nlp) != before


def test_encoder_that_listens_to_another():
    """Its gradient comes after that one's step, and is not lost."""
    nlp = make_blank(components=[])
    convolution = {"width": ENCODER["width"], "depth": 1, "window_size": 1, "maxout_pieces": 2}
    second = {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": LISTENER,
        "encode": {"@architectures": "spacy.MaxoutWindowEncoder.v2", **convolution},
    }
    nlp.add_pipe("balanced_tok2vec", name="second", config={"model": second})
    tagger = {"@architectures": "spacy.Tagger.v2", "tok2vec": {**LISTENER, "upstream": "second"}}
    nlp.add_pipe("tagger", config={"model": tagger})
    optimizer = initialized(nlp).resume_training()
    before = encoder_bytes(nlp)
    step(nlp, optimizer, make_examples(nlp))
    assert encoder_bytes(nlp) == before
    step(nlp, optimizer, make_examples(nlp, []))
    assert encoder_bytes(nlp) != before


def test_pipeline_is_announced():
    nlp = make_blank()
    assert pipeline_of(nlp.vocab) is nlp


def test_several_processes_agree_with_one(learned):
    assert annotations(learned, n_process=2, batch_size=2) == annotations(learned)


def test_trained_components_can_be_pickled():
    """They go to processes under "spawn" so, where spaCy's own cannot go after training."""
    nlp = make_pipeline()
    learn(nlp, 1)
    for _, component in nlp.pipeline:
        copy: Any = pickle.loads(pickle.dumps(component))
        assert copy.model.to_bytes() == component.model.to_bytes()


def test_initialize_begins_anew():
    balancer = {"@mtl_balancers": "spacy_mtl.GradNorm.v1"}
    nlp, new = make_pipeline(balancer=balancer), make_pipeline(balancer=balancer)
    learn(nlp, 2)
    update(nlp, make_examples(nlp))
    nlp.remove_pipe("ner")
    new.remove_pipe("ner")
    for each in (nlp, new):
        initialized(each)
    assert encoder(nlp).balancer.state() == encoder(new).balancer.state()
    assert not any("ner" in key for key in encoder(nlp).balancer.state())
    assert encoder(nlp).task_weights == {}
    assert accumulated(nlp) == []


def test_the_state_of_another_balancer_is_left_out(saved):
    config = {"components.tok2vec.balancer": {"@mtl_balancers": "spacy_mtl.GradNorm.v1"}}
    with pytest.warns(UserWarning, match="kind 'FixedWeights', and is left out"):
        nlp = spacy.load(saved, config=config)
    learn(nlp, 2)
    assert encoder(nlp).balancer.state()["update"] == 2


@pytest.mark.parametrize("loss", [None, float("nan")])
def test_adaptive_balancer_and_losses_that_are_missing_or_broken(loss):
    """A component that hides its losses is a mistake; a broken batch costs its weights alone."""
    nlp = make_pipeline(balancer={"@mtl_balancers": "spacy_mtl.GradNorm.v1"}, components=["tagger"])
    tagger: Any = nlp.get_pipe("tagger")
    examples = make_examples(nlp)
    losses: dict[str, float] = {}
    encoder(nlp).update(examples, losses=losses)
    tagger.update(examples)
    if loss is None:
        with pytest.raises(MTLError, match="'tagger' to add a loss .* got None"):
            accumulated(nlp)
    else:
        losses["tagger"] = loss
        with pytest.warns(UserWarning, match="GradNorm gave no weights.*finite"):
            assert accumulated(nlp)
