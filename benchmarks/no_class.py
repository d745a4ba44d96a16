"""Texts of no class, on `clinc150`: how they are told from others, and how many are refused.

python -m benchmarks.no_class --data DIR --cache DIR

The method is chosen on dev, with 15 classes taken out of train, that is, by documents of classes
that the pipeline has never seen. With --test, the built-in one is then measured on the test
documents and on those that are out of scope, with all classes in train. Of the in-scope
documents of dev, 5 % may be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import spacy
import typer
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from typer import Option

from spacy_mtl.corpora import read_docs
from spacy_mtl.corpora.readers import gold_token_examples
from spacy_mtl.evaluation.refusal import auroc, doubts
from spacy_mtl.evaluation.runs import Result, Run, execute
from spacy_mtl.evaluation.temperature import scored_batches
from spacy_mtl.models.packed import Packed
from spacy_mtl.models.topologies.base import head_of
from spacy_mtl.pipeline.live import multitasks
from spacy_mtl.tasks.losses import softmax
from spacy_mtl.tasks.refusal import entropy

from .class_corpora import class_of, prepare_classes
from .class_systems import OURS, config_of
from .corpora import BenchmarkCorpus, docs_of, write_docs
from .quality import DEFAULT_CACHE

CORPUS = "clinc150"
OUT_OF_SCOPE = "test_out_of_scope.jsonl"
N_HELD_OUT = 15
SHARE = 0.05  # of the in-scope documents of dev that may be refused
SHRINKAGE = 0.1  # of a covariance towards a multiple of the identity
Floats = Any  # an array of float, (n_docs, ...)

app = typer.Typer(add_completion=False)


@app.command()
def main(
    data: Annotated[Path, Option(help="Folder with the corpora")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    seeds: Annotated[
        int, Option(help="Sets of classes held out, or training seeds: 0, 1, ...")
    ] = 3,
    steps: Annotated[int, Option(help="Training steps of every run")] = 1000,
    test: Annotated[bool, Option("--test", help="Measure on test what was chosen on dev")] = False,
    jobs: Annotated[int, Option(help="Runs at once, one thread each")] = 1,
) -> None:
    """Train what is not in the cache, then print a table."""
    corpus = prepare_classes(data, cache, CORPUS)
    if test:
        runs = [_run(corpus, steps, seed) for seed in range(seeds)]
        results = execute(runs, cache, jobs=jobs, keep_models=True)
        outside = _out_of_scope(data / CORPUS / OUT_OF_SCOPE, corpus)
        _print_test([_on_test(result, corpus, outside) for result in results])
        return
    parts = [_held_out(corpus, cache, number) for number in range(seeds)]
    runs = [_run(inside, steps, 0) for inside, _ in parts]
    results = execute(runs, cache, jobs=jobs, keep_models=True)
    _print_dev([_on_dev(*each) for each in zip(results, parts, strict=True)])


def _run(corpus: BenchmarkCorpus, steps: int, seed: int) -> Run:
    return Run(
        f"{corpus.name}/no class", config_of(OURS, corpus, steps, {}), seed, str(corpus.test)
    )


# Dev


def _held_out(whole: BenchmarkCorpus, cache: Path, number: int) -> tuple[BenchmarkCorpus, Path]:
    """The corpus without some classes, drawn by a number, and the dev documents of these."""
    folder = cache / "corpora" / "classes" / f"{whole.name}-without-{number}"
    paths = {part: folder / f"{part}.spacy" for part in ("train", "dev", "outside")}
    if not all(path.exists() for path in paths.values()):
        docs = {
            part: docs_of(path) for part, path in (("train", whole.train_all), ("dev", whole.dev))
        }
        labels = sorted(docs["train"][0].cats)
        out = set(np.random.default_rng(number).choice(labels, N_HELD_OUT, replace=False).tolist())
        docs["outside"] = [doc for doc in docs["dev"] if class_of(doc) in out]
        for part in ("train", "dev"):
            docs[part] = [doc for doc in docs[part] if class_of(doc) not in out]
        for part, path in paths.items():
            write_docs([_without(doc, out) for doc in docs[part]], path)
    train, dev, outside = paths.values()
    return BenchmarkCorpus(folder.name, {"cats": train}, train, dev, dev), outside


def _without(doc: Doc, labels: set[str]) -> Doc:
    doc.cats = {label: value for label, value in doc.cats.items() if label not in labels}
    return doc


@dataclass(frozen=True)
class Seen:
    """What a head makes of documents.

    scores: (n_docs, n_classes). vectors: (n_docs, width) what the output layer of its first term
    sees, the pooled token vectors. dense, sparse: (n_docs, n_classes) the scores of this term and
    of that of n-grams. classes: (n_docs,) the gold ones, -1 for none.
    """

    scores: Floats
    vectors: Floats
    dense: Floats
    sparse: Floats
    classes: NDArray[np.int64]


def _seen(nlp: Language, path: Path) -> Seen:
    (pipe,) = multitasks(nlp).values()
    ((name, task),) = pipe.labelled_tasks.items()
    head: Any = head_of(pipe.model, name)
    rows = []
    for _, batch, scores, packed in scored_batches(nlp, gold_token_examples(path, nlp)):
        gold = [_number(task.labels, example) for example in batch]
        rows.append((scores, *_terms(head, packed), np.asarray(gold)))
    return Seen(*(np.concatenate(part) for part in zip(*rows, strict=True)))


def _number(labels: Sequence[str], example: Example) -> int:
    cats = example.reference.cats
    return labels.index(class_of(example.reference)) if max(cats.values()) >= 0.5 else -1


def _terms(head: Any, packed: Packed) -> tuple[Any, Any, Any]:
    vectors: Any = packed
    pooled, ngrams = head.layers
    for layer in pooled.layers[:-1]:
        vectors = layer.predict(vectors)
    return vectors, pooled.layers[-1].predict(vectors), ngrams.predict(packed)


def _on_dev(result: Result, corpus: tuple[BenchmarkCorpus, Path]) -> dict[str, tuple[float, float]]:
    """Of each method the AUROC and the share that is refused of documents of unseen classes."""
    nlp = spacy.load(result.model)
    train, inside, outside = (
        _seen(nlp, path) for path in (corpus[0].train_all, corpus[0].dev, corpus[1])
    )
    found = {}
    for name, method in METHODS.items():
        low, high = method(inside, train), method(outside, train)
        refused = (high > np.quantile(low, 1 - SHARE)).mean()
        found[name] = (auroc(low, high), float(refused))
    return found


def _highest(values: Floats) -> Floats:
    return -values.max(axis=1)


def _energy(scores: Floats) -> Floats:
    """Liu et al. 2020."""
    highest = scores.max(axis=1)
    return -highest - np.log(np.exp(scores - highest[:, None]).sum(axis=1))


def _centroids(vectors: Floats, train: Seen) -> Floats:
    numbers = range(train.scores.shape[1])
    return np.stack([vectors[train.classes == k].mean(axis=0) for k in numbers])


def _euclidean(seen: Seen, train: Seen) -> Floats:
    return _nearest(seen.vectors, _centroids(train.vectors, train))


def _mahalanobis(vectors: Floats, known: Floats, train: Seen) -> Floats:
    """To the nearest centroid, by the covariance within classes (Lee et al. 2018)."""
    centroids = _centroids(known, train)
    whitened = _whitening(known - centroids[train.classes])
    return _nearest(vectors @ whitened, centroids @ whitened)


def _relative_mahalanobis(vectors: Floats, known: Floats, train: Seen) -> Floats:
    """Less the distance to the mean of all, by the covariance of all (Ren et al. 2021)."""
    mean = known.mean(axis=0, keepdims=True)
    whitened = _whitening(known - mean)
    return _mahalanobis(vectors, known, train) - _nearest(vectors @ whitened, mean @ whitened)


def _nearest(vectors: Floats, centroids: Floats) -> Floats:
    """(n_docs,) the squared distance to the nearest centroid."""
    squares = (vectors**2).sum(axis=1)[:, None] + (centroids**2).sum(axis=1)
    return (squares - 2 * vectors @ centroids.T).min(axis=1)


def _whitening(spread: Floats) -> Floats:
    """By which vectors are multiplied to have the identity as covariance; shrunk."""
    exact = spread.astype("float64")
    covariance = exact.T @ exact / len(exact)
    size = np.trace(covariance) / len(covariance)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * size * np.eye(len(covariance))
    return np.linalg.cholesky(np.linalg.inv(shrunk))


# Higher for documents that fit no class.
METHODS: dict[str, Callable[[Seen, Seen], Any]] = {
    "entropy": lambda seen, _: entropy(softmax(seen.scores)),
    "entropy, without n-grams": lambda seen, _: entropy(softmax(seen.dense)),
    "entropy, n-grams alone": lambda seen, _: entropy(softmax(seen.sparse)),
    "maximum probability": lambda seen, _: _highest(softmax(seen.scores)),
    "maximum probability, T = 2": lambda seen, _: _highest(softmax(seen.scores / 2)),
    "maximum probability, without n-grams": lambda seen, _: _highest(softmax(seen.dense)),
    "maximum score": lambda seen, _: _highest(seen.scores),
    "energy": lambda seen, _: _energy(seen.scores),
    "energy, without n-grams": lambda seen, _: _energy(seen.dense),
    "energy of scores less their mean": lambda seen, _: _energy(
        seen.scores - seen.scores.mean(axis=1, keepdims=True)
    ),
    "Euclidean distance": _euclidean,
    "Mahalanobis distance": lambda seen, train: _mahalanobis(seen.vectors, train.vectors, train),
    "relative Mahalanobis distance": lambda seen, train: _relative_mahalanobis(
        seen.vectors, train.vectors, train
    ),
    "relative Mahalanobis distance of scores": lambda seen, train: _relative_mahalanobis(
        seen.scores, train.scores, train
    ),
}


def _print_dev(sets: Sequence[dict[str, tuple[float, float]]]) -> None:
    typer.echo("| method | AUROC | refused |\n|---|---|---|")
    means = {name: np.mean([found[name] for found in sets], axis=0) for name in METHODS}
    for name in sorted(means, key=lambda name: -means[name][0]):
        area, refused = means[name]
        ranges = [[found[name][i] for found in sets] for i in (0, 1)]
        typer.echo(
            f"| {name} | {area:.3f} ({min(ranges[0]):.3f} to {max(ranges[0]):.3f}) | "
            f"{refused:.1%} ({min(ranges[1]):.1%} to {max(ranges[1]):.1%}) |"
        )


# Test


def _out_of_scope(source: Path, corpus: BenchmarkCorpus) -> Path:
    """The texts of no class, as documents of which all classes are known as 0."""
    path = corpus.test.with_name("out_of_scope.spacy")
    if not path.exists():
        docs = list(read_docs(source, spacy.blank("en"), group_name="class"))
        labels = docs_of(corpus.test)[0].cats
        for doc in docs:
            doc.cats = dict.fromkeys(labels, 0.0)
        write_docs(docs, path)
    return path


def _on_test(result: Result, corpus: BenchmarkCorpus, outside: Path) -> tuple[float, ...]:
    """AUROC; what is refused of dev, test, and texts of no class; accuracy on test without and
    with refusal."""
    nlp = spacy.load(result.model)
    (on_dev,) = doubts(nlp, gold_token_examples(corpus.dev, nlp))
    on_dev.fit(SHARE)
    both = [eg for path in (corpus.test, outside) for eg in gold_token_examples(path, nlp)]
    (on_test,) = doubts(nlp, both)
    inside = list(gold_token_examples(corpus.test, nlp))
    accuracy = nlp.evaluate(inside)[f"{on_test.name}_acc"]
    shares = (on_dev.refused()[0], *on_test.refused())
    return on_test.auroc(), *shares, result.scores["cats_acc"], accuracy


def _print_test(seeds: Sequence[tuple[float, ...]]) -> None:
    typer.echo("| AUROC | refused: dev | test | no class | accuracy of test | with refusal |")
    typer.echo("|---|---|---|---|---|---|")
    for values in (*seeds, np.mean(seeds, axis=0)):
        typer.echo(f"| {values[0]:.3f} | " + " | ".join(f"{v:.1%}" for v in values[1:]) + " |")


if __name__ == "__main__":
    app()
