"""What `spacy mtl init-config` writes for a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thinc.api import Config

from spacy_mtl.configs.proposal import propose
from spacy_mtl.corpora.coverage import measure

from .corpora import BenchmarkCorpus

EVERYDAY = ("lemma", "dep", "sents")


def proposed(
    corpus: BenchmarkCorpus,
    overrides: Mapping[str, Any],
    transformer: str | None = None,
    everything: bool = False,
) -> Config:
    """The config of `init-config` for a corpus, read on its own tokens.

    transformer: the folder of its weights, as `--transformer` has it. everything: with the tasks
    of lemmas, parses and sentences too, which `--tasks` leaves out otherwise.
    """
    files = [measure(file) for file in sorted(set(corpus.train.values()))]
    dev = measure(corpus.dev)
    found = propose(files, dev, transformer=transformer)
    if not everything:
        names = [task.name for task in found.tasks if task.layer.kind not in EVERYDAY]
        found = propose(files, dev, transformer=transformer, names=names)
    config = found.config
    for reader in _readers(config["corpora"]):
        reader["@readers"] = "spacy_mtl.GoldTokenCorpus.v1"
        reader.pop("gold_preproc")
    return Config().from_str(config.to_str(), interpolate=False, overrides=dict(overrides))


def _readers(block: Any) -> list[dict[str, Any]]:
    """The blocks of spaCy's reader, at any depth."""
    if not isinstance(block, dict):
        return []
    if block.get("@readers") == "spacy.Corpus.v1":
        return [block]
    return [reader for inner in block.values() for reader in _readers(inner)]
