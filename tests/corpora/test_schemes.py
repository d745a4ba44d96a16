import pytest

from spacy_mtl.corpora.schemes import SchemeDetector, TagError, from_mixed_iob, to_iob2


def split(tags: str) -> list[str | None]:
    return [None if tag == "?" else tag for tag in tags.split()]


@pytest.mark.parametrize(
    "sentences, scheme",
    [
        (["O O"], "IOB2"),
        (["B-A I-A", "B-B I-A"], "IOB2"),
        (["I-A I-A O I-B"], "IOB1"),
        (["I-A B-A"], "IOB1"),
        (["B-A O", "I-A"], "IOB2"),  # as many for one as for the other
        (["U-A"], "BILUO"),
        (["B-A E-A"], "BILUO"),
        (["B-A M-A", "O"], "BILUO"),
        (["B_A M_A E_A", "S_A W_B"], "BILUO"),
        (["b-a i-a"], "IOB2"),
        (["A A O", "B-x? O"], "IOB2"),  # one tag with a letter is enough
        (["A A O B-52s"], "IOB2"),
        (["PER PER O", "HIGH-LEVEL O"], "IO"),
        (["NN VB", "DT"], "IOB2"),  # no "O": not entities
        (["A-B A-I O A-B"], "IOB2"),  # the letter last is no scheme of ours
        (["B I O O"], "IOB2"),  # letters without a label
        (["PER B I O"], "IOB2"),
        (["P P O L", "B"], "IO"),  # labels of one letter
    ],
)
def test_detection(sentences, scheme):
    detector = SchemeDetector()
    for sentence in sentences:
        detector.add(split(sentence))
    assert detector.scheme == scheme


@pytest.mark.parametrize(
    "scheme, tags, expected",
    [
        ("IOB2", "B-A I-A B-A ? B-B-C O", "B-A I-A B-A ? B-B-C O"),
        ("IOB1", "I-A I-A B-A I-A I-B O I-A ? I-A", "B-A I-A B-A I-A B-B O B-A ? B-A"),
        ("BILUO", "B-A I-A L-A U-A ? U-B O", "B-A I-A I-A B-A ? B-B O"),
        ("BILUO", "B-A I-A E-A S-A", "B-A I-A I-A B-A"),
        ("BILUO", "B-A M-A M-A E-A W-A O", "B-A I-A I-A I-A B-A O"),
        ("BILUO", "B_A-B e_A-B s_C", "B-A-B I-A-B B-C"),
        ("IO", "A A B O A ? A B-2", "B-A I-A B-B O B-A ? B-A B-B-2"),
    ],
)
def test_normalisation(scheme, tags, expected):
    assert to_iob2(split(tags), scheme) == split(expected)


@pytest.mark.parametrize(
    "scheme, tags, index",
    [
        ("IOB2", "I-A", 0),
        ("IOB2", "B-A I-B", 1),
        ("IOB2", "B-A ? I-A", 2),
        ("IOB1", "O B-A", 1),
        ("IOB1", "I-A B-B", 1),
        ("BILUO", "I-A", 0),
        ("BILUO", "O L-A", 1),
        ("BILUO", "B-A O", 1),
        ("BILUO", "B-A ?", 1),
        ("BILUO", "B-A L-B", 1),
        ("BILUO", "B-A U-A", 1),
        ("BILUO", "U-A B-A", 1),
        ("IOB2", "O PER", 1),
        ("IOB2", "O B-", 1),
        ("IOB2", "O B", 1),
        ("IOB2", "O PER-B", 1),
        ("BILUO", "B-A M-A", 1),
    ],
)
def test_wrong_tags(scheme, tags, index):
    with pytest.raises(TagError) as caught:
        to_iob2(split(tags), scheme)
    assert caught.value.index == index


@pytest.mark.parametrize(
    "tags, expected",
    [
        ("I-A I-A O ? I-B B-B I-B", "B-A I-A O ? B-B B-B I-B"),
        ("B-A I-B PER", "B-A B-B PER"),
        ("B-A I-A L-A U-A O", "B-A I-A L-A U-A O"),
    ],
)
def test_mixed_iob(tags, expected):
    assert from_mixed_iob(split(tags)) == split(expected)
