"""Factors by component and layer, and averages; without both, thinc's Adam to the last bit."""

import warnings
from typing import Any

import numpy as np
import pytest
import spacy
from pipeline.helpers import LAYERS, make_examples, make_nlp, run_spacy, step, write_corpus
from spacy.language import Language
from spacy.util import fix_random_seed, load_model_from_config, registry
from thinc.api import Adam, Config, Linear, RAdam

from spacy_mtl.errors import MTLError
from spacy_mtl.optimizing.clipping import CommonNorm
from spacy_mtl.optimizing.optimizer import create_grouped_optimizer
from spacy_mtl.optimizing.parameter_state import gradient_of, value_of
from spacy_mtl.optimizing.parameters import named_parameters

NAMES = ["tagger", "ner"]
EMBEDDING = "tok2vec.embed.hashembed.0.E"
Values = dict[str, Any]


def pipeline(inline: bool = False) -> Language:
    fix_random_seed(0)
    nlp = make_nlp(NAMES, inline=inline)
    nlp.initialize(lambda: make_examples(nlp, NAMES))
    return nlp


def values(nlp: Language) -> Values:
    found = {}
    for parameter in named_parameters(nlp):
        owner: Any = parameter.owner
        found[parameter.name] = owner.get_param(parameter.local).copy()
    return found


def averages(nlp: Language, optimizer: Any) -> Values:
    return {p.name: optimizer.averages[p.key] for p in named_parameters(nlp)}


def after(nlp: Language, optimizer: Any, steps: int) -> Values:
    """The parameters after some steps."""
    for _ in range(steps):
        step(nlp, optimizer, make_examples(nlp, NAMES))
        optimizer.step_schedules()
    return values(nlp)


def falling() -> Any:
    """A schedule of learning rates."""
    return (0.02 / (1 + i) for i in range(100))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"learn_rate": 0.01, "L2": 0.1, "beta1": 0.8, "beta2": 0.99, "eps": 1e-6, "grad_clip": 0.5},
        {"L2": 0.1, "L2_is_weight_decay": False, "use_averages": False},
    ],
)
@pytest.mark.parametrize("factors", [{}, {"*": 1.0}])
def test_without_factors_it_is_thincs_adam(settings, factors):
    nlp, other = pipeline(), pipeline()
    optimizer: Any = create_grouped_optimizer(**{**settings, "factors": factors})
    adam = Adam(**settings)
    first, second = after(nlp, optimizer, 4), after(other, adam, 4)
    assert all((first[name] == second[name]).all() for name in first)
    if settings.get("use_averages", True):
        ours, theirs = averages(nlp, optimizer), averages(other, adam)
        assert all((ours[name] == theirs[name]).all() for name in ours)
    else:
        assert optimizer.averages is None


def test_radam_and_schedules():
    first = after(pipeline(), create_grouped_optimizer(falling(), use_radam=True), 8)
    second = after(pipeline(), RAdam(falling()), 8)
    assert all((first[name] == second[name]).all() for name in first)


@pytest.mark.parametrize("use_radam", [False, True])
def test_a_factor_is_another_learning_rate(use_radam):
    factors = {"tok2vec.*": 0.5, "tok2vec.embed": 0.25, "*.ner.output.b": 4.0}
    optimizer = create_grouped_optimizer(0.01, factors=factors, use_radam=use_radam, L2=0.1)
    found = after(pipeline(), optimizer, 1)
    single = {}
    for factor in (0.25, 0.5, 1.0, 4.0):
        alone = create_grouped_optimizer(0.01 * factor, use_radam=use_radam, L2=0.1)
        single[factor] = after(pipeline(), alone, 1)
    for name, value in found.items():
        factor = 1.0
        if name.startswith("tok2vec."):
            factor = 0.25 if name.startswith("tok2vec.embed.") else 0.5
        if name == "multitask.ner.output.b":
            factor = 4.0
        np.testing.assert_array_equal(value, single[factor][name], err_msg=name)


def test_what_has_the_factor_zero_does_not_move():
    nlp = pipeline()
    before = values(nlp)
    optimizer: Any = create_grouped_optimizer(0.01, factors={"*.ner": 0, "*.embed": 0}, L2=0.1)
    found = after(nlp, optimizer, 4)
    still = {name for name in before if (before[name] == found[name]).all()}
    assert still == {n for n in before if ".ner." in n or ".embed." in n}
    with nlp.use_params(optimizer.averages):
        assert {n: v.tobytes() for n, v in values(nlp).items() if n in still} == {
            n: before[n].tobytes() for n in still
        }


