import pytest

from spacy_mtl.corpora import present_layers, read_docs
from spacy_mtl.errors import FormatError

from ..helpers import CONLLU, ents, iob, sentences, tabbed, tags


def test_all_layers(write, nlp):
    first, second, third = read_docs(write("a.conllu", CONLLU), nlp, cats_from=["genre"])
    assert first.text == "Ana saw Rio."
    assert tags(first) == ["NNP", "VBD", "NNP", "."]
    assert [token.pos_ for token in first] == ["PROPN", "VERB", "PROPN", "PUNCT"]
    assert [str(token.morph) for token in first] == ["Number=Sing", "Tense=Past", "Number=Sing", ""]
    assert ents(first) == [("Ana", "PER"), ("Rio", "LOC")]
    assert iob(third) == ["O"]
    assert first.cats == second.cats == {"genre=blog": 0.0, "genre=news": 1.0}
    assert third.cats == {"genre=blog": 1.0, "genre=news": 0.0}


def test_features_underscore_is_none_if_the_word_is_annotated(write, nlp):
    first, *_ = read_docs(write("a.conllu", CONLLU), nlp)
    assert first[3].has_morph()


def test_underscores_are_missing(write, nlp):
    rows = """1 Ana _ _ NNP _ _ _ _ NER=O
2 saw _ VERB _ Tense=Past _ _ _ _
3 Rio _ _ _ _ _ _ _ NER=_"""
    (doc,) = read_docs(write("a.conllu", tabbed(rows)), nlp)
    assert tags(doc) == ["NNP", "", ""]
    assert [token.pos_ for token in doc] == ["", "VERB", ""]
    assert [token.has_morph() for token in doc] == [False, True, False]
    assert iob(doc) == ["O", "", ""]


@pytest.mark.parametrize(
    "row, layers",
    [
        ("1 Ana _ _ _ _ _ _ _ NER=O", {"ents"}),
        ("1 Ana _ PROPN _ _ _ _ _ _", {"pos"}),
        ("1 Ana _ _ NNP _ _ _ _ _", {"tag"}),
        ("1 Ana _ _ _ Number=Sing _ _ _ _", {"morph"}),
        ("1 Ana _ _ _ _ _ _ _ _", set()),
    ],
)
def test_a_layer_without_annotation_is_missing(write, nlp, row, layers):
    (doc,) = read_docs(write("a.conllu", tabbed(row)), nlp)
    assert present_layers(doc) == layers


def test_biluo_in_misc(write, nlp):
    rows = "\n".join(
        f"{i} {form} _ _ _ _ _ _ _ NER={tag}"
        for i, (form, tag) in enumerate(
            [("Ana", "U-PER"), ("Rio", "B-LOC"), ("de", "I-LOC"), ("Janeiro", "L-LOC")], start=1
        )
    )
    (doc,) = read_docs(write("a.conllu", tabbed(rows)), nlp)
    assert ents(doc) == [("Ana", "PER"), ("Rio de Janeiro", "LOC")]


def test_multiword_tokens_and_empty_nodes(write, nlp):
    rows = """1-2 don't _ _ _ _ _ _ _ SpaceAfter=No
1 do _ _ VBP _ _ _ _ _
2 n't _ _ RB _ _ _ _ _
2.1 go _ _ VB _ _ _ _ _
3 , _ _ , _ _ _ _ _
4-5 du _ _ _ _ _ _ _ _
4 de _ _ IN _ _ _ _ _
5 le _ _ DT _ _ _ _ _
6 pain _ _ NN _ _ _ _ SpaceAfter=No"""
    (doc,) = read_docs(write("a.conllu", tabbed(rows)), nlp)
    assert tags(doc) == ["VBP", "RB", ",", "IN", "DT", "NN"]
    assert doc.text == "don't, de le pain"


def test_forms_with_spaces_hashes_and_underscores(write, nlp):
    text = "\n".join(
        "\t".join([str(i), form, *"________"]) for i, form in enumerate(["10 000", "#", "_"], 1)
    )
    (doc,) = read_docs(write("a.conllu", text), nlp)
    assert [token.text for token in doc] == ["10 000", "#", "_"]


def test_grouping_keeps_sentences_and_borders(write, nlp):
    docs = list(read_docs(write("a.conllu", CONLLU), nlp, group=10))
    assert [sentences(doc) for doc in docs] == [["Ana saw Rio.", "Nice"], ["Hm"]]
    assert [token.is_sent_start for token in docs[0]] == [True, False, False, False, True]


def test_class_of_a_sentence_belongs_to_it_alone(write, nlp):
    row = "1\tHm" + "\t_" * 8
    text = f"# mood = glad\n{row}\n\n{row}\n\n# mood = sad\n{row}\n"
    docs = list(read_docs(write("a.conllu", text), nlp, cats_from=["mood"]))
    assert [doc.cats for doc in docs] == [
        {"mood=glad": 1.0, "mood=sad": 0.0},
        {},
        {"mood=glad": 0.0, "mood=sad": 1.0},
    ]


