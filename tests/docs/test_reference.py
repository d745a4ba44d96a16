"""The pages of the reference say everything there is to set, and follow what is registered."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from importlib.metadata import distribution
from typing import Any

import pytest
import typer
from spacy.language import Language
from spacy.util import registry
from thinc.api import Config

import spacy_mtl.cli
from reference.docstrings import markdown, meanings, summary
from reference.entries import Entry, entries
from reference.entry_page import entry_page
from reference.links import contents, heading_id, linked_outside, page_for_site
from reference.pages import INDEX, navigation, pages, with_links, with_names
from reference.settings import type_text

from .commands import ROOT

POINTS = [point for point in distribution("spacy-mtl").entry_points if point.group != "spacy_cli"]
COMMANDS = typer.main.get_command(spacy_mtl.cli.app).commands  # type: ignore[attr-defined]
README = (ROOT / "docs" / INDEX).read_text(encoding="utf-8")


def page_of(name: str) -> str:
    (text,) = (text for path, text in pages().items() if path.endswith(f"/{name}.md"))
    return text


def lines(page: str) -> dict[str, list[str]]:
    """The cells of each line of the page's tables of settings, by the setting."""
    rows = re.findall(r"^\| `([^`]+)`(.*?) \| (.*?) \| (.*?) \| (.*) \|$", page, re.M)
    return {row[0]: list(row[2:]) for row in rows}


SET_IN_CONFIGS = [
    point for point in POINTS if point.group not in ("spacy_mtl_formats", "spacy_mtl_layers")
]


@pytest.mark.parametrize("point", POINTS, ids=[point.name for point in POINTS])
def test_every_registered_name_has_a_page_that_says_what_it_is(point: Any) -> None:
    head, _, about, *_ = page_of(point.name).split("\n\n")
    assert head == f"# {point.name}" and len(about.split()) > 4


@pytest.mark.parametrize("point", SET_IN_CONFIGS, ids=[point.name for point in SET_IN_CONFIGS])
def test_every_setting_of_a_registered_name_has_its_line(point: Any) -> None:
    target = point.load()
    expected = dict(inspect.signature(target).parameters)
    if point.group == "spacy_factories":
        expected = {key: p for key, p in expected.items() if key not in ("nlp", "name")}
    found = lines(page_of(point.name))
    assert set(expected) <= set(found)
    for name, parameter in expected.items():
        kind, default, meaning = found[name]
        assert kind and default and len(meaning) > 3, (name, found[name])
        if point.group != "spacy_factories":
            assert (default == "required") == (parameter.default is parameter.empty)
    block = re.search(r"```ini\n(.*?)```", page_of(point.name), re.S)
    assert block and point.name in block[1]
    assert all(re.search(rf"\b{name}\b", block[1]) for name in expected if name != "tasks")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_has_its_line(name: str) -> None:
    page = page_of(name)
    found = lines(page)
    for parameter in COMMANDS[name].params:
        names = [*parameter.opts, *parameter.secondary_opts]
        if "--help" in names:
            continue
        shown = [found[key] for key in found if set(key.split("/")) & {*names, parameter.metavar}]
        if parameter.param_type_name == "argument":
            shown += [found[key] for key in found if key.lower() == parameter.name]
        assert shown, f"{names} of {name}"
        assert all(shown[0]), (names, shown[0])
        assert all(f"`{each}" in page or f"/{each}`" in page for each in names if each[0] == "-")
    assert f"python -m spacy mtl {name}" in page


def test_defaults_are_those_of_a_config() -> None:
    ner = lines(page_of("spacy_mtl.NER.v1"))
    assert ner["crf"][:2] == ["bool", "`false`"]
    assert ner["spans_key"][:2] == ["str or null", "`null`"]
    assert lines(page_of("multitask"))["loss_unit"][1] == '`"sum"`'
    assert lines(page_of("compare"))["--steps"][1] == "training.max_steps"
    assert lines(page_of("compare"))["--seeds"][:2] == ["int from 1", "`5`"]


@pytest.mark.parametrize("entry", [e for e in entries() if e.in_configs], ids=lambda e: e.name)
def test_config_block_makes_the_object(entry: Entry) -> None:
    """Where nothing is required, or an example has it, the block is complete."""
    (text,) = re.findall(r"```ini\n(.*?)```", entry_page(entry), re.S)
    if "required)" in text or "${" in text:
        pytest.skip("something is to be filled in")
    path = re.findall(r"^\[(.*?)\]", text)[0].split(".")
    above = "".join(f"[{'.'.join(path[:n])}]\n\n" for n in range(1, len(path)))
    section: Any = Config().from_str(above + text)
    for name in path:
        section = section[name]
    if entry.group == "spacy_factories":
        nlp = Language()
        nlp.add_pipe("tok2vec", name="encoder")
        assert nlp.add_pipe(section.pop("factory"), name="made", config=section)
    else:
        assert registry.resolve({"made": section})["made"] is not None


