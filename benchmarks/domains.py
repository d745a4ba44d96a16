"""Sixteen domains of reviews, each with a task of its own: hard sharing, shared and private spaces.

python -m benchmarks.domains --data DIR --steps 4000

Error in per cent on test, as the mean over domains: of all, without MR, and of the test documents
that are not in train. `single` are sixteen pipelines of 500 steps each. With `-plain` heads have no
n-grams, which are a private space already. For spaces, how often a fresh probe finds the domain
from the shared vectors of dev documents (chance: 6 %). Published for a CNN with pretrained vectors
and the epoch chosen on test: 13.75 plain, 12.70 shared-private adversarial (Chen and Cardie 2018,
https://aclanthology.org/N18-1111).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import numpy as np
import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from typer import Option

from spacy_mtl.configs.proposal import propose
from spacy_mtl.corpora.coverage import measure
from spacy_mtl.evaluation.runs import Result, Run, execute
from spacy_mtl.models.topologies.base import represent

from .domain_corpora import FILMS, Domains, documents_of, prepare_domains
from .quality import DEFAULT_CACHE, parse_change, report
from .systems import Settings, set_value

DEPTH = 4
SINGLE_STEPS = 500
SYSTEMS = ("hard", "hard-plain", "private", "private-plain", "adversarial", "adversarial-plain")
PROBE_STEPS, PROBE_RATE = 400, 0.5


def main(
    data: Annotated[Path, Option(help="Folder with fdu_mtl/")],
    cache: Annotated[Path, Option(help="Where finished runs are kept")] = DEFAULT_CACHE,
    system: Annotated[list[str], Option(help="May be repeated; also single")] = [*SYSTEMS],  # noqa: B006
    seeds: Annotated[int, Option(help="Seeds 0, 1, ...")] = 1,
    steps: Annotated[int, Option(help="Training steps of all but single")] = 4000,
    jobs: Annotated[int, Option(help="Runs at once, one thread each")] = 1,
    dev: Annotated[bool, Option("--dev", help="Score dev in place of test, to choose by")] = False,
    change: Annotated[
        list[str], Option(metavar="PATH=JSON", help="Another setting, chosen by --dev")
    ] = [],  # noqa: B006
) -> None:
    """Train what is not in the cache, then print a table."""
    domains = prepare_domains(data, cache)
    changes = dict(parse_change(each) for each in change)
    test = domains.dev if dev else domains.test
    typer.echo("| system | steps | error | without MR | new documents | probe |")
    typer.echo("| --- | --- | --- | --- | --- | --- |")
    for name in system:
        runs = list(_runs(domains, name, seeds, steps, test, changes))
        results = execute(runs, cache, jobs=jobs, keep_models=True, on_done=report)
        typer.echo(_row(domains, name, seeds, steps, results, dev))


def _runs(
    domains: Domains, name: str, seeds: int, steps: int, test: Path, changes: Mapping[str, Any]
) -> Iterable[Run]:
    for seed in range(seeds):
        if name != "single":
            config = config_of(domains, name, steps, changes)
            yield Run(f"domains/{name}", config, seed, str(test))
            continue
        for domain in domains.names:
            config = single_config(domains, domain)
            yield Run(f"domains/{domain}", config, seed, str(test))


def config_of(domains: Domains, name: str, steps: int, changes: Mapping[str, Any]) -> Settings:
    """Of all domains together."""
    kind, _, plain = name.partition("-")
    config = _proposed(domains.train_all, domains.dev, steps)
    block = config["components"]["multitask"]
    encoder = config["components"].pop("tok2vec")["model"]
    config["nlp"]["pipeline"].remove("tok2vec")
    layer = {**encoder["encode"], "depth": 1}
    block["model"] = {"@architectures": "spacy_mtl.HardSharing.v1", "tok2vec": encoder}
    if kind != "hard":
        lower = deepcopy(encoder)
        lower["encode"]["depth"] = DEPTH - 1
        block["model"] = {
            "@architectures": "spacy_mtl.SharedPrivate.v1",
            "tok2vec": lower,
            "encode": layer,
            "reversal": 0.05 if kind == "adversarial" else 0.0,
        }
    for task in block["tasks"].values() if plain else ():
        task.update(ngram_size=0, char_ngrams=[], ngram_share=None)
    for path, value in changes.items():
        set_value(config, path.split("__"), value)
    return config


def single_config(domains: Domains, domain: str) -> Settings:
    """Of one domain, with its own part of dev."""
    return _proposed(domains.train[domain], domains.dev, SINGLE_STEPS, only=domain)


def _proposed(train: Path, dev: Path, steps: int, only: str | None = None) -> Settings:
    found = propose([measure(train)], measure(dev))
    config: Settings = found.config.copy().interpolate()
    config["training"].update(max_steps=steps, patience=0, before_update=None)
    config["training"]["eval_frequency"] = max(50, steps // 10)
    if only is not None:
        tasks = config["components"]["multitask"]["tasks"]
        config["components"]["multitask"]["tasks"] = {
            name: task for name, task in tasks.items() if name == only
        }
    return config


def _row(
    domains: Domains, name: str, seeds: int, steps: int, results: list[Result], dev: bool
) -> str:
    vocab = spacy.blank("en").vocab
    gold = documents_of(domains.dev if dev else domains.test)
    per_seed = len(results) // seeds
    means: dict[str, list[float]] = defaultdict(list)
    for seed in range(seeds):
        own = results[seed * per_seed : (seed + 1) * per_seed]
        right: dict[str, list[bool]] = defaultdict(list)
        fresh: dict[str, list[bool]] = defaultdict(list)
        for result in own:
            docs = list(DocBin().from_disk(result.predictions).get_docs(vocab))
            for number, (doc, reference) in enumerate(zip(docs, gold, strict=True)):
                domain = next(iter(reference.cats)).partition("=")[0]
                classes = {key: doc.cats[key] for key in reference.cats if key in doc.cats}
                if not classes or (name == "single" and f"domains/{domain}" != result.name):
                    continue
                is_right = reference.cats[max(classes, key=lambda key: classes[key])] > 0.5
                right[domain].append(is_right)
                if not dev and domains.new[number]:
                    fresh[domain].append(is_right)
        errors = {domain: 100 * (1 - mean(found)) for domain, found in right.items()}
        means["error"].append(mean(errors.values()))
        means["without MR"].append(mean(v for k, v in errors.items() if k != FILMS))
        if fresh:
            means["new"].append(mean(100 * (1 - mean(found)) for found in fresh.values()))
        if name.startswith(("private", "adversarial")):
            means["probe"].append(100 * probe(spacy.load(own[0].folder / "model"), domains))
    cells = [_spread(means[key]) for key in ("error", "without MR", "new", "probe")]
    return f"| {name} | {SINGLE_STEPS if name == 'single' else steps:,} | {' | '.join(cells)} |"


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    spread = f" ({min(values):.2f}–{max(values):.2f})" if len(values) > 1 else ""
    return f"{mean(values):.2f}{spread}"


def probe(nlp: Language, domains: Domains) -> float:
    """How often a linear classifier, trained on the first half of each domain's dev documents,
    finds the domain of those of the other half from the mean of their shared vectors."""
    docs = documents_of(domains.dev)
    places = [domains.names.index(next(iter(doc.cats)).partition("=")[0]) for doc in docs]
    X = np.concatenate([_shared(nlp, docs[i : i + 64]) for i in range(0, len(docs), 64)])
    X = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-6)
    y = np.asarray(places)
    half = np.arange(len(docs)) % 2 == 0
    W = np.zeros((X.shape[1] + 1, len(domains.names)))
    inputs = np.hstack([X, np.ones((len(X), 1))])
    for _ in range(PROBE_STEPS):
        P = _softmax(inputs[half] @ W)
        P[np.arange(len(P)), y[half]] -= 1
        W -= PROBE_RATE * (inputs[half].T @ P / half.sum() + 1e-3 * W)
    found = (inputs[~half] @ W).argmax(axis=1)
    return float((found == y[~half]).mean())


def _shared(nlp: Language, docs: list[Doc]) -> Any:
    component: Any = nlp.get_pipe("multitask")
    blank = [Doc(nlp.vocab, words=[token.text for token in doc]) for doc in docs]
    task = next(iter(component.tasks))
    found = represent(component.model, blank, [task], False)
    packed = found.packed[task]
    X: Any = packed.X[:, : found.shared_width]
    ends = np.cumsum(packed.lengths)[:-1]
    return np.stack([rows.mean(axis=0) for rows in np.split(X, ends)])


def _softmax(scores: Any) -> Any:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    typer.run(main)
