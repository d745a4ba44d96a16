"""What waits, is frozen or is stopped does not move by a bit; everything else does."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline.foreign import TWO
from pipeline.helpers import (
    ENCODER,
    LISTENER,
    TASKS,
    annotations,
    make_examples,
    make_nlp,
    multitask,
    run_spacy,
    step,
    write_corpus,
)
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.util import registry
from thinc.api import Adam, Config

from spacy_mtl.errors import MTLError
from spacy_mtl.optimizing.parameters import named_parameters
from spacy_mtl.optimizing.periods import TrainingPeriod
from spacy_mtl.optimizing.unfreeze import create_unfreeze

NAMES = ["tagger", "ner", "sentiment"]


def make(
    inline: bool = False, depth: int = 1, momentum: int = 3, second: Any = None
) -> tuple[Language, Any]:
    """A pipeline after some steps, and its optimizer, with momentum and weight decay.

    second: another encoder, of the entities.
    """
    nlp = spacy.blank("en")
    encoder = {**ENCODER, "depth": depth}
    if not inline:
        nlp.add_pipe("tok2vec", config={"model": encoder})
    shared = encoder if inline else LISTENER
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": shared}
    if second:
        model = {**TWO, "tok2vec": shared, "second": second}
    tasks = {name: TASKS[name] for name in NAMES}
    nlp.add_pipe("multitask", config={"model": model, "tasks": tasks})
    nlp.initialize(lambda: make_examples(nlp, NAMES))
    optimizer = Adam(0.01, L2=0.1)
    for _ in range(momentum):
        step(nlp, optimizer, make_examples(nlp, NAMES))
    return nlp, optimizer


def values(nlp: Language) -> dict[str, bytes]:
    found = {}
    for parameter in named_parameters(nlp):
        owner: Any = parameter.owner
        found[parameter.name] = owner.get_param(parameter.local).tobytes()
    return found


def averages(nlp: Language, optimizer: Any) -> dict[str, bytes]:
    known = optimizer.averages
    return {p.name: known[p.key].tobytes() for p in named_parameters(nlp) if p.key in known}


def moved(nlp: Language, optimizer: Any, callback: Any, steps: Iterable[int]) -> set[str]:
    """The paths that move in these steps of training, and whose averages move."""
    before, averages_before = values(nlp), averages(nlp, optimizer)
    for number in steps:
        callback(nlp, {"step": number, "epoch": 0})
        step(nlp, optimizer, make_examples(nlp, NAMES))
    after, averages_after = values(nlp), averages(nlp, optimizer)
    found = {name for name in before if before[name] != after[name]}
    assert found == {n for n, v in averages_after.items() if averages_before.get(n) != v}
    return found


def frozen(nlp: Language) -> set[str]:
    return {parameter.name for parameter in named_parameters(nlp) if parameter.frozen}


def starting(nlp: Language, *parts: str) -> set[str]:
    return {name for name in values(nlp) if name.startswith(parts)}


@pytest.mark.parametrize("inline", [False, True])
def test_the_encoder_waits(inline):
    nlp, optimizer = make(inline)
    callback = create_unfreeze(encoder=5)
    encoder = starting(nlp, "tok2vec.", "multitask.tok2vec.")
    assert moved(nlp, optimizer, callback, range(5)) == set(values(nlp)) - encoder
    assert multitask(nlp).encoder_frozen
    assert moved(nlp, optimizer, callback, [5]) == set(values(nlp))
    assert not multitask(nlp).encoder_frozen


def test_a_frozen_encoder_is_not_run_backward():
    nlp, optimizer = make()
    called = []
    listener: Any = multitask(nlp).model.get_ref("tok2vec")
    receive = type(listener).receive

    def spy(batch_id: int, outputs: Any, backprop: Any) -> None:
        receive(listener, batch_id, outputs, lambda dX: called.append(0) or backprop(dX))

    listener.receive = spy
    callback = create_unfreeze(encoder=2)
    moved(nlp, optimizer, callback, range(2))
    assert not called
    moved(nlp, optimizer, callback, [2])
    assert called


def test_gradual_unfreezing_goes_down_from_the_top():
    nlp, optimizer = make(depth=2)
    callback = create_unfreeze(encoder=3, gradual=2)
    top, middle = starting(nlp, "tok2vec.encode.1."), starting(nlp, "tok2vec.encode.0.")
    embedding = starting(nlp, "tok2vec.embed.")
    assert top and middle and embedding
    assert moved(nlp, optimizer, callback, range(3)) == starting(nlp, "multitask.")
    assert moved(nlp, optimizer, callback, [3, 4]) == starting(nlp, "multitask.") | top
    assert moved(nlp, optimizer, callback, [5, 6]) == set(values(nlp)) - embedding
    assert moved(nlp, optimizer, callback, [7]) == set(values(nlp))


def test_named_layers():
    nlp, optimizer = make()
    layers = {"tok2vec": 2, "tok2vec.embed": -1, "*.embed.layernorm.*": 1, "multitask.ner.*.b": 3}
    callback = create_unfreeze(encoder=99, layers=layers)
    encoder, embedding = starting(nlp, "tok2vec."), starting(nlp, "tok2vec.embed.")
    normal, everything = starting(nlp, "tok2vec.embed.layernorm."), set(values(nlp))
    biases = {name for name in starting(nlp, "multitask.ner.") if name.endswith(".b")}
    assert normal and len(biases) == 3
    assert moved(nlp, optimizer, callback, [0]) == everything - encoder - biases
    assert moved(nlp, optimizer, callback, [1]) == everything - (encoder - normal) - biases
    assert moved(nlp, optimizer, callback, [2]) == everything - (embedding - normal) - biases
    assert moved(nlp, optimizer, callback, [3, 200]) == everything - (embedding - normal)


@pytest.mark.parametrize("inline", [False, True])
def test_tasks_start_and_stop(inline):
    nlp, optimizer = make(inline)
    callback = create_unfreeze(tasks={"ner": {"start": 2}, "tagger": {"stop": 4}})
    ner, tagger = starting(nlp, "multitask.ner."), starting(nlp, "multitask.tagger.")
    assert moved(nlp, optimizer, callback, [0, 1]) == set(values(nlp)) - ner
    assert moved(nlp, optimizer, callback, [2, 3]) == set(values(nlp))
    assert moved(nlp, optimizer, callback, range(4, 8)) == set(values(nlp)) - tagger
    assert multitask(nlp).stopped_tasks == {"tagger"}
    assert all(annotation["tag"][0] for annotation in annotations(nlp))
    assert nlp.evaluate(make_examples(nlp))["tagger_acc"] > 0


def test_one_of_two_encoders_is_frozen():
    nlp, optimizer = make(second={**ENCODER, "width": 24})
    callback = create_unfreeze(layers={"multitask.second": -1})
    before = values(nlp)
    callback(nlp, {"step": 0})
    assert multitask(nlp).frozen_encoders == {"second"}
    step(nlp, optimizer, make_examples(nlp, NAMES))
    moved = {name for name, value in values(nlp).items() if value != before[name]}
    assert any(name.startswith("tok2vec.") for name in moved)
    assert any(name.startswith("multitask.ner.") for name in moved)
    assert not any(name.startswith("multitask.second.") for name in moved)
    callback = create_unfreeze(layers={"tok2vec": 2})
    callback(nlp, {"step": 1})
    assert multitask(nlp).frozen_encoders == {"tok2vec"}
    callback(nlp, {"step": 2})
    assert multitask(nlp).frozen_encoders == set()


def test_two_listeners_to_an_encoder_that_waits():
    nlp, optimizer = make(second=LISTENER)
    callback = create_unfreeze(encoder=1)
    before = values(nlp)
    for number in range(2):
        callback(nlp, {"step": number})
        assert multitask(nlp).encoder_frozen == (number == 0)
        step(nlp, optimizer, make_examples(nlp, NAMES))
        same = all(value == before[n] for n, value in values(nlp).items() if "tok2vec" in n)
        assert same == (number == 0)


def test_tasks_that_were_stopped_by_hand_stay_so():
    nlp, optimizer = make()
    multitask(nlp).stopped_tasks.add("sentiment")
    moved(nlp, optimizer, create_unfreeze(tasks={"ner": {"start": 1}}), [0, 1])
    assert multitask(nlp).stopped_tasks == {"sentiment"}


@pytest.mark.parametrize("inline", [False, True])
def test_nothing_moves_when_all_tasks_are_stopped(inline):
    nlp, optimizer = make(inline)
    callback = create_unfreeze(tasks={name: {"stop": 1} for name in NAMES})
    moved(nlp, optimizer, callback, [0])
    with pytest.warns(UserWarning, match="No task is trained at step 1"):
        assert moved(nlp, optimizer, callback, [1]) == set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert moved(nlp, optimizer, callback, [2, 3]) == set()


def test_the_encoder_learns_when_the_first_task_starts():
    nlp, optimizer = make()
    callback = create_unfreeze(tasks={name: {"start": 2 + i} for i, name in enumerate(NAMES)})
    with pytest.warns(UserWarning, match="No task is trained"):
        assert moved(nlp, optimizer, callback, [0, 1]) == set()
    assert moved(nlp, optimizer, callback, [2]) == starting(nlp, "tok2vec", "multitask.tagger.")


@pytest.mark.parametrize("factory", ["tok2vec", "balanced_tok2vec"])
@pytest.mark.parametrize("last", ["multitask", "tagger"])
def test_others_on_the_same_encoder_go_on(factory, last):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, name="tok2vec", config={"model": ENCODER})
    model = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": LISTENER}
    nlp.add_pipe("multitask", config={"model": model, "tasks": {"ner": TASKS["ner"]}})
    stock = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}
    before = {"before": "multitask"} if last == "multitask" else {}
    nlp.add_pipe("tagger", config={"model": stock}, **before)  # type: ignore[arg-type]
    nlp.initialize(lambda: make_examples(nlp, NAMES))
    optimizer = Adam(0.01)
    moved(nlp, optimizer, create_unfreeze(), range(3))
    callback = create_unfreeze(tasks={"ner": {"stop": 3}})
    with pytest.warns(UserWarning, match="No task is trained"):
        found = moved(nlp, optimizer, callback, [3, 4])
    assert found == set(values(nlp)) - starting(nlp, "multitask.")
    multitask(nlp).stopped_tasks.clear()
    callback = create_unfreeze(encoder=-1)
    assert moved(nlp, optimizer, callback, [5, 6]) == starting(nlp, "multitask.ner", "tagger.")


class TestPatience:
    def run(self, nlp: Language, callback: Any, scores: Any, steps: Any) -> list[int]:
        """The steps at which the tagger is trained, if these are its scores after the steps."""
        found = []
        for number in steps:
            callback(nlp, {"step": number, "epoch": 0})
            if "tagger" not in multitask(nlp).stopped_tasks:
                found.append(number)
            if number in scores:
                multitask(nlp).history.record({"tagger": scores[number], "ner": float(number)})
        return found

    def test_a_task_is_stopped_after_its_own_patience(self):
        nlp = make_nlp(NAMES)
        callback = create_unfreeze(tasks={"tagger": {"patience": 4}})
        scores = {0: 0.1, 2: 0.5, 4: 0.5, 6: 0.4, 8: 0.9}
        assert self.run(nlp, callback, scores, range(12)) == list(range(7))
        assert multitask(nlp).stopped_tasks == {"tagger"}

    def test_a_stop_is_told_once(self, caplog):
        nlp = make_nlp(NAMES)
        callback = create_unfreeze(
            tasks={"tagger": {"patience": 4}, "ner": {"stop": 3, "patience": 4}}
        )
        with caplog.at_level("WARNING", "spacy"), warnings.catch_warnings():
            warnings.simplefilter("error")
            self.run(nlp, callback, {0: 0.1, 2: 0.5, 4: 0.5, 6: 0.4, 8: 0.9}, range(12))
        told = "The task 'tagger' is stopped at step 6: its score has not risen for 4 steps."
        assert caplog.messages == [told]

    def test_it_goes_on_while_it_improves(self):
        nlp = make_nlp(NAMES)
        callback = create_unfreeze(tasks={"tagger": {"patience": 3}, "ner": {"patience": 3}})
        scores = {number: number / 10 for number in range(0, 12, 3)}
        assert self.run(nlp, callback, scores, range(12)) == list(range(12))

    def test_it_counts_from_the_start_of_the_task(self):
        nlp = make_nlp(NAMES)
        callback = create_unfreeze(tasks={"tagger": {"start": 4, "patience": 4}})
        scores = {0: 0.9, 2: 0.9, 4: 0.1, 6: 0.2, 8: 0.1, 10: 0.1}
        assert self.run(nlp, callback, scores, range(14)) == list(range(4, 11))

    def test_evaluations_before_the_training_do_not_count(self):
        nlp = make_nlp(NAMES)
        for _ in range(5):
            multitask(nlp).history.record({"tagger": 0.9})
        callback = create_unfreeze(tasks={"tagger": {"patience": 2}})
        scores = {0: 0.1, 2: 0.2, 4: 0.1}
        assert self.run(nlp, callback, scores, range(8)) == list(range(5))

    @pytest.mark.parametrize("at", [1, 3, 5, 7, 8, 10])
    def test_resuming_is_exact(self, at):
        scores = {0: 0.1, 2: 0.5, 4: 0.5, 6: 0.4, 8: 0.9}
        tasks = {"tagger": {"patience": 4}}
        nlp = make_nlp(NAMES)
        callback: Any = create_unfreeze(tasks=tasks)
        first = self.run(nlp, callback, scores, range(at))
        state, history = callback.state(), multitask(nlp).history.state()
        again = make_nlp(NAMES)
        resumed: Any = create_unfreeze(tasks=tasks)
        resumed.load_state(state)
        multitask(again).history.load_state(history)
        second = self.run(again, resumed, scores, range(at, 12))
        assert first + second == list(range(7))

    def test_a_wrong_state(self):
        callback: Any = create_unfreeze()
        with pytest.raises(MTLError, match="one dimension"):
            callback.load_state({"multitask": np.zeros((1, 1))})

    def test_scores_that_stay_0_are_told(self):
        callback = create_unfreeze(tasks={"tagger": {"patience": 4}})
        with pytest.warns(UserWarning, match="'tagger' is stopped at step 4 .* 0 at every"):
            found = self.run(
                make_nlp(NAMES), callback, dict.fromkeys(range(0, 12, 2), 0.0), range(12)
            )
        assert found == list(range(5))

    def test_evaluations_that_do_not_measure_a_task_do_not_count(self):
        nlp = make_nlp(NAMES)
        callback = create_unfreeze(tasks={"tagger": {"patience": 4}})
        scores = {0: 0.5, 2: None, 4: None, 6: None, 8: 0.6, 10: 0.6, 12: 0.6}
        assert self.run(nlp, callback, scores, range(16)) == list(range(13))

    def test_patience_without_scores_is_told_once(self):
        nlp = make_nlp(NAMES)
        callback = create_unfreeze(tasks={"tagger": {"patience": 4}})
        with pytest.warns(UserWarning, match="'tagger' has `patience`, but no score") as told:
            found = self.run(nlp, callback, dict.fromkeys(range(0, 12, 2)), range(12))
        assert found == list(range(12)) and len(told) == 1

    def test_through_spacys_loop(self, tmp_path):
        """The development data has tags alone: "ner" has no score."""
        path = training_config(tmp_path, tasks={"ner": {"patience": 4}, "tagger": {"patience": 99}})
        with pytest.warns(UserWarning, match="'ner' has `patience`, but no score"):
            nlp = run_training(path)
        history = multitask(nlp).history
        assert multitask(nlp).stopped_tasks == set()
        assert history.scores("ner") == [] and history.at_evaluations("ner") == [None] * 6
        assert history.scores("tagger")[-1] > 0


steps = st.integers(-1, 20)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(
    encoder=steps,
    gradual=st.integers(0, 5),
    layers=st.dictionaries(st.sampled_from(["tok2vec.embed", "multitask.ner", "*.W"]), steps),
    start=st.integers(0, 10),
    length=st.integers(1, 10),
    at=st.integers(0, 30),
)
def test_what_is_frozen_depends_on_the_step_alone(
    deep, encoder, gradual, layers, start, length, at
):
    chosen = {
        "encoder": encoder,
        "gradual": gradual if encoder >= 0 else 0,
        "layers": layers,
        "tasks": {"ner": {"start": start, "stop": start + length}},
    }

    def after(callback: Any, numbers: Iterable[int]) -> Any:
        for number in numbers:
            callback(deep, {"step": number, "epoch": 0})
        component = multitask(deep)
        return frozen(deep), set(component.stopped_tasks), component.encoder_frozen

    assert after(create_unfreeze(**chosen), range(at + 1)) == after(create_unfreeze(**chosen), [at])
    create_unfreeze(layers={"*": 0})(deep, {"step": 0, "epoch": 0})


@pytest.fixture(scope="module")
def deep() -> Language:
    return make(depth=2, momentum=0)[0]


def training_config(folder: Any, **unfreeze: Any) -> Any:
    """The config of a training of a few steps with this callback."""
    nlp = make_nlp(NAMES)
    config: Any = nlp.config.copy()
    config["paths"]["train"] = str(write_corpus(folder / "train.spacy", nlp, NAMES))
    config["paths"]["dev"] = str(write_corpus(folder / "dev.spacy", nlp, ["tagger"]))
    callback = {"@callbacks": "spacy_mtl.unfreeze.v1", **unfreeze}
    config["training"].update({"max_steps": 10, "eval_frequency": 2, "patience": 0})
    config["training"]["before_update"] = callback
    config.to_disk(folder / "config.cfg")
    return folder / "config.cfg"


def run_training(path: Any) -> Language:
    from spacy.training.loop import train

    nlp = init_nlp(Config().from_disk(path, interpolate=False))
    (path.parent / "out").mkdir()
    with open(path.parent / "log", "w") as log:
        train(nlp, path.parent / "out", stdout=log)
    return nlp


def test_spacy_train_with_a_frozen_encoder(tmp_path):
    path = training_config(tmp_path, encoder=-1)
    run_spacy("train", path, "--output", tmp_path / "out")
    untrained = init_nlp(Config().from_disk(path, interpolate=False))
    for name in ("model-best", "model-last"):
        nlp = spacy.load(tmp_path / "out" / name)
        assert not frozen(nlp)
        before, after = values(untrained), values(nlp)
        same = {name for name in before if before[name] == after[name]}
        assert same == starting(nlp, "tok2vec.")


def test_spacy_train_with_a_stopped_task(tmp_path):
    path = training_config(tmp_path, encoder=2, tasks={"ner": {"start": 99}})
    run_spacy("train", path, "--output", tmp_path / "out")
    before = values(init_nlp(Config().from_disk(path, interpolate=False)))
    nlp = spacy.load(tmp_path / "out" / "model-last")
    after = values(nlp)
    same = {name for name in before if before[name] == after[name]}
    assert same == starting(nlp, "multitask.ner.")


def test_a_block_as_a_config_has_it():
    text = """
