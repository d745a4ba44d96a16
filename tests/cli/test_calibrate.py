from pathlib import Path
from shutil import copy

import pytest
import spacy
import srsly
from metrics.regressor import BLOCKS
from pipeline.helpers import LAYERS, annotations, bare, make_nlp, multitask, trained, write_corpus
from spacy.tokens import DocBin
from spacy.training import Example
from typer.testing import CliRunner

from spacy_mtl.card.card import MARK
from spacy_mtl.cli import app
from spacy_mtl.evaluation.temperature import HIGHEST

pytestmark = pytest.mark.usefixtures("levels")

FEW = [["tagger", "sentiment"]] * 3 + [["ner"]] * 3


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A pipeline that is far too sure, and documents that contradict it in part."""
    folder = tmp_path_factory.mktemp("calibrate")
    nlp = trained(make_nlp(), 20)
    for task in multitask(nlp).tasks.values():
        task.temperature = 0.2
    nlp.to_disk(folder / "model")
    write_corpus(folder / "dev.spacy", nlp)
    docs = [*DocBin().from_disk(folder / "dev.spacy").get_docs(nlp.vocab)]
    for doc in docs[::2]:  # as if the annotators had erred
        doc[0].tag_, doc[0].pos_ = "V", "VERB"
        doc[0].set_morph("Number=Sing" if "Number=Sing" not in doc[0].morph else "Degree=Pos")
        for token in doc:
            token.lemma_ = token.text
        doc.ents, doc.spans["things"], doc.spans["phrases"] = doc.ents[1:], [], []
        doc.cats = {label: 1 - value for label, value in doc.cats.items()}
    DocBin(docs=docs, store_user_data=True).to_disk(folder / "dev.spacy")
    wrong = [doc.copy() for doc in docs]
    for doc in wrong[1::2]:
        doc.cats = {label: 1 - value for label, value in doc.cats.items()}
    DocBin(docs=wrong, store_user_data=True).to_disk(folder / "wrong.spacy")
    write_corpus(folder / "few.spacy", nlp, FEW)
    DocBin(docs=[nlp.make_doc("Nothing known")]).to_disk(folder / "bare.spacy")
    return folder


@pytest.fixture(autouse=True)
def working_directory(saved, monkeypatch):
    monkeypatch.chdir(saved)
    monkeypatch.setenv("ANSI_COLORS_DISABLED", "1")


def calibrate(*args):
    return CliRunner().invoke(app, ["calibrate", *args])


def tables(output):
    """Of each table of tasks, the numbers of each task as they are printed."""
    found = [{row[0]: row[1:] for row in part if row[0] in LAYERS} for part in parts(output)]
    return [table for table in found if table]


def thresholds(output):
    """Of each table of thresholds, the numbers of each label as they are printed."""
    found = [
        {row[0]: row[1:] for row in part if row[0].startswith("topic=")} for part in parts(output)
    ]
    return [table for table in found if table]


def parts(output):
    """The words of each line of each part."""
    divided = output.split("\n=====")[1:]
    return [[line.split() for line in part.splitlines() if line.strip()] for part in divided]


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def test_likelihood_grows_and_annotation_stays(tmp_path):
    result = calibrate("model", "dev.spacy", "--output", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    (table,) = tables(result.output)
    assert list(table) == list(LAYERS)
    nlp, before = spacy.load(tmp_path / "out"), spacy.load("model")
    for name, (temperature, _, nll, new_nll, *_rest) in table.items():
        assert multitask(nlp).tasks[name].temperature == pytest.approx(float(temperature), abs=1e-3)
        assert 0.2 < float(temperature) <= HIGHEST and float(new_nll) < float(nll)
    assert table["tagger"][1] == table["tagger"][4] == "25"  # tokens
    assert table["sentiment"][1] == table["sentiment"][4] == "6"
    assert table["ner"][4] == str(sum(len(a["ents"]) for a in annotations(nlp)))
    for one, other in zip(annotations(nlp), annotations(before), strict=True):
        for each in (one, other):
            each["spans"].pop("phrases")  # for which thresholds are chosen
        assert {**one, "cats": 0} == {**other, "cats": 0}
        assert one["cats"] != other["cats"]
        assert {k: v >= 0.5 for k, v in one["cats"].items()} == {
            k: v >= 0.5 for k, v in other["cats"].items()
        }
    old, new = contents("model"), contents(tmp_path / "out")
    cfg = Path("multitask/cfg")
    assert {**old, cfg: b""} == {**new, cfg: b""}  # what was fitted alone is written
    written, labels = srsly.json_loads(new[cfg]), srsly.json_loads(old[cfg])["labels"]
    assert written["labels"] == labels and set(written) == {"labels", "temperatures", "states"}


def test_scores_that_are_always_wrong():
    result = calibrate("model", "wrong.spacy")
    for task in ("sentiment", "topic"):
        assert f"{task}: the higher the temperature, the better" in result.output
        assert float(tables(result.output)[0][task][0]) > HIGHEST * 0.99


def test_nothing_is_stored_unless_asked_for():
    before = contents(".")
    result = calibrate("model", "dev.spacy", "--test", "few.spacy")
    assert "Nothing is stored" in result.output
    assert contents(".") == before
    dev, test = tables(result.output)
    assert [row[0] for row in dev.values()] == [row[0] for row in test.values()]
    assert [test[name][1] for name in ("tagger", "sentiment", "topic")] == ["13", "3", "0"]


def test_in_place(tmp_path):
    spacy.load("model").to_disk(tmp_path / "model")
    (tmp_path / "model" / "README.md").write_text("mine")
    before = contents(tmp_path / "model")
    calibrate("model", "dev.spacy", "--output", str(tmp_path / "out"))
    result = calibrate(str(tmp_path / "model"), "dev.spacy", "--in-place")
    assert result.exit_code == 0, result.output
    assert "model card" not in result.output
    after = contents(tmp_path / "model")
    cfg = Path("multitask/cfg")
    assert after[cfg] == contents(tmp_path / "out")[cfg] != before[cfg]
    assert {**after, cfg: b""} == {**before, cfg: b""}
    spacy.load(tmp_path / "model").to_disk(tmp_path / "again")
    assert contents(tmp_path / "again")[cfg] == after[cfg]  # what `to_disk` writes
    again = calibrate(str(tmp_path / "model"), "dev.spacy")  # from the scores, whatever it was
    for name, row in tables(again.output)[0].items():
        assert float(row[0]) == pytest.approx(float(tables(result.output)[0][name][0]), rel=1e-2)
        assert row[2] == row[3]  # no better than before


def test_a_card_that_is_of_before(tmp_path):
    spacy.load("model").to_disk(tmp_path / "model")
    (tmp_path / "model" / "README.md").write_text(f"{MARK}\n")
    args = (str(tmp_path / "model"), "dev.spacy")
    assert "Its model card is of before" in calibrate(*args, "--in-place").output
    assert "Its model card is of before" in calibrate(*args, "--output", str(tmp_path / "o")).output


def test_tasks_without_gold_keep_their_temperature(tmp_path):
    result = calibrate("model", "few.spacy", "--output", str(tmp_path / "out"))
    (table,) = tables(result.output)
    assert table["pos"] == ["0.200", "0", "-", "-", "0", "-", "-", "-"]
    assert "pos: nothing to fit on, it keeps its temperature." in result.output
    # What is all right only grows surer.
    assert "sentiment: the lower the temperature, the better" in result.output
    assert spacy.load(tmp_path / "out").get_pipe("multitask").tasks["pos"].temperature == 0.2


def test_threshold_is_warned_of(tmp_path):
    tasks = {"topic": {"@mtl_tasks": "spacy_mtl.TextCat.v1", "exclusive": False, "threshold": 0.3}}
    nlp = trained(make_nlp(tasks), 12, layers=["topic"])
    multitask(nlp).tasks["topic"].temperature = 0.1
    nlp.to_disk(tmp_path / "model")
    warning = "topic: which scores reach its thresholds has changed"
    result = calibrate(str(tmp_path / "model"), "dev.spacy", "--no-thresholds", "--in-place")
    assert warning in result.output and not thresholds(result.output)
    result = calibrate(str(tmp_path / "model"), "dev.spacy", "--no-thresholds")
    assert warning not in result.output  # nor has the temperature
    result = calibrate(str(tmp_path / "model"), "dev.spacy")  # chooses it anew
    assert warning not in result.output and thresholds(result.output)


def test_thresholds_of_labels(tmp_path):
    result = calibrate("model", "dev.spacy", "--test", "few.spacy", "--output", str(tmp_path / "o"))
    (table,) = thresholds(result.output)  # few.spacy has none of these labels
    nlp = spacy.load(tmp_path / "o")
    task = multitask(nlp).tasks["topic"]
    assert list(table) == list(task.labels)
    assert [float(row[0]) for row in table.values()] == pytest.approx(
        list(task.label_thresholds.values()), abs=1e-3
    )
    assert set(task.label_thresholds.values()) != {0.5}
    docs = DocBin().from_disk("dev.spacy").get_docs(nlp.vocab)
    examples = [Example(bare(doc), doc) for doc in docs]
    f = nlp.evaluate(examples)["topic_f_per_type"]
    for label, (_, gold, before, after) in table.items():
        assert float(after) == pytest.approx(f[label]["f"], abs=1e-3)
        assert float(after) >= float(before)
        assert int(gold) == sum(example.reference.cats[label] for example in examples)
    for changed in (spacy.load(tmp_path / "o"), spacy.load("model")):
        multitask(changed).tasks["topic"].threshold = 0.5
        assert changed.evaluate(examples)["topic_f_per_type"] != f
    assert "mean" in result.output


def test_documents_of_no_class(saved, tmp_path, monkeypatch):
    copy(saved / "few.spacy", tmp_path)
    monkeypatch.chdir(tmp_path)
    block = {"@mtl_tasks": "spacy_mtl.TextCat.v2", "ngram_rows": 64}
    nlp = trained(make_nlp({"sentiment": block}), 12, layers=["sentiment"])
    nlp.to_disk("model")
    docs = [nlp.make_doc("Nothing known"), nlp.make_doc("Nor is this")]
    for doc in docs:
        doc.cats = {"sentiment=pos": 0.0, "sentiment=neg": 0.0}
    DocBin(docs=docs).to_disk("none.spacy")
    result = calibrate(
        "model", "few.spacy", "--test", "none.spacy", "--refuse", "0.4", "--in-place"
    )
    assert result.exit_code == 0, result.output
    dev, test = tables(result.output)[2:]
    limit = spacy.load("model").get_pipe("multitask").tasks["sentiment"].refuse_above
    assert dev["sentiment"] == [f"{limit:.3f}", "3", "33.3%", "0", "-", "-"]
    assert test["sentiment"] == [f"{limit:.3f}", "0", "-", "2", "100.0%", "-"]
    assert spacy.load("model")("Nothing known").cats == docs[0].cats
    calibrate("model", "few.spacy", "--in-place")
    assert spacy.load("model").get_pipe("multitask").tasks["sentiment"].refuse_above == limit
    calibrate("model", "few.spacy", "--in-place", "--refuse", "0")
    assert sum(spacy.load("model")("Nothing known").cats.values()) == pytest.approx(1.0)
    result = calibrate(str(saved / "model"), "few.spacy", "--refuse", "0.05")
    assert result.exit_code == 1 and "Expected a task that can refuse documents" in result.stderr
    result = calibrate("model", "few.spacy", "--refuse", "5")
    assert result.exit_code == 1 and "share of documents from 0 to below 1" in result.stderr


def test_who_has_no_probabilities_is_named_and_passed_over(tmp_path):
    tasks = {"sentiment": {"@mtl_tasks": "spacy_mtl.TextCat.v1"}, "level": BLOCKS["level"]}
    nlp = trained(make_nlp(tasks), 12, layers=["sentiment"])
    multitask(nlp).tasks["sentiment"].temperature = 0.1
    nlp.to_disk(tmp_path / "model")
    result = calibrate(str(tmp_path / "model"), "dev.spacy", "--output", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert "level: has no probabilities to calibrate" in result.output
    assert [*tables(result.output)[0]] == ["sentiment"]
    assert spacy.load(tmp_path / "out").get_pipe("multitask").tasks["sentiment"].temperature > 0.1
    nlp = make_nlp({"level": BLOCKS["level"]})
    nlp.initialize()
    nlp.to_disk(tmp_path / "without")
    result = calibrate(str(tmp_path / "without"), "dev.spacy")
    assert (
        result.exit_code == 1 and "probabilities to calibrate, got none of level" in result.stderr
    )


def test_several_components(tmp_path):
    nlp = make_nlp(["tagger"], inline=True)
    nlp = trained(nlp, 5, layers=["tagger"])
    layers = ["ner", "tagger"]
    other = trained(make_nlp(layers, inline=True), 5, layers=layers)
    nlp.add_pipe("multitask", name="second", source=other)
    for name, task in (("multitask", "tagger"), ("second", "ner")):
        nlp.get_pipe(name).tasks[task].temperature = 0.2
    nlp.to_disk(tmp_path / "model")
    result = calibrate(str(tmp_path / "model"), "dev.spacy", "--in-place")
    assert "multitask.tagger" in result.output and "second.tagger" in result.output
    assert [*tables(result.output)[0]] == ["ner"]  # there is no other
    after = spacy.load(tmp_path / "model")
    for name, task in (("multitask", "tagger"), ("second", "ner")):
        assert after.get_pipe(name).tasks[task].temperature > 0.2


@pytest.mark.parametrize(
    "args, message",
    [
        (["model", "bare.spacy"], "Expected in bare.spacy annotation of the tasks of model"),
        (["dev.spacy", "dev.spacy"], "Expected the folder or package of a pipeline"),
        (["blank", "dev.spacy"], "Expected a pipeline with a component 'multitask'"),
        (["model", "dev.spacy", "--output", "model"], "--overwrite replaces it"),
        (["model", "dev.spacy", "--output", "new", "--in-place"], "--in-place, got both"),
        (["model", "dev.spacy", "--output", "empty", "--overwrite"], "which is none"),
        (["model", "model/config.cfg"], "Expected a .spacy file or a folder of them"),
    ],
)
def test_errors(args, message):
    if "blank" in args:
        spacy.blank("en").to_disk("blank")
    Path("empty").mkdir(exist_ok=True)
    before = contents("model")
    result = calibrate(*args)
    assert result.exit_code == 1
    assert message in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr
    assert contents("model") == before and not Path("new").exists()


def test_output_may_replace_the_pipeline(tmp_path):
    spacy.load("model").to_disk(tmp_path / "model")
    out = str(tmp_path / "model")
    assert calibrate(out, "dev.spacy", "--output", out, "--overwrite").exit_code == 0
    assert multitask(spacy.load(out)).tasks["tagger"].temperature > 0.2
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_help_has_examples():
    assert "calibrate training/model-best dev.spacy" in calibrate("--help").output
