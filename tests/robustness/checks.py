"""Runs a case of each kind, and requires of what comes out that it is right."""

from __future__ import annotations

import copy
import json
import math
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import Config

from spacy_mtl.corpora import convert_file
from spacy_mtl.corpora.coverage import measure
from spacy_mtl.corpora.readers import gold_token_examples
from spacy_mtl.marks import mark
from spacy_mtl.tasks.textcat import TextCat

from .file_strategies import FileCase, ModelCase, StoredCase
from .outcomes import require
from .pipelines import TASKS, bare, examples_for, multitask, trained, update
from .strategies import ConfigCase, DocCase

TEXTS = ["Ana eats soup in Rio", "", " ", "Rio", "in in in Ana Ana"]


def run_config(case: ConfigCase) -> None:
    """Make the pipeline, train two steps, annotate and score."""
    config = Config(copy.deepcopy(case.config))
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    if case.labels is not None:
        nlp.config["initialize"]["components"]["multitask"] = {"labels": case.labels}
    optimizer = nlp.initialize(lambda: examples_for(nlp))
    for _ in range(2):
        losses = update(nlp, examples_for(nlp), optimizer)
        require(all(math.isfinite(loss) for loss in losses.values()), f"losses {losses}")
    _check_parameters(nlp)
    _check_annotated(nlp, list(nlp.pipe([doc for doc in map(nlp.make_doc, TEXTS)])), TEXTS)
    _check_scores(nlp.evaluate(examples_for(nlp)))


@cache
def _pipeline() -> tuple[Language, Any]:
    nlp = trained()
    return nlp, nlp.resume_training()


def run_docs(cases: Sequence[DocCase]) -> None:
    """Train a step, annotate and score documents."""
    nlp, optimizer = _pipeline()
    optimizer.learn_rate = 0.01
    try:
        examples = [make_example(nlp, case) for case in cases]
        heads = head_bytes(nlp)
        losses = update(nlp, examples, optimizer)
        require(all(math.isfinite(loss) for loss in losses.values()), f"losses {losses}")
        _check_parameters(nlp)
        for name, head in head_bytes(nlp).items():
            labelled = any(_says(example.reference, name) for example in examples)
            require(labelled or head == heads[name], f"'{name}' moved without labels")
        docs = [example.predicted.copy() for example in examples]
        texts = [doc.text for doc in docs]
        _check_annotated(nlp, list(nlp.pipe(docs)), texts)
        _check_scores(nlp.evaluate(examples))
    except ValueError:  # refused before anything moved
        raise
    except BaseException:
        _pipeline.cache_clear()  # what a case has broken is not the next one's
        raise


def make_example(nlp: Language, case: DocCase) -> Example:
    """The example that a case describes."""
    layers: dict[str, Any] = {"tags": case.tags, "morphs": case.morphs}
    reference = Doc(nlp.vocab, words=case.words, spaces=case.spaces, **layers)
    if case.iob is not None:
        _set_iob(reference, case.iob)
    if case.spans is not None:
        for key in ("things", "nested"):
            reference.spans[key] = [Span(reference, *span) for span in case.spans]
    reference.cats = dict(case.cats)
    words = case.predicted
    predicted = bare(reference) if words is None else Doc(nlp.vocab, words=words)
    if case.preset is not None and case.predicted is None:
        _set_iob(predicted, case.preset)
    example = Example(predicted, reference)
    if case.known is not None:
        mark(example, "corpus", 0, case.known)
    return example


def _set_iob(doc: Doc, iob: Sequence[tuple[int, str]]) -> None:
    rows = [(state, doc.vocab.strings.add(label) if label else 0) for state, label in iob]
    array: Any = np.asarray(rows, dtype="uint64").reshape(-1, 2)
    doc.from_array(["ENT_IOB", "ENT_TYPE"], array)


def _says(doc: Doc, task: str) -> bool:
    """Whether a document has any of the annotation that a task learns from."""
    if task == "tagger":
        return bool(doc.to_array("TAG").any())
    if task == "morph":
        return bool(doc.to_array("MORPH").any())
    if task == "ner":
        return bool(doc.to_array("ENT_IOB").any())
    if task in ("things", "nested"):
        return task in doc.spans
    return any(key in TASKS[task].labels for key in doc.cats)


def head_bytes(nlp: Language) -> dict[str, bytes]:
    """Every head's parameters, by task."""
    component = multitask(nlp)
    return {name: component.model.get_ref(f"head:{name}").to_bytes() for name in component.tasks}


def _check_parameters(nlp: Language) -> None:
    models: dict[str, Any] = {name: getattr(pipe, "model", None) for name, pipe in nlp.pipeline}
    for name, model in models.items():
        for node in model.walk():
            for param in node.param_names:
                if node.has_param(param):
                    require(np.isfinite(node.get_param(param)).all(), f"{param} of {name}")


def _check_annotated(nlp: Language, docs: Sequence[Doc], texts: Sequence[str]) -> None:
    require([doc.text for doc in docs] == list(texts), "other documents, or another order")
    groups = [task for task in multitask(nlp).tasks.values() if isinstance(task, TextCat)]
    for doc in docs:
        _check_spans(doc, doc.ents, True)
        for key, spans in doc.spans.items():
            _check_spans(doc, list(spans), key != "nested")
        for task in groups:
            values = [doc.cats[label] for label in task.labels]
            require(all(0 <= value <= 1 for value in values), f"class scores {values}")
            if task.exclusive:
                require(abs(sum(values) - 1) < 1e-4, f"'{task.name}' sums to {sum(values)}")