@pytest.mark.parametrize("inline", [False, True])
def test_layer_decay(inline):
    encoder = "multitask.tok2vec" if inline else "tok2vec"
    optimizer = create_grouped_optimizer(0.01, layer_decay=0.5)
    explicit = create_grouped_optimizer(0.01, factors={f"{encoder}.embed": 0.5})
    found, expected = (after(pipeline(inline), o, 3) for o in (optimizer, explicit))
    assert all((found[name] == expected[name]).all() for name in found)
    both = create_grouped_optimizer(0.01, layer_decay=0.5, factors={encoder: 0.5})
    explicit = create_grouped_optimizer(
        0.01, factors={f"{encoder}.embed": 0.25, f"{encoder}.encode": 0.5}
    )
    found, expected = (after(pipeline(inline), o, 3) for o in (both, explicit))
    assert all((found[name] == expected[name]).all() for name in found)


def test_an_average_of_constant_decay():
    nlp = pipeline()
    optimizer: Any = create_grouped_optimizer(0.01, average=0.75, factors={"*.ner": 0.0})
    expected: Values = {}
    for _ in range(4):
        for name, value in after(nlp, optimizer, 1).items():
            expected[name] = 0.75 * expected.get(name, value) + 0.25 * value
    with nlp.use_params(optimizer.averages):
        found = values(nlp)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-7)
    moving = [name for name in expected if (found[name] != values(nlp)[name]).any()]
    assert moving and not any(".ner." in name for name in moving)


def test_the_average_does_not_touch_training():
    first = after(pipeline(), create_grouped_optimizer(0.01, average=0.9), 3)
    second = after(pipeline(), create_grouped_optimizer(0.01), 3)
    assert all((first[name] == second[name]).all() for name in first)


