import pickle
from itertools import count

import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.schedules import Setting


def test_a_number_is_the_same_everywhere():
    setting = Setting(2, "x")
    assert [setting.at(n) for n in (5, 0, 3)] == [2.0, 2.0, 2.0]


def test_a_schedule_is_looked_up_by_position():
    setting = Setting(count(10), "x")
    assert [setting.at(n) for n in (0, 1, 1, 4)] == [10, 11, 11, 14]


def test_a_schedule_that_ends_keeps_its_last_value():
    setting = Setting([1.0, 0.5], "x")
    assert [setting.at(n) for n in (0, 1, 2, 9, 9)] == [1.0, 0.5, 0.5, 0.5, 0.5]


def test_positions_do_not_go_back():
    setting = Setting(count(), "the weight")
    setting.at(3)
    with pytest.raises(MTLError, match="the weight to be looked up at 3 or later, got 2"):
        setting.at(2)


def test_a_pickled_copy_keeps_the_present_value():
    setting = Setting(count(10), "x")
    setting.at(3)
    copy = pickle.loads(pickle.dumps(setting))
    assert copy.at(9) == 13
    assert setting.at(9) == 19


@pytest.mark.parametrize("value", ["1.0", None, True])
def test_neither_number_nor_schedule(value):
    with pytest.raises(MTLError, match="a number or a schedule for x, got"):
        Setting(value, "x")


def test_a_section_that_names_no_schedule():
    with pytest.raises(MTLError, match=r"schedule for `size`, got a section without @schedules"):
        Setting({"start": 1.0, "stop": 2.0}, "`size`")
