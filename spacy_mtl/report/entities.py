"""The section about entities: found, missed and wrong ones in their texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from spacy.tokens import Doc

from ..evaluation.visualize import render_spans
from ..tasks.capable import Located
from ..tasks.span_scores import Triple
from ..wording import counted, printable
from .content import Document, Section
from .material import Material

FOUND, MISSED, LABEL, BORDERS, EXTRA = "found", "missed", "label", "borders", "extra"
KINDS = {
    FOUND: "found",
    MISSED: "missed",
    LABEL: "wrong label",
    BORDERS: "wrong borders",
    EXTRA: "extra",
}
_SIGNS = {FOUND: "✓", MISSED: "○ missed", LABEL: "✗", BORDERS: "✗", EXTRA: "+"}
_LEGEND = {
    FOUND: "✓ found",
    MISSED: "○ missed",
    LABEL: "✗ wrong label: predicted → gold",
    BORDERS: "✗ wrong borders: predicted → gold",
    EXTRA: "+ extra, no entity there",
}
# displaCy fills in what is in braces; the kind is one of ours, all else is escaped before.
_MARK = (
    '<mark class="{kind}">{text}<span class="tag">'
    '<span class="hidden">{said}: </span>{label}</span></mark>'
)

_LONGEST, _BEFORE = 150, 30  # tokens of a document that are shown, and before its first mistake


@dataclass(frozen=True)
class Marked:
    """A stretch of tokens with gold entities, predicted ones or both. kind: one of `KINDS`."""

    start: int
    end: int
    kind: str
    label: str


def entity_section(material: Material, most: int) -> Section:
    """Documents of the first seed, those with mistakes first."""
    title = "Entities in context"
    tasks = [name for name, task in material.tasks.items() if isinstance(task, Located)]
    if not tasks:
        return Section("entities", title, ["The config has no task that finds entities."])
    seen = list(_documents(material, tasks))
    counts = Counter(each.kind for _, _, marked in seen for each in marked)
    seen.sort(key=lambda found: all(each.kind == FOUND for each in found[2]))
    shown = [_document(*found, material) for found in seen[:most]]
    intro = [
        f"The joint pipeline with seed {material.results.full.seeds[0]} on the test documents: "
        + ", ".join(f"{counts[kind]:,} {text}" for kind, text in KINDS.items())
        + f". Shown {'is' if len(shown) == 1 else 'are'} "
        f"{counted(len(shown), 'document')} of {len(seen):,} with entities, those with "
        f"mistakes first{'' if len(tasks) == 1 else '; one counts anew for each task'}."
    ]
    return Section("entities", title, intro, documents=shown, legend=list(_LEGEND.items()))


def _documents(material: Material, tasks: Sequence[str]) -> Iterator[tuple[str, Doc, list[Marked]]]:
    """Those with entities, of each task that finds some, with a name."""
    spans = {name: material.judged(material.joint, name)[0].spans or () for name in tasks}
    for n, doc in enumerate(material.gold):
        for name, of_docs in spans.items():
            if marked := compare_spans(doc, *of_docs[n]):
                where = f"Document {n + 1}" if len(tasks) == 1 else f"Document {n + 1}, {name}"
                yield where, doc, marked


def compare_spans(doc: Doc, gold: Iterable[Triple], guess: Iterable[Triple]) -> list[Marked]:
    """What overlaps is one stretch of the document, with the labels of all that is in it."""
    marked = []
    for golds, guesses in _stretches(set(gold), set(guess)):
        start = min(span[1] for span in (*golds, *guesses))
        end = max(span[2] for span in (*golds, *guesses))
        says = ", ".join(_said(doc, span, start, end) for span in guesses)
        should = ", ".join(_said(doc, span, start, end) for span in golds)
        if golds == guesses:
            marked.append(Marked(start, end, FOUND, says))
        elif not guesses:
            marked.append(Marked(start, end, MISSED, should))
        elif not golds:
            marked.append(Marked(start, end, EXTRA, says))
        else:
            same = [span[1:] for span in golds] == [span[1:] for span in guesses]
            label = f"{says} \N{RIGHTWARDS ARROW} {should}"
            marked.append(Marked(start, end, LABEL if same else BORDERS, label))
    return marked


def _stretches(
    gold: set[Triple], guess: set[Triple]
) -> Iterator[tuple[list[Triple], list[Triple]]]:
    """Gold and predicted spans that overlap, in the order of the text."""
    sides: tuple[list[Triple], list[Triple]] = ([], [])
    end = -1
    spans = [
        (span[1], span[2], span[0], side)
        for side, them in enumerate((gold, guess))
        for span in them
    ]
    for start, stop, label, side in sorted(spans):
        if start >= end and (sides[0] or sides[1]):
            yield sides
            sides = ([], [])
        end = max(end, stop)
        sides[side].append((label, start, stop))
    if sides[0] or sides[1]:
        yield sides


def _said(doc: Doc, span: Triple, start: int, end: int) -> str:
    """The label, and the text that has it where that is not the whole stretch."""
    label, first, after = span
    whole = (first, after) == (start, end)
    return label if whole else f"{label} “{doc[first:after].text}”"


def _document(where: str, doc: Doc, marked: Sequence[Marked], material: Material) -> Document:
    """The document, of a long one a part with its first mistake."""
    start, end = excerpt(len(doc), marked)
    if end - start < len(doc):
        where = f"{where}, tokens {start + 1:,} to {end:,} of {len(doc):,}"
    part = doc[start:end]
    spans = [
        {
            "start": doc[each.start].idx - part.start_char,
            "end": doc[each.end - 1].idx + len(doc[each.end - 1]) - part.start_char,
            "label": f"{_SIGNS[each.kind]} {printable(each.label)}",
            "params": {"kind": each.kind, "said": KINDS[each.kind]},
        }
        for each in marked
        if start <= each.start and each.end <= end
    ]
    text = printable(part.text)
    return Document(where, render_spans(text, spans, _MARK, material.direction))


def excerpt(n_tokens: int, marked: Sequence[Marked]) -> tuple[int, int]:
    """The first token that is shown of a document and the one after the last."""
    if n_tokens <= _LONGEST:
        return 0, n_tokens
    first = next((each for each in marked if each.kind != FOUND), marked[0])
    start = min(max(0, first.start - _BEFORE), n_tokens - _LONGEST)
    return start, max(start + _LONGEST, first.end)
