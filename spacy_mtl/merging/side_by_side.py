"""One pipeline with the components of several, each as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spacy.language import Language

from ..errors import MTLError
from ..pipeline.component import MultiTask
from .fitting import check_fitting, made_of

Names = Mapping[str, str]


def merged(pipelines: Mapping[str, Language]) -> Language:
    """A pipeline that does what all of these do, in their order.

    Components keep their names; of a name that was there before, a number is put behind it, and
    what listens to the component follows. The settings of training are those of the first.

    pipelines: trained, by what messages call them.
    RAISES (MTLError): If languages, tokenizers or vectors differ, or two write the same.
    """
    check_fitting(pipelines)
    _check_writers(pipelines)
    each = list(pipelines.values())
    names = list(_names(each))
    config = each[0].config.copy()
    config["components"] = {
        own[name]: _renamed(nlp.config.interpolate()["components"][name], _upstreams(nlp, own))
        for nlp, own in zip(each, names, strict=True)
        for name in nlp.component_names
    }
    config["nlp"]["pipeline"] = list(config["components"])
    config["nlp"]["disabled"] = [
        own[name] for nlp, own in zip(each, names, strict=True) for name in nlp.disabled
    ]
    for setting in ("frozen_components", "annotating_components"):
        config["training"][setting] = []
    config["training"]["score_weights"] = {}
    config["initialize"]["components"] = {}
    found = made_of(config, each)
    for nlp, own in zip(each, names, strict=True):
        for name, pipe in nlp.components:
            target: Any = found.get_pipe(own[name])
            if hasattr(pipe, "to_bytes"):
                target.from_bytes(pipe.to_bytes(exclude=["vocab"]), exclude=["vocab"])
    return found


def _names(pipelines: Sequence[Language]) -> Iterator[Names]:
    """Of each pipeline, the new names of its components."""
    taken: set[str] = set()
    for nlp in pipelines:
        own = {}
        for name in nlp.component_names:
            new, number = name, 2
            while new in taken:
                new, number = f"{name}_{number}", number + 1
            taken.add(new)
            own[name] = new
        yield own


def _upstreams(nlp: Language, own: Names) -> Names:
    """What the listeners in a pipeline are to listen to, by what they listen to now."""
    encoders = [name for name, pipe in nlp.components if getattr(pipe, "listeners", None)]
    found = {name: own[name] for name in encoders}
    if len(encoders) == 1:
        found["*"] = own[encoders[0]]
    elif encoders and "*" in _listened(nlp.config["components"]):
        raise MTLError(
            f'Expected listeners that name their encoder, got `upstream = "*"` beside '
            f"{', '.join(encoders)}. Set `upstream` in the pipeline's config to the one it hears."
        )
    return found


def _listened(block: Any) -> set[str]:
    if not isinstance(block, dict):
        return set()
    own = {str(block["upstream"])} if "upstream" in block else set()
    return own.union(*map(_listened, block.values()))


def _renamed(block: Any, upstreams: Names) -> Any:
    """A component's block with the new names of encoders."""
    if not isinstance(block, dict):
        return block
    found = {key: _renamed(value, upstreams) for key, value in block.items()}
    for key in ("upstream", "upstream_name"):
        if key in found:
            found[key] = upstreams.get(found[key], found[key])
    return found


def _check_writers(pipelines: Mapping[str, Language]) -> None:
    """RAISES (MTLError): If components of two pipelines write the same."""
    writers: dict[str, str] = {}
    for title, nlp in pipelines.items():
        for written in written_by(nlp):
            other = writers.setdefault(written, title)
            if other != title:
                raise MTLError(
                    f"Expected pipelines that write different annotation, got {written} from "
                    f"{other} and from {title}. Take that component or task out of one of them; "
                    "for several pipelines of the same tasks there is --ensemble."
                )


def written_by(nlp: Language) -> set[str]:
    """What a pipeline's components write, as spaCy names it; of classes and spans each key."""
    found: set[str] = set()
    for name, pipe in nlp.pipeline:
        if isinstance(pipe, MultiTask):
            for key, task in pipe.output_tasks.items():
                own = set(task.assigns)
                if "doc.cats" in own:
                    own.remove("doc.cats")
                    own |= {f"doc.cats[{label!r}]" for label in pipe.labels_for(key)}
                found |= own
        else:
            own = set(nlp.get_pipe_meta(name).assigns) - {"doc.tensor", "doc._.trf_data"}
            if "doc.cats" in own and (labels := getattr(pipe, "labels", ())):
                own = own - {"doc.cats"} | {f"doc.cats[{label!r}]" for label in labels}
            if "doc.spans" in own and (group := getattr(pipe, "key", None)):
                own = own - {"doc.spans"} | {f"doc.spans[{group!r}]"}
            found |= own
    return found