[training]

[training.before_update]
@callbacks = "spacy_mtl.unfreeze.v1"
encoder = 500
gradual = 100

[training.before_update.layers]
tok2vec.embed = -1

[training.before_update.tasks]

[training.before_update.tasks.ner]
start = 200
stop = 1500
patience = 800
"""
    found = registry.resolve(Config().from_str(text))["training"]["before_update"]
    assert (found.encoder, found.gradual, found.layers) == (500, 100, {"tok2vec.embed": -1})
    assert found.tasks == {"ner": TrainingPeriod(200, 1500, 800)}


def test_a_block_of_the_second_version():
    text = """
[training]

[training.before_update]
@callbacks = "spacy_mtl.unfreeze.v2"
encoder = 500
patience = 800
protect = "distill"

[training.before_update.tasks]

[training.before_update.tasks.ner]
start = 200

[training.before_update.tasks.tagger]
patience = null
"""
    found = registry.resolve(Config().from_str(text))["training"]["before_update"]
    assert found.encoder == 500
    assert found.tasks == {"ner": TrainingPeriod(200, patience=800), "tagger": TrainingPeriod()}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"encoder": -1, "gradual": 5}, "got 5 and -1"),
        ({"gradual": -5}, "0 or more, for gradual in .*got -5"),
        ({"encoder": 1.5}, r"-1 or more, for encoder in \[training.before_update\], got 1.5"),
        ({"layers": {"tok2vec": "a"}}, r"for tok2vec in .*layers\], got 'a'"),
        ({"layers": {"tok2vec": {"embed": 1}}}, r"for tok2vec in .*got \{'embed': 1\}"),
        ({"tasks": {"ner": 5}}, "Expected start, stop, patience in .*tasks.ner], got 5"),
        ({"tasks": {"ner": {"begin": 5}}}, "begin"),
        ({"tasks": {"ner": {"start": -1}}}, "0 or more, for start"),
        ({"tasks": {"ner": {"stop": 0}}}, "1 or more, for stop"),
        ({"tasks": {"ner": {"patience": 1.5}}}, "for patience in .*got 1.5"),
        ({"tasks": {"ner": {"start": 5, "stop": 5}}}, "got 5 and 5"),
    ],
)
def test_wrong_settings(wrong, message):
    with pytest.raises(MTLError, match=message):
        create_unfreeze(**wrong)


def test_names_that_the_pipeline_does_not_have():
    nlp, _ = make(momentum=0)
    with pytest.raises(MTLError, match=r"got tok2vek\.\*. There are: tok2vec.embed.hashembed.0, "):
        create_unfreeze(layers={"tok2vek.*": 1, "tok2vec": 1})(nlp, {"step": 0, "epoch": 0})
    with pytest.raises(MTLError, match=r"tasks\] \(tagger, ner, sentiment\), got parser"):
        create_unfreeze(tasks={"parser": {}})(nlp, {"step": 0, "epoch": 0})


def test_a_pipeline_without_an_encoder():
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    with pytest.raises(MTLError, match=r"Expected an encoder .* There are: \['tagger'\]"):
        create_unfreeze(encoder=5)(nlp, {"step": 0, "epoch": 0})
    create_unfreeze()(nlp, {"step": 0, "epoch": 0})
