"""The scripts that set two versions of the package beside each other."""

import json
import shutil
from math import comb
from pathlib import Path

import pytest
import srsly
import typer

from benchmarks import same_training
from benchmarks.checkouts import Checkout
from benchmarks.paired import order_statistics, ratio

ROOT = Path(__file__).parents[1]
SAVED = ROOT / "tests" / "pipeline" / "saved" / "0.1" / "model"


@pytest.mark.parametrize("n, left_out", [(6, 0), (8, 0), (9, 1), (15, 3), (21, 5), (30, 9)])
def test_order_statistics_as_tabulated(n: int, left_out: int) -> None:
    found, level = order_statistics(n)
    assert found == left_out
    inside = sum(comb(n, k) for k in range(left_out + 1, n - left_out)) / 2**n
    assert level == pytest.approx(inside) and level >= 0.95


def test_too_few_for_an_interval() -> None:
    with pytest.raises(ValueError, match="got 5"):
        order_statistics(5)


def test_ratio_is_that_of_the_pairs() -> None:
    after = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
    before = [a * r for a, r in zip(after, [1.0, 0.9, 1.1, 1.3, 0.8, 1.2, 0.5], strict=True)]
    found = ratio(before, after)
    assert (found.median, found.low, found.high) == pytest.approx((1.0, 0.5, 1.3))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAVED, tmp_path / "model"))


def test_the_same_files_do_not_differ(copied: Path) -> None:
    assert same_training.differences(SAVED, copied) == []


def test_a_changed_weight(copied: Path) -> None:
    path = copied / "multitask" / "model"
    saved = srsly.msgpack_loads(path.read_bytes())
    of_node = next(params for params in saved["params"] if "W" in params)
    of_node["W"] = of_node["W"].copy()
    of_node["W"][0, 0] += 0.25
    path.write_bytes(srsly.msgpack_dumps(saved))
    (found,) = same_training.differences(SAVED, copied)
    assert found.file == "multitask/model" and found.in_weights
    assert len(found.lines) == 1 and "by 0.25 at most" in found.lines[0]


def test_changes_beside_the_weights(copied: Path) -> None:
    path = copied / "multitask" / "model"
    saved = srsly.msgpack_loads(path.read_bytes())
    saved["nodes"][0]["name"] = "another"
    path.write_bytes(srsly.msgpack_dumps(saved))
    meta = json.loads((copied / "meta.json").read_text())
    (copied / "meta.json").write_text(json.dumps({**meta, "performance": {"tag_acc": 0.5}}))
    config = (copied / "config.cfg").read_text()
    (copied / "config.cfg").write_text(config.replace("dropout = 0.1", "dropout = 0.2"))
    (copied / "tok2vec" / "balancer").unlink()
    found = {each.file: each for each in same_training.differences(SAVED, copied)}
    assert not any(each.in_weights for each in found.values())
    assert found["config.cfg"].lines == ["-dropout = 0.1", "+dropout = 0.2"]
    assert "performance: None before, {'tag_acc': 0.5} after" in found["meta.json"].lines
    assert found["tok2vec/balancer"].lines == ["only before"]
    assert found["multitask/model"].lines == ["layers, not parameters"]


def test_missing_weights_differ(copied: Path) -> None:
    (copied / "tok2vec" / "model").unlink()
    (found,) = same_training.differences(copied, SAVED)
    assert found.in_weights and found.lines == ["only after"]


def test_a_checkout_is_imported_with_its_own_entry_points(tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "spacy_mtl", other / "spacy_mtl")
    setup = (ROOT / "setup.cfg").read_text(encoding="utf8")
    own = setup.replace("spacy_mtl.NER.v1 =", "spacy_mtl.Mine.v1 =")
    (other / "setup.cfg").write_text(own, encoding="utf8")
    checkout = Checkout("other", other, tmp_path)  # which checks what is imported
    code = "from spacy_mtl.registry import registry as r; print('\\n'.join(r.mtl_tasks.get_all()))"
    names = checkout.python("-c", code).stdout.split()
    assert "spacy_mtl.Mine.v1" in names and "spacy_mtl.NER.v1" not in names


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="no checkout"):
        Checkout("other", tmp_path, tmp_path)
