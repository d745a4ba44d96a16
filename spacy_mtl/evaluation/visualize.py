"""One HTML page of annotated documents: entities, tags, class scores, and all other layers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from spacy import displacy
from spacy.tokens import Doc, Span

from ..layers import AnnotationLayer
from ..layers.cats import classes_of

DRAWN = ("tag", "pos", "ents", "cats")  # layers in a way of their own, always
_TREES, _SENTENCES = "dep", "sents"  # the same, if they are asked for
_ARCS = {"compact": True, "distance": 100, "offset_x": 40, "word_spacing": 30, "bg": "transparent"}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; }}
body {{ padding: 0 1rem; }}
article {{ border-top: 1px solid #8886; padding: 1rem 0; }}
.entities {{ line-height: 2.2; }}
mark.entity {{ color: #111; }}
.tags {{ display: flex; flex-wrap: wrap; gap: .3rem .7rem; font-size: .85rem; margin: .5rem 0; }}
.tags span {{ display: inline-flex; flex-direction: column; }}
.tags small {{ opacity: .7; }}
.classes {{ display: flex; flex-wrap: wrap; gap: .5rem 2rem; }}
table {{ border-collapse: collapse; font-size: .85rem; align-self: start; }}
caption {{ text-align: left; opacity: .7; }}
td {{ padding: 0 .6rem 0 0; }}
meter {{ width: 8rem; }}
details {{ font-size: .85rem; margin: .3rem 0; overflow-x: auto; }}
.sentences {{ font-size: .85rem; padding-left: 1.5rem; }}
dl {{ font-size: .85rem; margin: .5rem 0; overflow-wrap: anywhere; }}
dt {{ opacity: .7; }}
dd {{ margin: 0 0 .3rem 0; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{summary}</p>
{articles}
</body>
</html>
"""


def render_page(docs: Iterable[Doc], title: str, layers: Iterable[AnnotationLayer] = ()) -> str:
    """A self-contained page; texts and labels are escaped, nothing is loaded from elsewhere.

    layers: to show, too, where a document has them; those in `DRAWN` are shown anyway.
    """
    others = [layer for layer in layers if layer.name not in DRAWN]
    articles = [_article(doc, others) for doc in docs]
    summary = f"{len(articles)} documents, as the pipeline annotates them."
    return _PAGE.format(title=escape(title), summary=escape(summary), articles="\n".join(articles))


def render_spans(
    text: str, spans: Iterable[dict[str, Any]], template: str = "", direction: str = "ltr"
) -> str:
    """displaCy's markup of a text in which spans that do not overlap are marked; all is escaped.

    spans: "start" and "end" in characters, "label", and "params" of the template.
    template: in place of displaCy's own. direction: of the text, "ltr" or "rtl".
    """
    # displaCy escapes the text, and not the labels.
    escaped = [{**span, "label": escape(span["label"])} for span in spans]
    parsed = {"text": text, "ents": escaped, "settings": {"direction": direction}}
    options = {"template": template} if template else {}
    rendered: str = displacy.render(
        parsed, style="ent", manual=True, page=False, jupyter=False, options=options
    )
    return rendered


def _article(doc: Doc, layers: Sequence[AnnotationLayer]) -> str:
    names = {layer.name for layer in layers}
    layers = [layer for layer in layers if layer.name not in (_TREES, _SENTENCES)]
    by_token = [layer for layer in layers if layer.by_token]
    others = [layer for layer in layers if not layer.by_token]
    parts = [_entities(doc), _tags(doc, by_token), _others(doc, others), _classes(doc)]
    if _TREES in names and doc.has_annotation("DEP"):
        parts += [_tree(sent) for sent in doc.sents]
    elif _SENTENCES in names and doc.has_annotation("SENT_START"):
        items = "".join(f"<li>{escape(sent.text)}</li>" for sent in doc.sents)
        parts.append(f'<ol class="sentences">{items}</ol>')
    return "\n".join(["<article>", *filter(None, parts), "</article>"])


def _tree(sent: Span) -> str:
    """displaCy's arcs of a sentence, to be opened."""
    words = [{"text": token.text, "tag": escape(token.pos_ or token.tag_)} for token in sent]
    arcs = []
    for token in sent:
        ends = sorted((token.i - sent.start, token.head.i - sent.start))
        if ends[0] < ends[1]:
            direction = "left" if token.head.i > token.i else "right"
            label = escape(token.dep_)
            arcs.append({"start": ends[0], "end": ends[1], "label": label, "dir": direction})
    drawn: str = displacy.render(
        {"words": words, "arcs": arcs, "settings": {}},
        style="dep",
        manual=True,
        page=False,
        jupyter=False,
        options={**_ARCS, "color": "currentcolor"},
    )
    return f"<details><summary>{escape(sent.text)}</summary>{drawn}</details>"


def _entities(doc: Doc) -> str:
    return render_spans(
        doc.text,
        [{"start": ent.start_char, "end": ent.end_char, "label": ent.label_} for ent in doc.ents],
    )


def _tags(doc: Doc, layers: Sequence[AnnotationLayer]) -> str:
    """Under each token its tag, and what other layers say of it."""
    rows = [[token.tag_ or token.pos_ or None for token in doc]]
    titles = ["tags"]
    for layer in layers:
        if (values := layer.to_json(doc)) is not None:
            rows.append([_written(value) for value in values])
            titles.append(layer.title)
    cells = []
    for token, values in zip(doc, zip(*rows, strict=True), strict=True):
        lines = [
            f'<small title="{escape(title)}">{escape(value)}</small>'
            for title, value in zip(titles, values, strict=True)
            if value is not None
        ]
        if lines:
            cells.append(f"<span>{escape(token.text)}{''.join(lines)}</span>")
    return f'<div class="tags">{"".join(cells)}</div>' if cells else ""


def _others(doc: Doc, layers: Sequence[AnnotationLayer]) -> str:
    """What layers of the document say of it, as JSON."""
    found = [(layer.title, _written(layer.to_json(doc))) for layer in layers]
    items = "".join(
        f"<dt>{escape(title)}</dt><dd>{escape(value)}</dd>"
        for title, value in found
        if value is not None
    )
    return f"<dl>{items}</dl>" if items else ""


def _written(value: Any) -> str | None:
    """A value as JSON, text as it is; None for a missing one."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.4g}"
    return json.dumps(value, ensure_ascii=False, default=str)


def _classes(doc: Doc) -> str:
    """A table for each group of classes, which are those with the same NAME= before them."""
    groups: dict[str, list[tuple[str, float]]] = {}
    for label, score in sorted(classes_of(doc).items(), key=lambda item: -item[1]):
        name, equals, value = label.partition("=")
        groups.setdefault(name if equals else "", []).append((value if equals else label, score))
    tables = "".join(_class_table(name, groups[name]) for name in sorted(groups))
    return f'<div class="classes">{tables}</div>' if tables else ""


def _class_table(name: str, classes: list[tuple[str, float]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(label)}</td><td>"
        f'<meter min="0" max="1" value="{score:.3f}">{score:.2f}</meter></td>'
        f"<td>{score:.2f}</td></tr>"
        for label, score in classes
    )
    return f"<table><caption>{escape(name)}</caption>{rows}</table>"
