"""Labels that spaCy's entity recognizer learns of in the middle of a training.

Where it meets one that it does not have, it grows its output by a layer of another id. So the
actions that it has, and those that it has not seen yet, belong to the state of a training.
"""

from __future__ import annotations

from typing import Any

from spacy.language import Language
from spacy.pipeline import DependencyParser, EntityRecognizer
from thinc.api import Model

from ..errors import MTLError


class OutputLayers:
    """The layers at the output of spaCy's transition-based components, also those outgrown."""

    def __init__(self, nlp: Language) -> None:
        self._nlp = nlp
        self._noted: set[int] = set()
        self.note()

    def note(self) -> None:
        """Note those of the pipeline as it is: after each step, that none be missed."""
        self._noted |= self._present()

    def outgrown(self) -> set[int]:
        """The ids of those that the pipeline had, and has no more."""
        return self._noted - self._present()

    def _present(self) -> set[int]:
        return {
            layer.id for parser in _parsers(self._nlp).values() for layer in parser.model.layers
        }


def transition_labels(nlp: Language) -> dict[str, Any]:
    """Of each transition-based component its actions, and the numbers of those not yet seen."""
    return {
        name: {"actions": _actions(parser), "unseen": sorted(parser.model.attrs["unseen_classes"])}
        for name, parser in _parsers(nlp).items()
    }


def load_transition_labels(nlp: Language, document: dict[str, Any]) -> None:
    """Let the components grow to what `transition_labels` gave, in the same order.

    RAISES (MTLError): If their labels at the beginning are others.
    """
    for name, parser in _parsers(nlp).items():
        actions, present = document[name]["actions"], _actions(parser)
        if actions[: len(present)] == present:
            for action in actions[len(present) :]:
                parser.add_label(action.partition("-")[2])
        if actions != _actions(parser):
            raise MTLError(
                f"Expected '{name}' to have the labels that it had when the training began, got "
                "others. Go on with the code and the data that it was begun with."
            )
        parser.model.attrs["unseen_classes"] = set(document[name]["unseen"])


def _actions(parser: Any) -> list[str]:
    moves = parser.moves
    return [moves.get_class_name(number) for number in range(moves.n_moves)]


def _parsers(nlp: Language) -> dict[str, Any]:
    """spaCy's transition-based components, by name."""
    components: list[tuple[str, Any]] = list(nlp.components)
    return {
        name: pipe
        for name, pipe in components
        if isinstance(pipe, (DependencyParser, EntityRecognizer))
        and isinstance(pipe.model, Model)
        and "unseen_classes" in pipe.model.attrs
    }
