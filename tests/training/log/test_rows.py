import json
from pathlib import Path

import numpy
import pytest
import spacy
from pipeline.helpers import make_nlp, multitask
from spacy.language import Language

from spacy_mtl.training.log.rows import RowMaker, TaskFigures, trackable_scores
from spacy_mtl.training.log.table import Table

from .logs import make_row, step_info

LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "tok2vec"}
TAGGER = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}


def blank(max_steps: int = 1000) -> Language:
    nlp = spacy.blank("en")
    nlp.config["training"]["max_steps"] = max_steps
    return nlp


def test_a_component_of_spacys():
    nlp = blank()
    nlp.add_pipe("tok2vec")
    nlp.add_pipe("morphologizer")
    maker = RowMaker(nlp)
    assert not maker.weighted and not maker.measured
    scores = {"pos_acc": 0.5, "morph_acc": 0.25, "tag_acc": 1.0}
    row = maker.row(step_info(0, losses={"morphologizer": 12.5}, other_scores=scores))
    assert row.tasks == {"morphologizer": TaskFigures(12.5, None, 0.375)}
    assert "WEIGHT" not in "".join(Table(row, 120, maker.weighted, maker.measured).header())


@pytest.mark.parametrize("listeners", [1, 2])
def test_an_encoder_has_weights_if_several_components_listen(listeners):
    nlp = blank()
    nlp.add_pipe("balanced_tok2vec", name="tok2vec")
    for i in range(listeners):
        nlp.add_pipe("tagger", name=f"tagger{i}", config={"model": TAGGER})
    maker = RowMaker(nlp)
    assert maker.weighted == (listeners == 2)
    assert list(maker.row(step_info(0)).weights) == ["tok2vec"] * (listeners - 1)


def test_scores_that_stand_for_no_task():
    nlp = blank()
    nlp.add_pipe("tagger")
    weights = {"tag_acc": 1.0, "sents_f": 0.0, "ents_f": None, "dep_las": 0.5}
    nlp.config["training"]["score_weights"] = weights
    scores = {"tag_acc": 0.5, "sents_f": 0.25, "ents_f": 0.125}
    row = RowMaker(nlp).row(step_info(0, other_scores=scores))
    assert row.other == {"sents_f": 0.25}
    assert row.scores == scores


def test_pace():
    times = iter([0.0, 9.0, 19.0, 29.0, 34.0])
    maker = RowMaker(blank(), lambda: next(times))
    # A run that was resumed at step 500, and grows faster.
    steps = [(500, 10), (600, 2010), (700, 3010), (800, 5010)]
    found = [maker.row(step_info(step, words)) for step, words in steps]
    assert [row.seconds for row in found] == [9.0, 19.0, 29.0, 34.0]
    assert [row.words_per_second for row in found] == [None, 200.0, 100.0, 400.0]
    assert [row.seconds_left for row in found] == [None, 40.0, 30.0, pytest.approx(50 / 3)]


def test_time_left_follows_the_last_rows():
    times = iter([0.0, 0.0, *(1000.0 + i for i in range(8))])
    maker = RowMaker(blank(max_steps=100), lambda: next(times))
    assert [maker.row(step_info(step)).seconds_left for step in range(0, 90, 10)][-1] == 2.0


def test_no_time_left_without_max_steps():
    maker = RowMaker(blank(max_steps=0))
    assert [maker.row(step_info(step)).seconds_left for step in (0, 1)] == [None, None]


def test_best():
    maker = RowMaker(blank())
    assert maker.row(step_info(1, score=0.4)).best
    assert not maker.row(step_info(2, score=0.3)).best


def test_best_scores_of_tasks():
    nlp = make_nlp(["tagger", "ner"])
    history, maker = multitask(nlp).history, RowMaker(nlp)
    history.record({"tagger": 0.9, "ner": 0.9})  # before this training
    found = []
    for step, scores in enumerate([(0.5, None), (0.7, None), (0.7, None), (0.6, None)]):
        history.record(dict(zip(["tagger", "ner"], scores, strict=True)))
        checkpoints = [(0.5, 10 * earlier) for earlier in range(step + 1)]
        row = maker.row(step_info(10 * step, checkpoints=checkpoints))
        found.append(row.tasks["tagger"])
        assert (row.tasks["ner"].best_score, row.tasks["ner"].best_step) == (None, None)
    assert [figures.best_score for figures in found] == [0.5, 0.7, 0.7, 0.7]
    assert [figures.best_step for figures in found] == [0, 10, 10, 10]


def test_conflict_share_of_several_components():
    few = {"conflict": 1.0, "steps": 1, "norm": {}, "cosine": {}}
    many = {**few, "conflict": 0.0, "steps": 3}
    assert make_row(conflict={"a": few, "b": many}).conflict_share == 0.25
    assert make_row().conflict_share is None


def test_stats_of_several_components():
    report = {"conflict": 0.5, "steps": 2, "norm": {"ner": 3.0}, "cosine": {"ner_pos": 0.25}}
    one = make_row(weights={"a": {"ner": 1.0}}, conflict={"a": report}).stats()
    names = {"mtl.weight.ner", "mtl.norm.ner", "mtl.cosine.ner_pos", "mtl.conflict"}
    assert one.keys() - {"mtl.words_per_second"} == names
    both = make_row(weights={"a": {"ner": 1.0}, "b": {"ner": 2.0}}, conflict={"b": report}).stats()
    assert both["mtl.weight.a.ner"] == 1.0 and both["mtl.weight.b.ner"] == 2.0
    assert both["mtl.norm.b.ner"] == 3.0 and both["mtl.cosine.b.ner_pos"] == 0.25


def test_rows_are_strict_json():
    scores = {"a": numpy.float32(0.5), "b": float("nan"), "c": {"d": (1, None)}, "e": Path("f")}
    row = make_row(scores=scores, seconds_left=float("inf"))
    text = json.dumps(row.as_json(), allow_nan=False)
    assert json.loads(text)["scores"] == {"a": 0.5, "b": None, "c": {"d": [1, None]}, "e": "f"}
    assert json.loads(text)["seconds_left"] is None


def test_trackable_scores():
    scores = {"a b": 1.0, "cats_f_per_type": {"x=y/z": {"f": 0.5}, "straße": 0.25}}
    expected = {"a_b": 1.0, "cats_f_per_type": {"x_y_z": {"f": 0.5}, "straße": 0.25}}
    assert trackable_scores(scores) == expected
