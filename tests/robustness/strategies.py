"""Generators of bad input, and of good input near to it: configs, documents, files, damage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from .pipelines import EMBED, ENCODE, LISTENER, TASKS, pipeline_config

# --- values -------------------------------------------------------------------------------------

NUMBERS = [-1, 0, 1, 2, 0.5, -0.5, float("nan"), float("inf")]
ODD_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, *NUMBERS, "", "x", "TAG", "NORM", "bf16", [], [0], ["x"], {}, {"x": 1}]
)
ODD_ATTRS = [["NORM"], ["x", "y"], [65, 10**9], [True, -1], ["POS", "HEAD"], None, ["", ""]]
ODD_NAMES = ["", " ", "a.b", "a:b", ":", "tag", "ents", "token", "..", "../x", "a/b", "a\nb", "ü"]
ODD_NAMES += ["x" * 300, "@x", "${nlp.lang}", "[x]", "%", "head:ner", "\x00", "null"]
NAMES = st.integers(0, 15).flatmap(lambda n: st.sampled_from(list(TASKS) if n else ODD_NAMES))


def rarely(odd: st.SearchStrategy[Any], usual: Any, one_in: int = 4) -> st.SearchStrategy[Any]:
    """Mostly the usual value."""
    return st.integers(1, one_in).flatmap(lambda n: odd if n == 1 else st.just(usual))


# --- configs ------------------------------------------------------------------------------------

_SETTINGS = {
    "spacy_mtl.Tagger.v1": ["attr", "overwrite", "label_smoothing", "hidden_width"],
    "spacy_mtl.NER.v1": ["crf", "overwrite", "spans_key", "hidden_width"],
    "spacy_mtl.SpanCat.v1": ["suggester", "exclusive", "max_positive", "allow_overlap"],
    "spacy_mtl.TextCat.v1": ["exclusive", "threshold", "group", "ngram_size", "ngram_rows"],
    "spacy_mtl.Nothing.v1": ["x"],
}
_BALANCERS = {
    "spacy_mtl.FixedWeights.v1": ["weights"],
    "spacy_mtl.GradNorm.v1": ["alpha", "learn_rate"],
    "spacy_mtl.GramianWeighting.v1": ["method", "gram"],
    "spacy_mtl.Scalarization.v1": ["method"],
    "spacy_mtl.Nothing.v1": ["x"],
}
_ODD_LABELS = st.one_of(ODD_VALUES, st.lists(st.sampled_from(["A", "B", "", "mood=good"])))


@st.composite
def task_blocks(draw: st.DrawFn, name: str) -> Any:
    """The task's own block, or one of another, or with odd settings, or none at all."""
    own = TASKS.get(name, draw(st.sampled_from(list(TASKS.values()))))
    if draw(st.integers(0, 4)):
        return dict(own.settings)
    function = draw(st.sampled_from(list(_SETTINGS)))
    block = {"@mtl_tasks": function}
    for name in draw(st.lists(st.sampled_from(_SETTINGS[function]), max_size=2)):
        block[name] = draw(ODD_VALUES)
    return draw(rarely(ODD_VALUES, block, 10))


@st.composite
def balancer_blocks(draw: st.DrawFn) -> Any:
    """A balancer, with odd settings or weights of odd tasks."""
    function = draw(st.sampled_from(list(_BALANCERS)))
    block: dict[str, Any] = {"@mtl_balancers": function}
    if function == "spacy_mtl.FixedWeights.v1":
        weights = st.dictionaries(NAMES, st.one_of(ODD_VALUES, st.sampled_from([0.5, 2])))
        block["weights"] = draw(weights)
    else:
        for name in draw(st.lists(st.sampled_from(_BALANCERS[function]), max_size=2)):
            block[name] = draw(ODD_VALUES)
    return draw(rarely(ODD_VALUES, block, 10))


@st.composite
def encoders(draw: st.DrawFn) -> dict[str, Any]:
    """Our encoder's two parts, each with at most one odd setting."""
    parts = []
    for part in (EMBED, {**ENCODE, "precision": "fp32"}):
        name = draw(st.sampled_from([name for name in part if name != "@architectures"]))
        odd: Any = draw(ODD_VALUES)
        if name == "rows":
            odd = draw(st.sampled_from([[50], [50, 0], [50, -1], [], None, [0.5, 2]]))
        elif name == "attrs":
            odd = draw(st.sampled_from(ODD_ATTRS))
        parts.append({**part, name: draw(rarely(st.just(odd), part[name], 2))})
    return {"@architectures": "spacy.Tok2Vec.v2", "embed": parts[0], "encode": parts[1]}


@dataclass(frozen=True)
class ConfigCase:
    """A pipeline's config. labels: what `[initialize.components.multitask.labels]` gets."""

    config: dict[str, Any]
    labels: Any = None