def test_two_class_groups(write, nlp):
    text = CONLLU.replace("# genre = blog", "# genre = blog\n# meta::year = 1999")
    docs = list(read_docs(write("a.conllu", text), nlp, cats_from=["genre", "meta::year"]))
    assert set(docs[0].cats) == {"genre=blog", "genre=news"}
    assert docs[2].cats["meta::year=1999"] == 1.0


def test_different_classes_in_one_doc(write, nlp):
    row = "1\tHm" + "\t_" * 8
    text = f"# mood = glad\n{row}\n\n# mood = sad\n{row}\n"
    with pytest.raises(FormatError, match=r"a\.conllu:5: .*\['glad'\] and \['sad'\]"):
        list(read_docs(write("a.conllu", text), nlp, cats_from=["mood"], group=2))


def test_an_absent_class_is_reported(write, nlp):
    docs = read_docs(write("a.conllu", CONLLU), nlp, cats_from=["gnere"])
    assert docs.absent_groups == ("gnere",)


@pytest.mark.parametrize(
    "second_word, line, message",
    [
        ("2\tsaw", 6, "Expected 10 columns separated by tabs, got 2"),
        ("x\tsaw" + "\t_" * 8, 6, "Expected an ID .* got 'x'"),
        ("_\tsaw" + "\t_" * 8, 6, "Expected an ID .* got '_'"),
        ("3\tsaw" + "\t_" * 8, 6, "Expected the word with ID 2, got ID 3"),
        ("2.1\tsaw" + "\t_" * 8, 7, "Expected the word with ID 2, got ID 3"),
        ("2\t" + "\t_" * 8, 6, "no empty column"),
        ("2\tsaw  it" + "\t_" * 8, 6, "no two spaces"),
        ("2\tsaw\t_\tVBD" + "\t_" * 6, 6, "universal part of speech .* got 'VBD'"),
        ("2\tsaw\t_\t_\t_\tPast" + "\t_" * 4, 6, "features like .* got 'Past'"),
        ("2\tsaw" + "\t_" * 7 + "\tNER=X-PER", 6, "entity tag .* got 'X-PER'"),
        ("2\tsaw" + "\t_" * 7 + "\tNER=I-LOC", 6, "got 'I-LOC' after 'B-PER'"),
        ("2\tsa\0w" + "\t_" * 8, 6, "NUL character in column 5"),
    ],
)
def test_errors_have_the_line(write, nlp, second_word, line, message):
    lines = CONLLU.split("\n")
    lines[5] = second_word
    with pytest.raises(FormatError, match=message) as caught:
        list(read_docs(write("a.conllu", "\n".join(lines)), nlp))
    assert str(caught.value).startswith(f"{caught.value.path}:{line}: ")


def test_multiword_token_beyond_the_sentence(write, nlp):
    rows = "1-3 don't _ _ _ _ _ _ _ _\n1 do _ _ _ _ _ _ _ _\n2 n't _ _ _ _ _ _ _ _"
    with pytest.raises(FormatError, match=r":1: .*IDs 1 to 3 .*got 2 words"):
        list(read_docs(write("a.conllu", tabbed(rows)), nlp))


def test_a_sentence_without_words(write, nlp):
    with pytest.raises(FormatError, match=r":1: Expected a word with ID 1, got no word"):
        list(read_docs(write("a.conllu", "0.1\tgo" + "\t_" * 8), nlp))


def test_comments_may_stand_alone(write, nlp):
    text = CONLLU.replace("# sent_id = 1", "\n# sent_id = 1") + "# the end\n"
    first, _, third = read_docs(write("a.conllu", text), nlp, cats_from=["genre"])
    assert (first.cats["genre=news"], third.cats["genre=blog"]) == (1.0, 1.0)


def test_latin1(tmp_path, nlp):
    path = tmp_path / "a.conllu"
    path.write_bytes(("1\tAna" + "\t_" * 8 + "\n2\tcaf\xe9" + "\t_" * 8).encode("latin-1"))
    with pytest.raises(FormatError, match=r"a\.conllu:2: .* byte 0xe9 in column 6"):
        list(read_docs(path, nlp))


def test_a_skipped_sentence_keeps_the_border_and_class_of_its_document(write, nlp):
    lines = CONLLU.split("\n")
    lines[4] = "1\tAna"
    path = write("a.conllu", "\n".join(lines))
    errors: list[FormatError] = []
    docs = read_docs(path, nlp, cats_from=["genre"], group=0, on_error=errors.append)
    assert [(doc.text, doc.cats["genre=news"]) for doc in docs] == [("Nice", 1.0), ("Hm", 0.0)]
    assert [error.line for error in errors] == [5]
    assert docs.errors == 1


def words(*miscs: str) -> str:
    return "\n".join(f"{i}\tw{i}" + "\t_" * 7 + f"\t{misc}" for i, misc in enumerate(miscs, 1))


