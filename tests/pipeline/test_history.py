import copy
import gc
import pickle

from spacy_mtl.pipeline.history import ScoreHistory


class Watcher:
    def __init__(self) -> None:
        self.seen: list[int] = []

    def note(self, history: ScoreHistory) -> None:
        self.seen.append(len(history))


def test_evaluations_are_watched():
    history, watcher = ScoreHistory(), Watcher()
    history.record({"ner": 0.5})
    history.watch(watcher.note)
    history.watch(watcher.note)
    history.record({"ner": None})
    assert watcher.seen == [2]
    del watcher
    gc.collect()
    history.record({"ner": 0.25})
    assert len(history) == 3


def test_nobody_watches_a_copy():
    history, watcher = ScoreHistory(), Watcher()
    history.record({"ner": 0.5})
    history.watch(watcher.note)
    for other in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        other.record({"ner": 0.25})
        assert other.scores("ner") == [0.5, 0.25]
    assert not watcher.seen


def test_the_order_of_tasks_is_that_of_their_names():
    history = ScoreHistory()
    history.record({"tagger": 0.5, "ner": None})
    history.record({"tagger": 0.25, "ner": 0.75})
    assert list(history.by_task().items()) == [("ner", [0.75]), ("tagger", [0.5, 0.25])]