def test_a_new_name_gets_its_page() -> None:
    entry = Entry("spacy_mtl_samplers", "foreign.Sampler.v1", f"{__name__}:make_sampler")
    assert entry.page == "reference/samplers/foreign.Sampler.v1.md"
    page = entry_page(entry)
    assert "# foreign.Sampler.v1\n\nSampler, " in page
    assert '@mtl_samplers = "foreign.Sampler.v1"\nrate = 0.5' in page
    assert lines(page)["rate"] == ["float", "`0.5`", "How much of it."]
    assert lines(page)["kinds"] == ["dict of list of str or null", "`null`", "By name."]


def make_sampler(rate: float = 0.5, kinds: dict[str, list[str]] | None = None) -> None:
    """Draw a part.

    rate: how much of it.
    kinds: by name.
    """


def test_an_object_is_described_by_its_class() -> None:
    page = entry_page(Entry("spacy_mtl_layers", "colour", f"{__name__}:COLOUR"))
    assert lines(page)["unit"] == ["str", '`"docs"`', "What is counted."]


@dataclass(frozen=True)
class Layer:
    """A layer.

    unit: what is counted.
    """

    unit: str = "tokens"


COLOUR = Layer("docs")


def test_list_of_names_is_that_of_the_index() -> None:
    """`make docs` writes it."""
    assert with_names(README) == README
    for point in POINTS:
        assert f"`{point.name}`" in README


def test_navigation_and_index_lead_to_every_page() -> None:
    listed = [page for group in navigation() for links in group.values() for page in links]
    assert {path for link in listed for path in link.values()} == set(pages())
    linked = with_links(README)
    assert all(f"({path.removeprefix('reference/')})" in linked for path in pages())


def test_every_page_of_the_documentation_is_listed() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    listed = {target for links in contents(index).values() for _, target in links}
    own = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert own == {target for target in listed if not target.startswith("../")}


def test_links_lead_to_the_same_on_the_site() -> None:
    text = "[a](b.md#c) [r](../README.md) [d](../assets/demo/README.md) [e](https://x.org) [f](#g)"
    there = "[a](b.md#c) [r](project/README.md) [d](project/assets/demo/README.md)"
    assert page_for_site("docs/x.md", text) == f"{there} [e](https://x.org) [f](#g)"
    back = page_for_site("README.md", "![plot](docs/images/p.png) [q](docs/q.md) [c](CHANGELOG.md)")
    assert back == "![plot](../images/p.png) [q](../q.md) [c](CHANGELOG.md)"
    block = "```python file.py\nx = '[a](../b.md)'\n```"
    assert page_for_site("docs/x.md", block) == block.replace(" file.py", ' title="file.py"')


def test_files_outside_that_pages_lead_to() -> None:
    found = linked_outside(ROOT, ["docs/README.md"])
    assert {"README.md", "CHANGELOG.md"} <= found
    assert all((ROOT / path).is_file() and not path.startswith("docs/") for path in found)


def test_headings_are_named_as_github_does() -> None:
    assert heading_id("Speed & memory: what `nlp.pipe` costs") == "speed--memory-what-nlppipe-costs"


def test_docstrings() -> None:
    text = """First sentence (Chen et al. 2018). Second.

    one, two: of both,
        in two lines.
    three: one of
        - "a": x.
        - "b": y.
    four: here. five: there.
    RAISES (MTLError): If not.

    After it: prose.
    """
    assert summary(text) == "First sentence (Chen et al. 2018)"
    assert meanings(text)["one"] == meanings(text)["two"] == "of both,\nin two lines."
    assert (meanings(text)["four"], meanings(text)["five"]) == ("here.", "there.")
    assert meanings(text)["three"].endswith('- "a": x.\n- "b": y.')
    shown = markdown(text)
    assert "- `one`, `two`: of both,\n    in two lines.\n- `three`" in shown
    assert "Raises `MTLError`: if not.\n\nAfter it: prose." in shown


def test_types_are_words() -> None:
    assert type_text(dict[str, list[float]] | None) == "dict of list of float or null"
    assert type_text(Any) == "any"
