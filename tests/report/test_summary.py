from collections.abc import Mapping
from dataclasses import replace

from spacy_mtl.card.sharing import sharing
from spacy_mtl.comparison.results import COSTS, GAINS, NONE, Gain, Results
from spacy_mtl.report.material import Material
from spacy_mtl.report.scores import scores_table
from spacy_mtl.report.summary import facts, sentences

from .test_scores import with_an_error


def with_verdicts(results: Results, verdicts: Mapping[str, str], seeds: int = 5) -> Results:
    full = results.full
    gains = {
        task: replace(full.comparisons["joint"].tasks[task], verdict=verdict)
        for task, verdict in verdicts.items()
    }
    compared = replace(full.comparisons["joint"], tasks=gains)
    changed = replace(full, seeds=list(range(seeds)), comparisons={"joint": compared})
    return replace(results, fractions=[changed])


def all_of(material: Material, verdict: str) -> dict[str, str]:
    return dict.fromkeys(material.tasks, verdict)


def test_three_sentences_with_the_verdicts_and_costs(material: Material) -> None:
    quality, cost, advice = sentences(material.results)
    assert quality == (
        "Trained together, tagger (+2.0 points, 95 % interval +1.0 to +3.0) scores higher than "
        "alone; ner (−5.0 points, −9.0 to −1.0) scores lower than alone; no difference could be "
        "shown for mood and traits."
    )
    assert cost == (
        "One pipeline of 8.0 MB takes the place of 4 with 24.0 MB; it annotates 9,000 words a "
        "second against 3,000 of the 4 one after the other, and was trained in 30 s against 80 s."
    )
    assert advice.startswith("For ner, try a larger weight")
    assert advice.endswith("2 seeds tell little about chance: repeat with 5.")


def test_nothing_shown(material: Material) -> None:
    results = with_verdicts(material.results, all_of(material, NONE))
    quality, _, advice = sentences(results)
    assert "no difference in quality could be shown for any of the 4 tasks" in quality
    # The widest interval reaches 4 points from its middle.
    assert advice.startswith("Differences of up to about 4.0 points could have gone unseen")


def test_an_interval_that_says_nothing(material: Material) -> None:
    full = material.results.full
    compared = full.comparisons["joint"]
    wide = {
        task: replace(gain, verdict=NONE, low=-2.1, high=2.0)
        for task, gain in compared.tasks.items()
    }
    full = replace(full, seeds=[0], comparisons={"joint": replace(compared, tasks=wide)})
    advice = sentences(replace(material.results, fractions=[full]))[2]
    assert advice.startswith("Any difference could have gone unseen")


def test_each_task_that_loses_is_named(material: Material) -> None:
    gain = material.results.full.comparisons["joint"].tasks["ner"]
    names = [f"task{n}" for n in range(7)]
    compared = replace(material.results.full.comparisons["joint"], tasks=dict.fromkeys(names, gain))
    full = replace(material.results.full, comparisons={"joint": compared})
    infos = dict.fromkeys(names, material.results.tasks["ner"])
    quality, _, advice = sentences(replace(material.results, tasks=infos, fractions=[full]))
    assert all(name in quality and name in advice for name in names)


def test_an_error_gains_by_being_lower(material: Material) -> None:
    quality = sentences(with_an_error(material.results))[0]
    assert quality == (
        "Trained together, tagger (+2.0 points, 95 % interval +1.0 to +3.0) and ner (−0.050 of "
        "error (lower is better), −0.090 to −0.010) score better than alone; no difference could "
        "be shown for mood and traits."
    )
    nothing = with_verdicts(with_an_error(material.results), all_of(material, NONE))
    assert sentences(nothing)[2].startswith(
        "Differences of up to about 3.0 points and 0.040 of error (ner) could have gone unseen"
    )


def test_tasks_that_are_not_compared_are_named(material: Material) -> None:
    full = material.results.full
    compared = replace(full.comparisons["joint"], tasks={})
    infos = material.results.tasks
    infos = {**infos, "ner": replace(infos["ner"], metric=None)}
    full = replace(full, comparisons={"joint": compared})
    quality, _, advice = sentences(replace(material.results, tasks=infos, fractions=[full]))
    assert quality == (
        "No scores were compared. Not compared, for lack of per-document statistics: ner. Not "
        "compared, as the test documents give no score: tagger, mood, traits."
    )
    assert advice.startswith("Decide by speed and size")


def test_only_gains(material: Material) -> None:
    results = with_verdicts(material.results, all_of(material, GAINS))
    quality, _, advice = sentences(results)
    assert "lower" not in quality and "no difference" not in quality
    assert advice == (
        "No task was shown to lose by it, so that the joint pipeline can take the place of the "
        "others."
    )


def test_a_variant_that_helps(material: Material) -> None:
    results = with_verdicts(material.results, all_of(material, COSTS))
    full, variant = results.full, "components.multitask.loss_unit=mean"
    better: dict[str, Gain] = {
        task: replace(gain, verdict=NONE) for task, gain in full.comparisons["joint"].tasks.items()
    }
    compared = replace(full.comparisons["joint"], tasks=better)
    full = replace(full, comparisons={**full.comparisons, variant: compared})
    results = replace(results, joint=["joint", variant], fractions=[full])
    assert sentences(results)[2] == (
        f"With `{variant}`, no task was shown to lose any more; as it was chosen by these test "
        "documents, confirm it on others."
    )


def test_facts(material: Material) -> None:
    found = [fact.value for fact in facts(material.results)]
    assert found == ["▲\xa01\u2002●\xa02\u2002▼\xa01", "−0.6 %", "3.0×", "33 %"]


def test_tasks_that_delta_m_is_without_are_named(material: Material) -> None:
    compared = replace(material.results.full.comparisons["joint"], undefined=["ner"])
    full = replace(material.results.full, comparisons={"joint": compared})
    results = replace(material.results, fractions=[full])
    assert facts(results)[1].text.endswith("+0.8 without ner, not above 0 when alone")
    assert "without ner, not above 0 when alone" in scores_table(results, full, "joint").caption
    assert "without ner, not above 0 when alone." in sharing(results)
