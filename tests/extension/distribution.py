"""The package `foreign` as pip would have installed it: a module and its entry points."""

import shutil
from pathlib import Path

MODULE = Path(__file__).with_name("foreign.py")

ENTRY_POINTS = """
[spacy_mtl_tasks]
foreign.Distance.v1 = foreign:Distance
foreign.Pairs.v1 = foreign:Pairs
[spacy_mtl_layers]
distance = foreign:make_distance_layer
pairs = foreign:make_pairs_layer
[spacy_architectures]
foreign.TwoEncoders.v1 = foreign:TwoEncoders
foreign.Stacked.v1 = foreign:Stacked
[spacy_mtl_balancers]
foreign.LossBalanced.v1 = foreign:LossBalanced
[spacy_mtl_samplers]
foreign.ByName.v1 = foreign:ByName
[spacy_mtl_formats]
slashes = foreign:read_slashes
"""


def install(folder: Path) -> None:
    """Put it into a folder, which is to be on the path."""
    folder.mkdir()
    shutil.copy(MODULE, folder)
    info = folder / "foreign-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n", "utf8")
    (info / "entry_points.txt").write_text(ENTRY_POINTS, "utf8")