def test_patterns_that_fit_nothing():
    nlp = pipeline()
    optimizer = create_grouped_optimizer(0.01, factors={"trf.*": 0.1, "tok2vec": 0.5})
    with pytest.warns(UserWarning, match=r"got trf\.\*, which fit none. There are: tok2vec\.embed"):
        after(nlp, optimizer, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after(nlp, optimizer, 1)


def test_a_layer_of_no_pipeline():
    layer = Linear(2, 2).initialize()
    optimizer = create_grouped_optimizer(0.01, factors={"tok2vec": 0.1})
    expected = layer.copy()
    for model, sgd in ((layer, optimizer), (expected, Adam(0.01))):
        model.set_grad("W", np.ones((2, 2), dtype="float32"))
        model.set_grad("b", np.ones(2, dtype="float32"))
        if sgd is optimizer:
            with pytest.warns(UserWarning, match="Expected a parameter of a pipeline") as caught:
                model.finish_update(sgd)
            assert len(caught) == 1
        else:
            model.finish_update(sgd)
    np.testing.assert_array_equal(layer.get_param("W"), expected.get_param("W"))


def test_layers_that_come_later():
    nlp = pipeline()
    optimizer: Any = create_grouped_optimizer(0.01, factors={"*.ner": 0.0})
    after(nlp, optimizer, 1)
    component: Any = nlp.get_pipe("multitask")
    component.add_label("ner:NEW")
    before = values(nlp)
    found = after(nlp, optimizer, 2)
    assert (found["multitask.ner.output.W"] == before["multitask.ner.output.W"]).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"factors": {"tok2vec": -1.0}}, "zero or more for 'tok2vec', got -1.0"),
        ({"factors": {"tok2vec": float("nan")}}, "got nan"),
        ({"layer_decay": 0.0}, "above 0 and up to 1, got 0.0"),
        ({"layer_decay": 1.5}, "got 1.5"),
        ({"average": 1.0}, "got 1.0 and True"),
        ({"average": 0.9, "use_averages": False}, "got 0.9 and False"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(MTLError, match=message):
        create_grouped_optimizer(0.01, **settings)


def test_a_block_as_a_config_has_it():
    text = """
[training]

[training.optimizer]
@optimizers = "spacy_mtl.GroupedOptimizer.v1"
layer_decay = 0.9
average = 0.999
L2 = 0.01

[training.optimizer.factors]
tok2vec.* = 0.1
multitask.ner.* = 2.0

[training.optimizer.learn_rate]
@schedules = "warmup_linear.v1"
warmup_steps = 4
total_steps = 20
initial_rate = 0.01
"""
    config = Config().from_str(text)
    assert Config().from_str(config.to_str()) == config
    optimizer = registry.resolve(config)["training"]["optimizer"]
    assert optimizer.factors == {"tok2vec.*": 0.1, "multitask.ner.*": 2.0}
    assert (optimizer.layer_decay, optimizer.average, optimizer.L2) == (0.9, 0.999, 0.01)
    rates = [optimizer.learn_rate]
    for _ in range(3):
        optimizer.step_schedules()
        rates.append(optimizer.learn_rate)
    np.testing.assert_allclose(rates, [0.0, 0.0025, 0.005, 0.0075])


def test_spacy_train(tmp_path):
    nlp = make_nlp(NAMES)
    config: Any = nlp.config.copy()
    for name in ("train", "dev"):
        config["paths"][name] = str(write_corpus(tmp_path / f"{name}.spacy", nlp, LAYERS))
    config["training"].update({"max_steps": 6, "eval_frequency": 3, "patience": 0})
    config["training"]["optimizer"] = {
        "@optimizers": "spacy_mtl.GroupedOptimizer.v1",
        "factors": {"tok2vec.*": 0.5, "tok2vec.embed.*": 0.0, "*.maxout.W": 1.0},
        "average": 0.9,
    }
    config.to_disk(tmp_path / "config.cfg")
    run_spacy("train", tmp_path / "config.cfg", "--output", tmp_path / "out")
    loaded = spacy.load(tmp_path / "out" / "model-last")
    # The order matters, and survives reading, completing and writing the config.
    kept = loaded.config["training"]["optimizer"]["factors"]
    assert list(kept) == ["tok2vec.*", "tok2vec.embed.*", "*.maxout.W"]
    found, untrained = values(loaded), values(pipeline())
    still = {name for name in found if (found[name] == untrained[name]).all()}
    embedding = {name for name in found if name.startswith("tok2vec.embed.")}
    assert still == embedding - {"tok2vec.embed.maxout.W"}


def with_tables() -> Language:
    """A pipeline with embeddings that are large enough for steps on some of their rows."""
    config = make_nlp(NAMES).config.copy()
    config["components"]["tok2vec"]["model"]["embed_size"] = 4096
    fix_random_seed(0)
    nlp = load_model_from_config(config, auto_fill=True)
    nlp.initialize(lambda: make_examples(nlp, NAMES))
    return nlp


def one_by_one(nlp: Language, optimizer: Any, steps: int, after_each: Any = None) -> list[float]:
    """The losses in steps on a single sentence each."""
    losses = []
    for number in range(steps):
        examples, found = make_examples(nlp, NAMES), {}
        step(nlp, optimizer, [examples[number % len(examples)]], found)
        losses.append(found["multitask"])
        if after_each is not None:
            after_each()
    return losses


@pytest.mark.parametrize("average", [None, 0.9])
def test_steps_on_rows_train_alike(average):
    """What is read differs a little, so losses are like each other, and weights less so."""
    losses = []
    for sparse_rows in (False, True):
        nlp = with_tables()
        optimizer: Any = create_grouped_optimizer(0.003, average=average, sparse_rows=sparse_rows)
        losses.append(np.reshape(one_by_one(nlp, optimizer, 60), (10, -1)).mean(axis=1))
        late = values(nlp)
        optimizer.flush()
        moved = {name for name, value in values(nlp).items() if (value != late[name]).any()}
        assert moved == {name for name in late if sparse_rows and name.endswith(".E")}
    assert losses[0][-1] < 0.6 * losses[0][0]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.03)


def test_rows_that_are_always_brought_up_to_date_train_the_same():
    found = []
    for sparse_rows in (False, True):
        nlp = with_tables()
        optimizer: Any = create_grouped_optimizer(0.003, L2=0.01, sparse_rows=sparse_rows)
        one_by_one(nlp, optimizer, 20, optimizer.flush)
        found.append((values(nlp), averages(nlp, optimizer)))
    for one, other in zip(*found, strict=True):
        for name in one:
            np.testing.assert_allclose(other[name], one[name], atol=2e-5, err_msg=name)


