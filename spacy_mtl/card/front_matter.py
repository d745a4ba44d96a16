"""What Hugging Face reads of a card: YAML at its beginning."""

from __future__ import annotations

from typing import Any

import srsly

from ..layers import layer_named
from .evaluate import Evaluation, TaskEvaluation

MULTILINGUAL = "xx"  # as spaCy calls it
_METRICS = {  # as Hugging Face calls them
    "F": "f1",
    "macro F": "f1",
    "mean absolute error": "mae",
    "mean squared error": "mse",
    "root mean squared error": "rmse",
    "Spearman's rho": "spearmanr",
    "BLEU": "bleu",
    "exact match": "exact_match",
}


def front_matter(meta: dict[str, Any], name: str, tested: Evaluation) -> str:
    """Tags, language, licence and test scores, between two lines of "---".

    meta: of the pipeline. name: of the package.
    """
    lang = meta["lang"]
    content: dict[str, Any] = {
        "tags": ["spacy", *dict.fromkeys(_type(each) for each in tested.tasks)],
        "language": ["multilingual" if lang == MULTILINGUAL else lang],
    }
    if meta.get("license"):
        content["license"] = str(meta["license"]).lower().replace(" ", "-")
    results = [
        _result(each, each.score.value, tested.path.as_posix())
        for each in tested.tasks
        if each.score is not None
    ]
    content["model-index"] = [{"name": name, "results": results}]
    return f"---\n{srsly.yaml_dumps(content).strip()}\n---"


def _result(tested: TaskEvaluation, value: float, data: str) -> dict[str, Any]:
    metric = {
        "name": f"{tested.name} {tested.metric}",
        "type": _METRICS.get(tested.metric, tested.metric),
        "value": round(value, 4),
    }
    return {
        "task": {"name": tested.name, "type": _type(tested)},
        "dataset": {"name": data, "type": data},
        "metrics": [metric],
    }


def _type(tested: TaskEvaluation) -> str:
    return layer_named(tested.task.layers[0]).hub_type
