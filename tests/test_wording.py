import math

from spacy_mtl.wording import (
    counted,
    joined,
    number,
    percent,
    points,
    printable,
    seconds,
    short,
    signed,
)


def test_numbers() -> None:
    assert percent(0.1234) == "12.3" and percent(None) == percent(math.nan) == "–"
    assert points(-0.0123) == "−1.2" and points(0.0123) == "+1.2" and points(-0.0001) == "0.0"
    assert signed(0.004, 2) == "0.00"
    assert number(-0.5) == "−0.500"
    assert [seconds(s) for s in (3, 180, 9000)] == ["3 s", "3 min", "2.5 h"]
    assert counted(1, "seed") == "1 seed" and counted(1200, "step") == "1,200 steps"


def test_names() -> None:
    assert joined([]) == "" and joined(["a"]) == "a" and joined(["a", "b", "c"]) == "a, b and c"
    assert joined(list("abcdef"), 2) == "a, b and 4 more"
    assert short("a\n  b") == "a b" and short("abcdef", 4) == "abc…"
    assert printable("a\x00b\nc\ufffe\uffff") == "a\ufffdb\nc\ufffd\ufffd"
