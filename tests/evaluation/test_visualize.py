from pathlib import Path

import spacy
from pipeline.helpers import make_nlp, trained
from spacy.tokens import Doc, DocBin, Span, Token
from typer.testing import CliRunner

from spacy_mtl.cli import app
from spacy_mtl.evaluation.visualize import render_page
from spacy_mtl.layers import DocExtension, TokenExtension, table


def _doc() -> Doc:
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["<b>Ana</b>", "sings"], tags=["NNP", "V<"])
    doc.set_ents([Span(doc, 0, 1, "P&R")])
    doc.cats = {"mood=<good>": 0.75, "mood=bad": 0.25}
    return doc


def test_shows_entities_tags_and_classes() -> None:
    page = render_page([_doc()], "A title")
    assert "<title>A title</title>" in page
    assert page.count("<article>") == 1
    assert 'value="0.750"' in page and page.index("&lt;good&gt;") < page.index("<td>bad")
    assert page.count("<caption>mood</caption>") == 1
    assert '<small title="tags">NNP</small>' in page


def test_escapes_texts_and_labels() -> None:
    page = render_page([_doc()], "<script>")
    assert "<b>Ana" not in page and "&lt;b&gt;Ana" in page
    assert "P&amp;R" in page
    assert "V&lt;" in page
    assert "<script>" not in page


def test_shows_other_layers_beside_the_words_and_below() -> None:
    layers = [*table().values(), TokenExtension("far", title="<distances>"), DocExtension("whole")]
    for layer in layers[-2:]:
        layer.register()
    doc = _doc()
    assert "<dl>" not in render_page([doc], "t", layers)
    doc[1]._.far, doc._.whole = 1 / 3, [0, 1, "<i>"]
    doc[0].set_morph("Number=Sing")
    doc.spans["things"] = [Span(doc, 1, 2, "T")]
    page = render_page([doc], "t", layers)
    assert 'sings<small title="tags">V&lt;</small>' in page
    assert '<small title="&lt;distances&gt;">0.3333</small></span>' in page
    assert '<small title="morphological features">Number=Sing</small>' in page
    assert "<dt>whole</dt><dd>[0, 1, &quot;&lt;i&gt;&quot;]</dd>" in page
    assert "things" in page and "<i>" not in page
    assert page.count("<small") == 4  # a missing value takes no place
    assert "things" not in render_page([doc], "t")
    Token.remove_extension("far")
    Doc.remove_extension("whole")


def test_draws_trees() -> None:
    nlp = spacy.blank("en")
    words = ["<b>Ana</b>", "sings", "Bob", "reads"]
    doc = Doc(nlp.vocab, words, heads=[1, 1, 3, 3], deps=["su<bj", "ROOT", "nsubj", "ROOT"])
    page = render_page([doc], "t", table().values())
    assert page.count("<svg") == page.count("<details>") == 2
    assert "su&lt;bj" in page and "<b>Ana" not in page
    assert "<svg" not in render_page([doc], "t")
    assert 'class="sentences"' not in page


def test_lists_sentences_without_trees() -> None:
    doc = Doc(spacy.blank("en").vocab, ["Ana", "<i>"], sent_starts=[True, True])
    page = render_page([doc], "t", table().values())
    assert '<ol class="sentences"><li>Ana</li><li>&lt;i&gt;</li></ol>' in page
    assert "sentences</dt>" not in page


def test_loads_nothing_from_elsewhere() -> None:
    page = render_page([_doc()], "t")
    assert "http://" not in page and "https://" not in page and "src=" not in page


def test_command(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "CITY", "pattern": "Bonn"}])
    nlp.to_disk(tmp_path / "model")
    docs = [nlp.make_doc(text) for text in ("I like Bonn.", "Me too.", "Why?")]
    DocBin(docs=docs).to_disk(tmp_path / "a.spacy")
    target = tmp_path / "new" / "page.html"
    arguments = ["visualize", str(tmp_path / "model"), str(tmp_path), str(target), "--limit", "2"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    page = target.read_text(encoding="utf8")
    assert page.count("<article>") == 2
    assert "CITY" in page and "Why?" not in page


def test_command_shows_the_layers_of_the_tasks(tmp_path: Path) -> None:
    nlp = trained(make_nlp(["morph", "things"]), 2, layers=["morph", "things"])
    nlp.to_disk(tmp_path / "model")
    DocBin(docs=[nlp.make_doc("Ana sings .")]).to_disk(tmp_path / "a.spacy")
    arguments = ["visualize", str(tmp_path / "model"), str(tmp_path / "a.spacy")]
    result = CliRunner().invoke(app, [*arguments, str(tmp_path / "page.html")])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "page.html").read_text(encoding="utf8")
    assert page.count('<small title="morphological features">') == 3
    assert "<dt>spans</dt>" in page and "things" in page
