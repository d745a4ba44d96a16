import json

from spacy_mtl.evaluation.sources import code_of, used_sources


def _used(*names: str) -> set[str]:
    return set(used_sources(json.dumps(list(names))))


def test_a_config_of_other_packages_uses_nothing():
    assert _used("tok2vec", "spacy.Corpus.v1", "spacy_mtl") == set()


def test_what_is_imported_counts():
    used = _used("spacy_mtl.NER.v1")
    assert {"spacy_mtl.tasks.ner", "spacy_mtl.models.biluo"} <= used
    assert "spacy_mtl.tasks.textcat" not in used
    assert "spacy_mtl.errors" not in used


def test_what_a_default_config_names_counts():
    used = _used("multitask")
    assert {"spacy_mtl.pipeline.component", "spacy_mtl.balancing.fixed"} <= used
    assert "spacy_mtl.balancing.gramian" not in used
    assert "spacy_mtl.balancing.gramian" in _used("multitask", "spacy_mtl.GramianWeighting.v1")


def test_commands_and_evaluation_do_not_count():
    used = _used("multitask", "spacy_mtl.MixtureBatches.v1", "spacy_mtl.MixedCorpus.v1")
    assert not {name for name in used if name.split(".")[1] in ("cli", "evaluation")}


def test_every_source_is_a_file_of_the_package():
    for name, path in used_sources('"multitask"').items():
        assert path.is_file() and path.stem == name.rpartition(".")[2]


def test_words_about_the_code_are_not_code(tmp_path):
    path = tmp_path / "a.py"
    sources = [
        '"""A."""\nclass B:\n    """B."""\n\ndef c(x):\n    """C."""\n    return "x"  # c\n',
        "class B:\n  pass\ndef c( x ):\n    return 'x'\n",
        "class B:\n  pass\ndef c( x ):\n    return 'y'\n",
    ]
    codes = []
    for source in sources:
        path.write_text(source, encoding="utf8")
        codes.append(code_of(path))
    assert codes[0] == codes[1] != codes[2]
