"""Which runs there are, and how long they train."""

from dataclasses import replace

import pytest
from pipeline.helpers import WIDTH
from spacy.training.initialize import init_nlp
from thinc.api import Config

from spacy_mtl.comparison.plan import Plan, Settled, make_plan, scaled_length, scaled_steps
from spacy_mtl.errors import MTLError

GROWING = {"size": {"@schedules": "compounding.v1", "start": 100, "stop": 1000, "compound": 1.001}}


def test_all_systems_with_all_seeds(plan: Plan) -> None:
    systems = {"joint", "single:tagger", "single:ner", "single:sentiment"}
    variant = "components.multitask.loss_unit=mean"
    assert {run.system for run in plan.runs} == {*systems, variant}
    assert len({run.run.key() for run in plan.runs}) == len(plan.runs) == 5 * 2 * 2
    assert [run.fraction for run in plan.runs] == [1.0] * 10 + [0.5] * 10
    assert plan.joint == ["joint", variant]
    assert plan.single["ner"] == "single:ner"


def test_every_run_has_the_same_steps_and_no_patience(plan: Plan) -> None:
    for planned in plan.runs:
        training = planned.run.config["training"]
        assert training["max_steps"] == plan.steps[planned.fraction]
        assert (training["patience"], training["seed"]) == (0, planned.seed)


def test_what_the_corpora_say(plan: Plan) -> None:
    coverage = plan.survey.coverage["ner"]
    assert coverage["some"].units == 0 and coverage["others"].units > 0
    assert coverage["test"].docs > 0
    assert plan.survey.without == {"tagger": ["others"], "ner": ["some"], "sentiment": ["others"]}


def test_a_part_is_seen_as_often_as_the_whole() -> None:
    assert scaled_steps({"size": 100}, 1000, 0.25) == 250
    assert scaled_steps({}, 1000, 0.25) == 250
    assert scaled_steps(GROWING, 2000, 1.0) == 2000
    steps = scaled_steps(GROWING, 2000, 0.1)
    total = sum(100 * 1.001**step for step in range(2000))
    seen = sum(100 * 1.001**step for step in range(steps))
    assert seen == pytest.approx(total / 10, rel=0.01)
    assert steps > 200


@pytest.mark.parametrize(
    ("frequency", "steps", "fraction", "expected"),
    [
        (200, 2000, 1.0, (2000, 200)),
        (200, 20, 1.0, (20, 20)),
        (200, 300, 1.0, (300, 150)),
        (200, 2000, 0.05, (100, 10)),
        (100, 1000, 0.025, (24, 2)),
    ],
)
def test_the_last_step_is_evaluated(
    frequency: int, steps: int, fraction: float, expected: tuple[int, int]
) -> None:
    training = {"eval_frequency": frequency, "batcher": {"size": 100}}
    found = scaled_length(training, steps, fraction)
    assert found == expected and not found[0] % found[1]


def test_fewer_seeds_for_parts(settled: Settled) -> None:
    few = replace(settled, seeds=3, fraction_seeds=1)
    assert list(few.seeds_at(1.0)) == [0, 1, 2]
    assert list(few.seeds_at(0.5)) == [0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fractions": ()}, "fractions above 0"),
        ({"fractions": (1.2,)}, "fractions above 0"),
        ({"seeds": 0}, "1 or more as seeds"),
        ({"fraction_seeds": 0}, "1 or more as fraction_seeds"),
    ],
)
def test_settings_out_of_range(settled: Settled, changes: dict, message: str) -> None:
    with pytest.raises(MTLError, match=message):
        replace(settled, **changes)


def _changed(settled: Settled, **training: object) -> Settled:
    config: Config = settled.config.copy()
    config["training"].update(training)
    return replace(settled, config=config)


def test_no_number_of_steps(settled: Settled) -> None:
    with pytest.raises(MTLError, match="max_steps = 0. Give --steps"):
        make_plan(_changed(settled, max_steps=0))


def test_parts_of_a_stream(settled: Settled) -> None:
    with pytest.raises(MTLError, match="a stream"):
        make_plan(_changed(settled, max_epochs=-1))


def test_a_task_without_test_data(settled: Settled) -> None:
    lacking = replace(settled, test=settled.test.with_name("others.spacy"))
    with pytest.raises(MTLError, match="test data with labels for the task 'tagger'"):
        make_plan(lacking)


def test_the_same_variant_twice(settled: Settled) -> None:
    twice = replace(settled, vary=["training.dropout=0.2"] * 2, seeds=1, fractions=(1.0,))
    assert make_plan(twice).joint == ["joint", "training.dropout=0.2"]


def test_a_variant_that_cannot_be_made(settled: Settled) -> None:
    with pytest.raises(ValueError, match="loss_unit"):
        make_plan(replace(settled, vary=["components.multitask.loss_unit=bogus"]))


def test_what_a_config_lacks_is_filled_in(settled: Settled) -> None:
    config = settled.config.copy()
    del config["initialize"], config["training"]["score_weights"]
    plan = make_plan(replace(settled, config=config, fractions=(1.0,), seeds=1, vary=()))
    assert len(plan.runs) == 4


def test_a_variant_in_which_a_task_is_auxiliary(settled: Settled) -> None:
    with pytest.raises(MTLError, match="leaves out tagger. Compare it as a config of its own"):
        make_plan(replace(settled, vary=['components.multitask.auxiliary=["tagger"]']))


def test_a_task_alone_keeps_the_corpora_that_its_topology_names(settled: Settled) -> None:
    config = settled.config.copy()
    model = config["components"]["multitask"]["model"]
    encode = {"@architectures": "spacy_mtl.WindowEncoder.v1", "width": WIDTH, "window_size": 1}
    config["components"]["multitask"]["model"] = {
        "@architectures": "spacy_mtl.SharedPrivate.v1",
        "tok2vec": model["tok2vec"],
        "encode": {**encode, "maxout_pieces": 2, "depth": 1},
        "corpora": ["some", "others"],
        "reversal": 0.05,
        "orthogonality": 0.0,
    }
    plan = make_plan(replace(settled, config=config, fractions=(1.0,), seeds=1, vary=()))
    [alone] = [run for run in plan.runs if run.system == "single:ner"]
    nlp = init_nlp(Config(alone.run.config))
    assert nlp.get_pipe("multitask").label_data.keys() == {"ner"}  # type: ignore[attr-defined]
