import pytest
from spacy.tokens import Doc, Token
from spacy.vocab import Vocab

from spacy_mtl.corpora import count_units
from spacy_mtl.errors import MTLError
from spacy_mtl.layers import (
    BUILT_IN,
    DocExtension,
    TokenExtension,
    attributes,
    layer_named,
    needs_user_data,
    table,
)
from spacy_mtl.registry import registry


def test_a_layer_that_is_registered_later_counts(register):
    assert [*table()] == [*BUILT_IN]
    assert not needs_user_data()
    register("zeal", TokenExtension("zeal"))
    register("calm", lambda: DocExtension("calm"))
    assert [*table()] == [*BUILT_IN, "calm", "zeal"]
    assert needs_user_data()
    assert count_units(Doc(Vocab(), words=["a"]))["calm"] == 0
    assert layer_named("calm") is layer_named("calm")


def test_a_file_that_is_imported_again_gives_the_layer_anew(register):
    register("zeal", first := TokenExtension("zeal", title="zeal"))
    assert table()["zeal"] is first
    register("zeal", again := TokenExtension("zeal", title="more zeal"))
    assert table()["zeal"] is again


def test_an_attribute_of_the_same_name_is_refused(register):
    Token.set_extension("zeal", default=0)
    register("zeal", TokenExtension("zeal"))
    with pytest.raises(MTLError, match="no token._.zeal other than .* got one with the default"):
        table()


@pytest.mark.parametrize(
    "name, layer, message",
    [
        ("zeal", lambda: "zeal", "Expected an AnnotationLayer, or a function that makes one"),
        ("zeal", TokenExtension("calm"), "got 'calm' under 'zeal'"),
        ("tag", TokenExtension("tag"), "none of tag, pos,"),
    ],
)
def test_what_is_no_layer_of_its_name_is_refused(register, name, layer, message):
    register(name, layer)
    with pytest.raises(MTLError, match=message):
        table()


def test_entry_points_count(monkeypatch, register):
    zeal = TokenExtension("zeal")
    monkeypatch.setattr(registry.mtl_layers, "get_entry_points", lambda: {"zeal": zeal})
    register("calm", DocExtension("calm"))  # and with it the table is read again
    assert [*table()][-2:] == ["calm", "zeal"]
    monkeypatch.undo()
    register("quiet", DocExtension("quiet"))
    Token.remove_extension("zeal")


def test_names_of_layers(register):
    with pytest.raises(MTLError, match="Expected a layer out of tag, pos, .* got 'tags'"):
        layer_named("tags")
    with pytest.raises(MTLError, match="Expected a name as Python's attributes have it"):
        TokenExtension("not a name")


def test_the_attributes_are_all_that_spacy_files_need():
    assert {"HEAD", "DEP", "ENT_KB_ID", "SENT_START"} <= {*attributes()}
