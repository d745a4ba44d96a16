"""One HTML page of annotated documents: entities, tags and class scores."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from spacy import displacy
from spacy.tokens import Doc

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
</style>
</head>
<body>
<h1>{title}</h1>
<p>{summary}</p>
{articles}
</body>
</html>
"""


def render_page(docs: Iterable[Doc], title: str) -> str:
    """A self-contained page; texts and labels are escaped, nothing is loaded from elsewhere."""
    articles = [_article(doc) for doc in docs]
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


def _article(doc: Doc) -> str:
    return f"<article>\n{_entities(doc)}\n{_tags(doc)}\n{_classes(doc)}\n</article>"


def _entities(doc: Doc) -> str:
    return render_spans(
        doc.text,
        [{"start": ent.start_char, "end": ent.end_char, "label": ent.label_} for ent in doc.ents],
    )


def _tags(doc: Doc) -> str:
    cells = "".join(
        f"<span>{escape(token.text)}<small>{escape(token.tag_ or token.pos_)}</small></span>"
        for token in doc
        if token.tag or token.pos
    )
    return f'<div class="tags">{cells}</div>' if cells else ""


def _classes(doc: Doc) -> str:
    """A table for each group of classes, which are those with the same NAME= before them."""
    groups: dict[str, list[tuple[str, float]]] = {}
    for label, score in sorted(doc.cats.items(), key=lambda item: -item[1]):
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
