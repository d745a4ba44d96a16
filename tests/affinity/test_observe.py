import io
import random
from pathlib import Path

import numpy as np
import pytest
from pipeline.foreign import LISTENING
from pipeline.helpers import LAYERS, TASKS, make_examples, make_nlp, multitask
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import fix_random_seed
from thinc.api import Config
from training.runs import log, mixed, models, stock

from spacy_mtl.affinity.observe import AffinityObserver, learning_multitask
from spacy_mtl.affinity.result import Affinity
from spacy_mtl.errors import MTLError
from spacy_mtl.training.output_folder import OutputFolder
from spacy_mtl.training.trainer import train

from .helpers import loop


def run(config: Config, output: Path | None, observer: AffinityObserver | None) -> Language:
    folder = None if output is None else OutputFolder(output)
    quiet = {"stdout": io.StringIO(), "stderr": io.StringIO()}
    return train(init_nlp(config.copy()), folder, observe=observer, **quiet)


@pytest.mark.parametrize("factory", ["tok2vec", "balanced_tok2vec"])
def test_training_is_the_same_byte_for_byte(tmp_path: Path, factory: str) -> None:
    """With dropout, a learned balancer, rows that lag behind, and an encoder that waits."""
    config = mixed(tmp_path)
    config["components"]["tok2vec"] = {
        "factory": factory,
        "model": config["components"]["tok2vec"]["model"],
    }
    observer = AffinityObserver(2)
    run(config, tmp_path / "without", None)
    run(config, tmp_path / "with", observer)
    assert observer.result().means.count.min() > 1
    assert models(tmp_path / "with") == models(tmp_path / "without")
    assert log(tmp_path / "with") == log(tmp_path / "without")


def test_random_numbers_and_accumulated_gradients(tmp_path: Path) -> None:
    config = mixed(tmp_path)
    config["training"]["accumulate_gradient"] = 2
    found = []
    for observer in (None, AffinityObserver(1)):
        nlp = run(config, None, observer)
        found.append((nlp.to_bytes(exclude=["meta"]), random.random(), np.random.random()))
    assert found[0] == found[1]


@pytest.mark.filterwarnings("ignore:GradNorm weighs the tasks")
@pytest.mark.parametrize("batches", ["mixed", "homogeneous"])
def test_tasks_that_never_share_a_batch(tmp_path: Path, batches: str) -> None:
    config = mixed(tmp_path)
    config["training"]["batcher"].update(batches=batches, sampling="round_robin")
    for key in ("references", "strength"):
        config["training"]["batcher"].pop(key)
    observer = AffinityObserver(2)
    run(config, None, observer)
    result = observer.result()
    assert result.tasks == ["tagger", "ner", "sentiment"]
    assert result.means.count.min() > 1
    assert np.isfinite(result.means.affinity).all() and np.isfinite(result.means.cosines).all()
    together = result.means.same_batch[0]
    assert together[2] == result.means.count[0, 2]  # both of the same corpus
    assert (together[1] == 0) == (batches == "homogeneous")


def test_periods_are_those_between_evaluations(tmp_path: Path) -> None:
    observer = AffinityObserver(1)
    run(mixed(tmp_path), None, observer)
    result = observer.result()
    assert result.steps == 14
    # At the first step no head passes a gradient; the encoder waits until step 3.
    assert [period.step for period in result.periods] == [4, 8, 12, 13]
    assert [int(p.means.count[0, 0]) for p in result.periods] == [2, 4, 4, 1]
    assert result.means.count[0, 0] == 11
    assert len(observer.result().periods) == 4


def observed(nlp: Language, examples: list[Example], steps: int) -> Affinity:
    observer = AffinityObserver(2)
    loop(nlp, examples, steps, observer)
    return observer.result()


def test_a_copy_of_a_task_belongs_to_it_and_noise_does_not() -> None:
    """Parts of speech say what tags say; the features are drawn."""
    nlp = make_nlp(["tagger", "pos", "morph"])
    rng = np.random.default_rng(0)
    examples = []
    for number, example in enumerate(make_examples(nlp, ["tagger", "pos"]) * 8):
        given = example.reference
        values = [f"Number={n}" for n in rng.choice(["Sing", "Plur"], size=len(given))]
        doc = Doc(
            nlp.vocab,
            words=[f"{token.text}{number % 4}" for token in given],
            tags=[token.tag_ for token in given],
            pos=[token.pos_ for token in given],
            morphs=values,
        )
        examples.append(Example(Doc(nlp.vocab, words=[token.text for token in doc]), doc))
    fix_random_seed(0)
    nlp.initialize(lambda: examples)
    means = observed(nlp, examples, 24).means
    copies = [means.affinity[0, 1], means.affinity[1, 0]]
    noise = [means.affinity[2, :2].max(), means.affinity[:2, 2].max()]
    assert min(copies) > 0.02
    assert max(noise) < min(copies) / 4
    assert means.cosines[0, 1] > 0.5 > abs(means.cosines[:2, 2]).max()


def test_stopped_tasks_and_frozen_encoders_are_not_measured() -> None:
    nlp = make_nlp(["tagger", "pos", "ner"])
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    multitask(nlp).stopped_tasks = {"pos"}
    counts = observed(nlp, examples, 6).means.count
    assert counts[1].tolist() == counts[:, 1].tolist() == [0, 0, 0]
    assert counts[0, 2] == 2
    multitask(nlp).encoder_frozen = True
    with pytest.raises(MTLError, match="Expected gradients of tasks at the encoder, got none"):
        observed(nlp, examples, 6)


@pytest.mark.parametrize("by_component", [False, True])
def test_one_of_two_encoders_is_frozen(by_component: bool) -> None:
    nlp = make_nlp(["tagger", "ner"])
    tasks = {name: TASKS[name] for name in ("tagger", "pos", "ner")}
    nlp.replace_pipe("multitask", "multitask", config={"model": LISTENING, "tasks": tasks})
    if by_component:
        nlp.config["training"]["frozen_components"] = ["tok2vec"]
    assert learning_multitask(nlp) is multitask(nlp)
    examples = make_examples(nlp, tasks)
    nlp.initialize(lambda: examples)
    if not by_component:
        multitask(nlp).frozen_encoders = {"tok2vec"}
    means = observed(nlp, examples, 6).means
    assert means.count[2].tolist() == means.count[:, 2].tolist() == [0, 0, 2]
    assert not means.count[:2, :2].any()


def test_what_cannot_be_measured(tmp_path: Path) -> None:
    with pytest.raises(MTLError, match="at every 1 step or more, got 0"):
        AffinityObserver(0)
    with pytest.raises(MTLError, match="at the encoder, got none"):
        AffinityObserver(1).result()
    with pytest.raises(MTLError, match="two tasks or more in .*, got ner"):
        learning_multitask(make_nlp(["ner"]))
    with pytest.raises(MTLError, match="got none; in the pipeline are tok2vec, tagger, ner"):
        learning_multitask(init_nlp(stock(tmp_path)))
    nlp = make_nlp(LAYERS)
    nlp.config["training"]["frozen_components"] = ["tok2vec"]
    with pytest.raises(MTLError, match="an encoder that learns, got tok2vec in"):
        learning_multitask(nlp)
