import html
import re

import pytest

from spacy_mtl.card.markdown import EMPTY, bullets, code, code_block, details, table, text

markdown_it = pytest.importorskip("markdown_it")

ODD = [
    "plain",
    "Jean-Luc O'Neil, 2.0",
    "snake_case",
    "__init__ and _this_",
    "**bold** *slanted* ~~gone~~",
    "`code` ``` fence ```",
    "`",
    "a|b\\|c\\",
    "[link](http://x.org) ![image](y.png)",
    "<script>alert(1)</script> <b>",
    "&amp; &#65;",
    "# heading",
    "- item",
    "12. item",
    "=====",
    "<!-- comment -->",
    "\\*",
]


def rendered(markdown: str) -> str:
    renderer = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    found: str = renderer.render(markdown)
    return found


def inner(markup: str, tag: str) -> list[str]:
    """What stands in each element of a kind, which must have no other element in it."""
    return [html.unescape(found) for found in re.findall(f"<{tag}[^>]*>([^<]*)</{tag}>", markup)]


@pytest.mark.parametrize("value", ODD)
def test_text_is_read_as_it_was(value: str) -> None:
    assert inner(rendered(text(value)), "p") == [value]


@pytest.mark.parametrize("value", ODD)
def test_code_is_read_as_it_was(value: str) -> None:
    assert inner(rendered(code(value)), "code") == [value]


@pytest.mark.parametrize("value", ODD)
def test_cells_are_read_as_they_were(value: str) -> None:
    found = rendered(table(["Name", "Code", "N"], [[text(value), code(value), "1"]], n_text=2))
    assert inner(found, "code") == [value]
    assert inner(found, "td") == [value, "1"]


def test_lines_and_control_characters_end_nothing() -> None:
    assert text("a\n\n# b\x00") == "a # b\N{REPLACEMENT CHARACTER}"
    assert code("a\n\n| b") == "`a | b`"
    assert code(" \n") == EMPTY


def test_a_block_ends_with_its_own_fence_alone() -> None:
    lines = ["spacy train 'a```b'", "````", "echo"]
    found = inner(rendered(code_block(lines)), "code")
    assert found == ["\n".join(lines) + "\n"]


def test_details_hold_markdown() -> None:
    found = rendered(details("<b> & all", bullets(["one `a`", "two"])))
    assert "<summary>&lt;b&gt; &amp; all</summary>" in found
    assert found.count("<li>") == 2 and "<code>a</code>" in found