def test_training_goes_on_after_an_evaluation():
    found = []
    for evaluated in (True, False):
        nlp = with_tables()
        optimizer: Any = create_grouped_optimizer(0.003, average=0.9, sparse_rows=True)
        for _ in range(4):
            one_by_one(nlp, optimizer, 5)
            if evaluated:
                before = values(nlp)
                with nlp.use_params(optimizer.averages):
                    up_to_date = nlp.evaluate(make_examples(nlp, NAMES))
                    assert up_to_date["tag_acc"] is not None
                    assert (values(nlp)[EMBEDDING] != before[EMBEDDING]).any()
            else:
                optimizer.flush()
        found.append((values(nlp), averages(nlp, optimizer)))
    for one, other in zip(*found, strict=True):
        assert all((one[name] == other[name]).all() for name in one)


def test_spacy_train_on_rows(tmp_path):
    scores = []
    for sparse_rows in (False, True):
        nlp = with_tables()
        config: Any = nlp.config.copy()
        for name in ("train", "dev"):
            config["paths"][name] = str(write_corpus(tmp_path / f"{name}.spacy", nlp, LAYERS))
        config["training"].update({"max_steps": 60, "eval_frequency": 12, "patience": 0})
        config["training"]["batcher"] = {"@batchers": "spacy.batch_by_sequence.v1", "size": 2}
        config["training"]["optimizer"] = {
            "@optimizers": "spacy_mtl.GroupedOptimizer.v1",
            "learn_rate": 0.003,
            "average": 0.8,
            "sparse_rows": sparse_rows,
        }
        config.to_disk(tmp_path / "config.cfg")
        run_spacy("train", tmp_path / "config.cfg", "--output", tmp_path / "out")
        scores.append(spacy.load(tmp_path / "out" / "model-last").meta["performance"])
    assert scores[0]["tag_acc"] == scores[1]["tag_acc"] > 0.9
    assert scores[1]["multitask_loss"] == pytest.approx(scores[0]["multitask_loss"], rel=0.03)


def test_gradients_of_a_component_are_clipped_together():
    """Plain gradient descent shows the gradients that were used."""
    descent = {"learn_rate": 1.0, "beta1": 0.0, "beta2": 0.0, "L2": 0.0, "use_averages": False}
    moves = []
    for settings in ({"grad_clip": 0.0}, {"grad_clip": 0.01, "clip_together": True}):
        nlp = pipeline()
        before = after(nlp, create_grouped_optimizer(0.02), 3)
        moved = after(nlp, create_grouped_optimizer(**descent, **settings), 1)
        moves.append({name: moved[name] - before[name] for name in before})
    free, clipped = moves
    for component in ("tok2vec", "multitask"):
        names = [name for name in free if name.startswith(component)]
        norm = sum(float((free[name] ** 2).sum()) for name in names) ** 0.5
        assert norm > 0.01
        for name in names:
            np.testing.assert_allclose(clipped[name], free[name] * 0.01 / norm, atol=1e-6)


def test_parameters_that_are_looked_up_again_count_once():
    nlp = pipeline()
    after(nlp, create_grouped_optimizer(0.02), 1)
    nlp.update(make_examples(nlp, NAMES), sgd=False)  # type: ignore[arg-type]
    norm, parameters = CommonNorm(), named_parameters(nlp)
    own = next(p for p in parameters if p.name.startswith("multitask"))
    gradient = gradient_of(own)
    norm.know(parameters)
    once = norm.factor(own.key, gradient, 1e-6)
    norm.know(parameters)
    norm.step()
    assert norm.factor(own.key, gradient, 1e-6) == once < 1


def test_each_step_has_a_norm_of_its_own():
    """Also in a loop that announces none, where another task follows."""
    descent = {"learn_rate": 1.0, "beta1": 0.0, "beta2": 0.0, "L2": 0.0, "use_averages": False}
    nlp = pipeline()
    after(nlp, create_grouped_optimizer(0.02), 3)
    optimizer = create_grouped_optimizer(**descent, grad_clip=1e-4, clip_together=True)
    for layer in ("tagger", "ner", "tagger"):
        before = {p.name: value_of(p).copy() for p in named_parameters(nlp)}
        nlp.update(make_examples(nlp, [layer]), sgd=optimizer)
        moved = sum(
            float(((value_of(p) - before[p.name]) ** 2).sum())
            for p in named_parameters(nlp)
            if p.name.startswith("multitask")
        )
        assert moved**0.5 == pytest.approx(1e-4, rel=0.01), layer
