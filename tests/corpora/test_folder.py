from collections.abc import Iterable
from pathlib import Path

import pytest

from spacy_mtl.corpora.folder import Split, convert_folder, passed_over, split_of
from spacy_mtl.errors import MTLError


def names_of(text: str) -> list[Path]:
    return [Path(name) for name in text.split()]


@pytest.mark.parametrize(
    "split, names",
    [
        ("dev", "val valid validation validate dev devel development eval evaluation"),
        ("dev", "testa devtest test-a dev_test Dev valSet DEVSET x.testa.y validation-0-of-2"),
        ("test", "test tests testing testb heldout held-out holdout TestData test_B test2"),
        ("train", "train training x reviews latest device invalidated text-de-v2 my-data set"),
    ],
)
def test_words_of_a_name(split: str, names: str) -> None:
    for name in names.split():
        told = split_of(Path(f"{name}.csv"))
        assert (told.name, told.doubt) == (split, ""), name


def test_a_folder_goes_before_the_file_and_the_nearest_goes_first() -> None:
    told = {str(path): split_of(path)[:2] for path in names_of("val/a.csv val/b/c.csv eval/dev/d")}
    assert told == {
        "val/a.csv": ("dev", "val"),
        "val/b/c.csv": ("dev", "val"),
        "eval/dev/d": ("dev", "dev"),
    }
    assert split_of(Path("train/a-test.csv")) == Split("train", "train", "it says test too")
    assert split_of(Path("test/x/train/a.csv")) == Split("train", "train", "it says test too")


@pytest.mark.parametrize("name", ["validated.tsv", "validated/de.tsv", "my-trainval.csv"])
def test_names_that_only_look_held_out(name: str) -> None:
    assert split_of(Path(name)).name == "train"
    assert split_of(Path(name)).doubt


def test_the_last_of_several_words_decides() -> None:
    assert split_of(Path("test-suite-train.csv"))[::2] == ("train", "it says test too")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "in"


def fill(folder: Path, names: str) -> None:
    for name in names.split():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def converted(folder: Path, output: Path, of_one_format: bool = False) -> dict[str, str]:
    """What each file of the output was made of; a stand-in writes the source's own name."""

    def convert(source: Path, target: Path, split: Split) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(str(source.relative_to(folder)))

    convert_folder(folder, output, convert, of_one_format)
    return {name: (output / name).read_text() for name in relative(output.rglob("*.*"), output)}


def relative(paths: Iterable[Path], folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in paths)


def test_files_of_subfolders(folder: Path, tmp_path: Path) -> None:
    fill(folder, "train/a.csv train/b/c.jsonl val/a.csv news/testb.csv .git/x.csv ._x.csv")
    assert converted(folder, tmp_path / "out") == {
        "train/a_csv.spacy": "train/a.csv",
        "train/b/c_jsonl.spacy": "train/b/c.jsonl",
        "dev/a_csv.spacy": "val/a.csv",
        "test/news/testb_csv.spacy": "news/testb.csv",
    }


def test_no_two_files_become_one(folder: Path, tmp_path: Path) -> None:
    names = "a.csv a.jsonl train/a.csv val/b.csv dev/b.csv train/x/b.csv x/train/b.csv"
    fill(folder, names)
    found = converted(folder, tmp_path / "out")
    assert sorted(found.values()) == sorted(names.split())
    assert found["dev/val/b_csv.spacy"] == "val/b.csv"


def test_links_are_followed_but_not_in_circles(folder: Path, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", "a.csv")
    fill(folder, "b.csv")
    (folder / "dev").symlink_to(tmp_path / "elsewhere")
    (folder / "again").symlink_to(folder)
    assert list(converted(folder, tmp_path / "out").values()) == ["dev/a.csv", "b.csv"]


def test_the_output_may_be_in_the_folder(folder: Path) -> None:
    fill(folder, "a.csv notes.txt more/notes.txt")
    for _ in range(2):
        assert converted(folder, folder / "out") == {"train/a_csv.spacy": "a.csv"}
        assert relative(passed_over(folder, folder / "out"), folder) == [
            "more/notes.txt",
            "notes.txt",
        ]


def test_strangers_deep_in_the_output(folder: Path, tmp_path: Path) -> None:
    fill(folder, "a.csv")
    fill(tmp_path / "out", "dev/old/b_csv.spacy")
    with pytest.raises(MTLError, match="only what comes from these files, got .*b_csv"):
        converted(folder, tmp_path / "out")


def test_suffixes_that_tell_a_split(folder: Path, tmp_path: Path) -> None:
    fill(folder, "eng.train eng.testa eng.testb README dev.txt notes.txt")
    with pytest.raises(MTLError, match="With --format or --columns"):
        converted(folder, tmp_path / "out")
    assert converted(folder, tmp_path / "out", of_one_format=True) == {
        "train/eng_train.spacy": "eng.train",
        "dev/eng_testa.spacy": "eng.testa",
        "dev/dev_txt.spacy": "dev.txt",
        "test/eng_testb.spacy": "eng.testb",
    }
    left = passed_over(folder, tmp_path / "out", of_one_format=True)
    assert relative(left, folder) == ["README", "notes.txt"]