@st.composite
def config_cases(draw: st.DrawFn) -> ConfigCase:
    """A config with a few things wrong, or nothing."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    tasks = {name: draw(task_blocks(name)) for name in names}
    settings: dict[str, Any] = {}
    places = ["balancer", "balancer", "loss_unit", "conflict_every", "confidences", "tasks"]
    wrong = draw(rarely(st.sampled_from(places), "", 2))
    if wrong == "balancer":
        settings["balancer"] = draw(balancer_blocks())
    elif wrong in ("loss_unit", "conflict_every", "confidences"):
        settings[wrong] = draw(ODD_VALUES)
    config = pipeline_config(draw(ODD_VALUES) if wrong == "tasks" else tasks, **settings)
    listener = config["components"]["multitask"]["model"]["tok2vec"]
    places = ["width", "upstream", "encoder", "encoder", "order", "alone", "model"]
    place = draw(rarely(st.sampled_from(places), "", 2))
    if place in ("width", "upstream"):
        listener[place] = draw(st.one_of(ODD_VALUES, st.sampled_from([16, "*", "multitask"])))
    elif place == "encoder":
        config["components"]["tok2vec"]["model"] = draw(encoders())
    elif place == "order":
        config["nlp"]["pipeline"] = ["multitask", "tok2vec"]
    elif place == "alone":
        config["nlp"]["pipeline"] = ["multitask"]
        del config["components"]["tok2vec"]
    elif place == "model":
        inner = st.sampled_from([LISTENER, EMBED, ENCODE, {}, None])
        config["components"]["multitask"]["model"]["tok2vec"] = draw(inner)
    labels = draw(rarely(st.one_of(ODD_VALUES, st.dictionaries(NAMES, _ODD_LABELS)), None))
    return ConfigCase(config, labels)


# --- documents ----------------------------------------------------------------------------------

_CATS = st.sampled_from([0.0, 1.0, 0, 1, True, 0.5, 2.0, -1.0, float("nan"), "yes", None])
_GOOD_CATS = st.sampled_from([0.0, 1.0])


@dataclass(frozen=True)
class DocCase:
    """What an example is made of; annotation that is None is missing.

    predicted: its words, None for those of the reference. iob: (ENT_IOB, label) of each token.
    preset: the same for the predicted document. spans: (start, end, label), None without group.
    known: what the reference's corpus is declared to know, by task.
    """

    words: list[str]
    spaces: list[bool]
    predicted: list[str] | None = None
    tags: list[str] | None = None
    morphs: list[str] | None = None
    iob: list[tuple[int, str]] | None = None
    preset: list[tuple[int, str]] | None = None
    spans: list[tuple[int, int, str]] | None = None
    cats: dict[Any, Any] = field(default_factory=dict)
    known: dict[str, list[str]] | None = None


_FORMS = ["Ana", "Rio", "soup", " ", "  ", "\n", "\u00a0", "don't", "é", "日本", "😀", "x" * 200]
_WORDS = st.sampled_from(_FORMS)
_IOB = st.tuples(st.integers(0, 3), st.sampled_from(["PER", "LOC", "NEW", ""]))


@st.composite
def doc_cases(draw: st.DrawFn) -> DocCase:
    """A document with any subset of the layers, which may disagree with its text."""
    words = draw(st.lists(_WORDS, max_size=12))
    n = len(words)
    spaces = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    text = "".join(word + " " * space for word, space in zip(words, spaces, strict=True))
    other = draw(rarely(st.sampled_from([text.split(), list(text), [text] if text else []]), None))
    odd = draw(st.integers(0, 3)) == 0

    def maybe(values: st.SearchStrategy[Any]) -> Any:
        return draw(st.one_of(st.none(), st.lists(values, min_size=n, max_size=n)))

    spans = st.tuples(st.integers(0, max(n - 1, 0)), st.integers(1, 4))
    group = [
        (start, min(start + length, n), draw(st.sampled_from(["FOOD", "CAR", "NEW"])))
        for start, length in draw(st.lists(spans, max_size=3))
        if start < n
    ]
    keys = [label for name in ("mood", "topic") for label in TASKS[name].labels]
    keys += ["mood=unseen", "other", "", "=", "x" * 300] if odd else []
    cats = st.dictionaries(st.sampled_from(keys), _CATS if odd else _GOOD_CATS, max_size=4)
    known = {"ner": ["PER"], "mood": ["mood=bad"], "tagger": []}
    return DocCase(
        words,
        spaces,
        predicted=draw(rarely(st.lists(_WORDS, max_size=12), other, 10)),
        tags=maybe(st.sampled_from(["", "N", "V", "UNSEEN"])),
        morphs=maybe(st.sampled_from(["", "Number=Sing", "Case=Nom"])),
        iob=maybe(_IOB) if odd else _valid(maybe(_IOB)),
        preset=_valid(maybe(_IOB)),
        spans=draw(st.sampled_from([None, group])),
        cats=draw(cats),
        known=draw(rarely(st.sampled_from([known, {"ner": ["NEW"]}, {"x": []}]), None, 8)),
    )


def _valid(iob: list[tuple[int, str]] | None) -> list[tuple[int, str]] | None:
    """With a "B" for each "I" that continues nothing; spaCy refuses others."""
    if iob is None:
        return None
    fixed: list[tuple[int, str]] = []
    for state, label in iob:
        if state == 1 and not (fixed and fixed[-1][0] in (1, 3) and fixed[-1][1]):
            state = 3
        elif state == 1:
            label = fixed[-1][1]
        fixed.append((state, label if state in (1, 3) else ""))
    return fixed


batches_of_docs: st.SearchStrategy[list[DocCase]] = st.lists(doc_cases(), min_size=1, max_size=4)