@pytest.mark.parametrize(
    "miscs",
    [
        ("name=B-PER", "name=I-PER", "name=O"),
        ("NE=B-PER", "NE=L-PER", "NE=O"),
        ("SpaceAfter=No|B-PER", "I-PER", "O"),
        ("ner=B-PER", "Ner=E-PER|SpaceAfter=No", "NER=O"),
        ("SpaceAfter=No name=B-PER", "name=I-PER", "name=O"),
        ("NamedEntity=B-PER", "NamedEntity=I-PER", "NamedEntity=O"),
        ("name=PER", "name=PER", "name=O"),
    ],
)
def test_entity_tags_under_other_keys(write, nlp, miscs):
    (doc,) = read_docs(write("a.conllu", words(*miscs)), nlp)
    assert iob(doc) == ["B-PER", "I-PER", "O"]


def test_a_key_by_choice(write, nlp):
    path = write("a.conllu", words("NER=O|Chunk=B-NP", "NER=B-LOC|chunk=I-NP"))
    (doc,) = read_docs(path, nlp)
    assert iob(doc) == ["O", "B-LOC"]
    (doc,) = read_docs(path, nlp, ner_from="CHUNK")
    assert ents(doc) == [("w1 w2", "NP")]


def test_tags_of_multiword_tokens(write, nlp):
    rows = ["1-2\tdu" + "\t_" * 7 + "\tner=S-X", "3-5\tx" + "\t_" * 7 + "\tner=B-Y"]
    path = write("a.conllu", "\n".join((*rows, words("_", "_", "_", "_", "_", "ner=E-Y"))))
    (doc,) = read_docs(path, nlp)
    assert ents(doc) == [("w1 w2", "X"), ("w3 w4 w5 w6", "Y")]


@pytest.mark.parametrize(
    "misc, remark",
    [
        ("Entity=(1-person-new", "Entity= in MISC, coreference and no tags, was not read"),
        ("Mwe=B-VID", "Mwe= in MISC, which looks like tags, was not read (--ner-from Mwe)"),
        ("NER=O|NE=B-X", "NE= in MISC, which looks like tags, was not read (--ner-from NE)"),
        ("NE=P_1-pf_2", "NE= in MISC, no tags such as B-PER, was not read"),
        ("NER=O|B-PER", "tags without a key in MISC were not read"),
        ("Gloss=I-go|SpaceAfter=No|Ref=1.1|NER=O", None),
        ("NER=B-PER", None),
    ],
)
def test_what_was_not_read_in_misc(write, nlp, misc, remark):
    docs = read_docs(write("a.conllu", words(misc)), nlp)
    assert [*docs.remarks] == ([remark] if remark else [])


@pytest.mark.parametrize(
    "miscs, keys",
    [
        (["EntType=PER|EntIob=B", "EntIob=O"], {"EntType": "PER", "EntIob": "B"}),
        (["ent_iob=O", "ent_type=LOC|ent_iob=I"], {"ent_iob": "I", "ent_type": "LOC"}),
        (["NETag=O", "NETag=B"], {"NETag": "B"}),
        (["Chunk=B", "Chunk=I", "_"], {"Chunk": "B"}),
        (["Ent=PER", "Ent=O"], {"Ent": "PER"}),
        (["Sem=O", "Sem=Place", "Sem=ORG"], {"Sem": "Place"}),
        (["EntityType=LOC", "_"], {"EntityType": "LOC"}),
        (["Size=S", "Size=M", "Size=L"], {}),
        (["Voice=O", "Voice=running"], {}),
        (["Gloss=O", "Gloss=I"], {}),
        (["Ent=O", "Chunk=O"], {}),
        (["NEG=Yes|Typo=Yes|SpaceAfter=No", "start_char=4"], {}),
        (["NER=O|Ent=1", "NER=B-LOC|Ent=2"], {}),
    ],
)
@pytest.mark.parametrize("border", ["\n", "\n\n"])
def test_parts_of_tags_in_misc(write, nlp, miscs, keys, border):
    text = words(*miscs) if border == "\n" else border.join(words(misc) for misc in miscs)
    docs = read_docs(write("a.conllu", text), nlp)
    what = "= in MISC, which looks like tags or parts of them, was not read"
    assert {
        said.split(" (")[0].removesuffix(what): seen.example for said, seen in docs.remarks.items()
    } == keys


def test_tokens_without_a_tag_by_choice(write, nlp):
    path = write("a.conllu", f"{words('NE=B-PER', '_')}\n\n{words('_')}")
    docs = read_docs(path, nlp)
    assert [iob(doc) for doc in docs] == [["B-PER", ""], [""]]
    assert any("(--outside)" in what for what in docs.remarks)
    docs = read_docs(path, nlp, outside=True)
    assert [iob(doc) for doc in docs] == [["B-PER", "O"], ["O"]]


def test_comments_that_were_not_used(write, nlp):
    head = "# sent_id = 4\n# text_en = So\n# newpar\n# genre = news\n# mood = glad\n"
    docs = read_docs(write("a.conllu", head + words("_")), nlp, cats_from=["mood"])
    assert {what: seen.example for what, seen in docs.remarks.items()} == {
        "comment 'genre' was not used (--cats-from genre)": "news"
    }
