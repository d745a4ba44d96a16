import re

import pytest

from spacy_mtl.training.log.rows import Row, TaskFigures
from spacy_mtl.training.log.table import Table, duration, number, percent

from .logs import make_row


def lines_of(row: Row, width: int = 120) -> list[str]:
    table = Table(row, width, weighted=True, measured=True)
    return [*table.header(), *table.lines(row)]


def test_three_tasks_fit():
    report = {"conflict": 1 / 3, "steps": 9, "norm": {}, "cosine": {}}
    row = make_row(other={"cats_macro_auc": 0.9}, conflict={"multitask": report})
    lines = lines_of(row)
    assert max(map(len, lines)) == 119
    assert lines == [
        "            ------ tagger -----  ------- ner -------  ---- sentiment ----  -- cats -",
        "  E      #   LOSS WEIGHT  SCORE   LOSS WEIGHT  SCORE   LOSS WEIGHT  SCORE  MACRO_AUC"
        "   SCORE  WORDS/S     LEFT CONFLICT",
        "--- ------  ----- ------ ------  ----- ------ ------  ----- ------ ------  ---------"
        "  ------- ------- -------- --------",
        "  2   1200  0.500  1.000  25.00  0.500  1.000  25.00  0.500  1.000  25.00      90.00"
        "   61.23*  12,346  1:02:05      33%",
    ]


def test_many_tasks_have_a_line_each():
    tasks = ["tagger", "a_task_with_a_long_name", *(f"task_{i}" for i in range(4))]
    row = make_row(tasks, other={"cats_macro_auc": 0.9}, best=False, seconds_left=None)
    lines = lines_of(row)
    assert lines[:4] == [
        "  E      # TASK                     LOSS WEIGHT  SCORE  WORDS/S     LEFT CONFLICT",
        "--- ------ ----------------------- ----- ------ ------- ------- -------- --------",
        "  2   1200 (all)                                 61.23   12,346        -        -",
        "           tagger                  0.500  1.000  25.00",
    ]
    assert [line.split()[0] for line in lines[3:]] == [*tasks, "cats_macro_auc"]
    assert lines[-1].split()[1:] == ["90.00"]
    assert Table(row, 200, weighted=True, measured=True).tall is False


@pytest.mark.parametrize("width", [120, 40])
def test_a_further_score_may_come_and_go(width):
    table = Table(make_row(other={"sents_f": 0.5}), width, weighted=True, measured=True)
    cells = "\n".join(table.lines(make_row(other={"dep_las": 0.99}))).split()
    assert "99.00" not in cells and cells.count("-") == 2


def test_long_names_widen_their_group():
    lines = lines_of(make_row(["a_task_with_a_long_name"]))
    assert lines[0].strip() == "- a_task_with_a_long_name -"
    rule = [match.span() for match in re.finditer("-+", lines[2])]
    assert rule[4][1] - rule[2][0] == len("- a_task_with_a_long_name -")


def test_further_scores_of_a_task_stand_in_its_group():
    lines = lines_of(make_row(["topic"], other={"topic_macro_auc": 0.5, "speed": 7.0}))
    assert lines[0].strip() == "----------- topic -----------"
    titles = ["E", "#", "LOSS", "WEIGHT", "SCORE", "MACRO_AUC", "SPEED", "SCORE"]
    assert lines[1].split()[:8] == titles
    assert lines[3].split()[5:7] == ["50.00", "7.000"]


def test_neither_weights_nor_conflict():
    row = make_row(["tagger"])
    table = Table(row, 120, weighted=False, measured=False)
    assert table.header()[1].split() == ["E", "#", "LOSS", "SCORE", "SCORE", "WORDS/S", "LEFT"]
    cells = ["2", "1200", "0.500", "25.00", "61.23*", "12,346", "1:02:05"]
    assert table.lines(row)[0].split() == cells


def test_every_figure_stands_under_its_title():
    missing = TaskFigures(None, None, None)
    row = make_row(
        tasks={"tagger": missing, "ner": TaskFigures(12345.6, 0.0, 1.0)},
        other={"speed": 98765.4},
        words_per_second=None,
    )
    titles, rule, line = lines_of(row)[1:]
    ends = [[match.end() for match in re.finditer(r"\S+", text)] for text in (titles, rule, line)]
    assert ends[1] == ends[2]
    ends[0][9] += 1  # the title of the score stands over the figure alone, not the mark
    assert ends[0] == ends[1]
    cells = ["2", "1200", "-", "-", "-", "12346", "0.000", "100.00", "98765"]
    assert line.split() == [*cells, "61.23*", "-", "1:02:05", "-"]


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "-"),
        (0.0, "0.000"),
        (-0.5, "-0.500"),
        (9.9994, "9.999"),
        (12.345, "12.35"),
        (123.45, "123.5"),
        (12345.6, "12346"),
        (1234567.0, "1e+06"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_percent_and_duration():
    assert [percent(None), percent(0.12345), percent(250.0, "speed")] == ["-", "12.35", "250.0"]
    durations = ["-", "0:00:00", "0:01:00", "1:00:00", "25:01:01"]
    assert [duration(seconds) for seconds in (None, 0.4, 59.6, 3600, 90061)] == durations