def _check_spans(doc: Doc, spans: Sequence[Span], flat: bool) -> None:
    end = 0
    for span in sorted(spans, key=lambda span: span.start):
        require(0 <= span.start < span.end <= len(doc), f"{span.start}:{span.end} of {len(doc)}")
        require(span.label, "a span without a label")
        require(not flat or span.start >= end, "spans overlap")
        end = span.end


def _check_scores(scores: dict[str, Any]) -> None:
    for key, value in scores.items():
        if isinstance(value, float) and key != "speed":
            require(math.isfinite(value) and 0 <= value <= 1 + 1e-9, f"{key} = {value}")


@cache
def _vocabulary() -> Language:
    return spacy.blank("xx")


def begin_anew() -> None:
    """Forget pipelines that cases share, whose vocabularies keep every string they have met."""
    _vocabulary.cache_clear()
    _pipeline.cache_clear()


def run_file(case: FileCase) -> None:
    """Convert a file; what is written must be read again as valid documents."""
    nlp = _vocabulary()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / case.name, Path(folder) / "out.spacy"
        source.write_bytes(case.data)
        try:
            conversion = convert_file(source, target, nlp, **case.options)
        except Exception:
            require(not target.exists(), "a file although there was an error")
            raise
        docs = list(DocBin().from_disk(target).get_docs(nlp.vocab))
        require(sorted(Path(folder).iterdir()) == sorted([source, target]), "other files")
    require(len(docs) == conversion.docs > 0, f"{len(docs)} documents, not {conversion.docs}")
    for doc in docs:
        require(len(doc), "an empty document")
        _check_spans(doc, doc.ents, True)
        for spans in doc.spans.values():
            _check_spans(doc, list(spans), False)
        require(all(0 <= value <= 1 for value in doc.cats.values()), f"cats {doc.cats}")
        require("\x00" not in doc.text and doc.text.encode(), "unreadable text")
    if case.texts is not None:
        texts = [doc.text for doc in docs]
        require(texts == case.texts and not conversion.errors, f"{texts}, not {case.texts}")


def run_stored(case: StoredCase) -> None:
    """Read a `.spacy` file in the ways of `inspect` and of `compare`."""
    nlp = _vocabulary()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.spacy"
        path.write_bytes(case.data)
        coverage = measure(path)
        examples = list(gold_token_examples(path, nlp))
    require(coverage.docs == len(examples), f"{coverage.docs} documents, then {len(examples)}")
    for example in examples:
        _check_spans(example.reference, example.reference.ents, True)
        require(all(0 <= value <= 1 for value in example.reference.cats.values()), "cats")


@cache
def saved_model() -> Path:
    """The folder of a trained pipeline, for all cases."""
    folder = Path(tempfile.mkdtemp(prefix="spacy_mtl_robustness_"))
    trained().to_disk(folder)
    return folder


@cache
def _annotated() -> list[Any]:
    return _annotations(spacy.load(saved_model()))


def run_model(case: ModelCase) -> None:
    """Load a saved model after it was damaged; if that goes, it must annotate as before."""
    expected = _annotated()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        shutil.copytree(saved_model(), path)
        damage(path, case)
        found = _annotations(spacy.load(path))
    require(found == expected, "other annotation than before the damage")


def damage(path: Path, case: ModelCase) -> None:
    """Do to a saved model what the case says."""
    file = path / case.file
    if case.how == "missing":
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    elif case.how == "cut":
        data = file.read_bytes()
        file.write_bytes(data[: int(len(data) * case.value)])
    elif case.how == "bytes":
        file.write_bytes(case.value)
    elif case.how == "swap":
        file.write_bytes((path / case.value).read_bytes())
    elif case.how == "labels":
        labels = json.loads(file.read_text())
        _edit(labels["labels"], case.value)
        file.write_text(json.dumps(labels))
    elif case.how == "tasks":
        config = Config().from_disk(file, interpolate=False)
        _edit(config["components"]["multitask"]["tasks"], case.value)
        config.to_disk(file)
    elif case.how == "version":
        meta = json.loads(file.read_text())
        file.write_text(json.dumps({**meta, "spacy_version": case.value, "version": case.value}))


def _edit(by_task: dict[str, Any], edit: tuple[str, str, Any]) -> None:
    how, task, odd = edit
    if how == "odd":
        by_task[task] = odd
    elif how == "out" and isinstance(by_task[task], list):
        by_task[task] = by_task[task][:-1]
    elif how == "out":
        del by_task[task]
    elif isinstance(by_task[task], list):
        by_task[task] = [*by_task[task], "more"]
    else:
        by_task["more"] = {"@mtl_tasks": "spacy_mtl.NER.v1", "spans_key": "more"}


def _annotations(nlp: Language) -> list[Any]:
    return [
        (
            [(token.tag_, str(token.morph)) for token in doc],
            [(ent.start, ent.end, ent.label_) for ent in doc.ents],
            [(s.start, s.end, s.label_) for group in doc.spans.values() for s in group],
            {key: round(value, 4) for key, value in doc.cats.items()},
        )
        for doc in nlp.pipe(TEXTS)
    ]
