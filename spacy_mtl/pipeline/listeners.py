"""What a listener needs from the encoder that it listens to."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from spacy.language import Language
from spacy.pipeline.tok2vec import Tok2Vec, Tok2VecListener
from spacy.tokens import Doc
from thinc.api import Model

from ..errors import MTLError


def check_upstream(nlp: Language, component: str, model: Model) -> None:
    """Check what the listeners in a component's model hear.

    Without, spaCy gives zeros in place of vectors, those of another encoder, or fails inside a
    layer.
    RAISES (MTLError): If a listener in the component's model has no encoder of its width before it,
        or another one between.
    """
    before = _names_before(nlp, component)
    encoders = {name: pipe for name, pipe in nlp.components if _hands_on(pipe)}
    for listener in _listeners(model):
        upstream = listener.upstream_name
        heard = _heard(listener, {name: encoders[name] for name in before if name in encoders})
        if not heard:
            raise MTLError(
                f"Expected before '{component}' an encoder for its listener, whose `upstream` is "
                f"'{upstream}', got {', '.join(before) or 'no component'}. Put the encoder before "
                f"it in [nlp] pipeline, or correct `upstream` in [components.{component}.model]."
            )
        for name in heard:
            _check_width(component, listener, name, encoders[name])
        _check_last(component, heard[-1], before, encoders)


def upstream_encoders(nlp: Language, component: str, model: Model) -> dict[str, Any]:
    """By name, the encoders that listeners in a model of a component hear: the last before it of
    those that they name."""
    before = {n: nlp.get_pipe(n) for n in _names_before(nlp, component)}
    before = {name: pipe for name, pipe in before.items() if _hands_on(pipe)}
    heard = (_heard(listener, before)[-1:] for listener in _listeners(model))
    return {name: before[name] for names in heard for name in names}


def copy_with_encoders(
    nlp: Language, component: str, model: Model, shared: Iterable[Model] = ()
) -> Model:
    """A copy of a component's model with copies of encoders in place of the listeners to them, as
    `nlp.replace_listeners` would put them; layers keep their numbers, by which optimizers know
    them. Listeners to the same encoder share its copy, as they share the encoder.

    shared: layers that are not copied: they are in both models.
    """
    copies: dict[int, Any] = {id(layer): layer for layer in shared}
    for upstream in upstream_encoders(nlp, component, model).values():
        encoder = deepcopy(upstream.model)
        replace = encoder.attrs.get("replace_listener")
        for listener in upstream.listener_map.get(component, ()):
            given = (encoder, listener, upstream)
            copies[id(listener)] = (
                encoder
                if replace is None
                else replace(*given[: len(inspect.signature(replace).parameters)])
            )
    return deepcopy(model, copies)


def _names_before(nlp: Language, component: str) -> list[str]:
    names = nlp.component_names
    return names[: names.index(component)] if component in names else names


def _heard(listener: Any, encoders: Mapping[str, Any]) -> list[str]:
    """Those that a listener names; if it names all ("*"), those of its kind if there are any."""
    named = [name for name in encoders if listener.upstream_name in ("*", name)]
    of_tok2vec = isinstance(listener, Tok2VecListener)
    return [n for n in named if isinstance(encoders[n], Tok2Vec) == of_tok2vec] or named


def _hands_on(pipe: Any) -> bool:
    """Whether other components can listen to it."""
    return hasattr(pipe, "listener_map")


def check_vectors(model: Model, component: str, docs: Sequence[Doc]) -> None:
    """RAISES (MTLError): If documents come without the vectors of the encoder to listen to."""
    for listener in _listeners(model):
        if any(len(doc) and not _has_vectors(doc, listener) for doc in docs):
            upstream: str = listener.upstream_name
            named = "an encoder" if upstream == "*" else f"the encoder '{upstream}'"
            usual = "tok2vec" if isinstance(listener, Tok2VecListener) else "transformer"
            listed = [usual if upstream == "*" else upstream, component]
            raise MTLError(
                f"Expected documents with the token vectors of {named} that '{component}' listens "
                "to, got one without. Run the encoder before it, and do not disable or exclude "
                f"it. If '{component}' is among the `annotating_components` of [training], its "
                f"encoder must be there too: annotating_components = {json.dumps(listed)}"
            )


def _listeners(model: Model) -> Iterator[Any]:
    return (node for node in model.walk() if hasattr(node, "upstream_name"))


def _has_vectors(doc: Doc, listener: Any) -> bool:
    """Whether the encoder of a listener has run on the document, spaCy's or a transformer."""
    if isinstance(listener, Tok2VecListener):
        return bool(doc.tensor.size)
    return not Doc.has_extension("trf_data") or doc._.trf_data is not None


def _check_last(component: str, heard: str, before: Sequence[str], encoders: Any) -> None:
    """RAISES (MTLError): If what the encoder hands on is written over before the component."""
    own = encoders[heard]
    for name in before[before.index(heard) + 1 :]:
        other = encoders.get(name)
        both_tensors = isinstance(own, Tok2Vec) and isinstance(other, Tok2Vec)
        if both_tensors or type(own) is type(other):
            raise MTLError(
                f"Expected no encoder between '{heard}' and '{component}', which listens to it, "
                f"got '{name}': both write their vectors to the same place of a Doc, where "
                f"prediction finds them. Put '{component}' before '{name}' in [nlp] pipeline."
            )


def _check_width(component: str, listener: Model, name: str, encoder: Any) -> None:
    model = encoder.model
    widths = [node.get_dim("nO") if node.has_dim("nO") else None for node in (listener, model)]
    if None not in widths and widths[0] != widths[1]:
        raise MTLError(
            f"Expected the listener of '{component}' to have the width of '{name}', {widths[1]}, "
            f"got {widths[0]}. Correct `width` in [components.{component}.model]."
        )
