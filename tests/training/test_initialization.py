from pathlib import Path

import pytest

from spacy_mtl.errors import MTLError
from spacy_mtl.training.initialization import initialized

from .runs import stock

EMBED = {
    "@architectures": "spacy.MultiHashEmbed.v2",
    "width": 16,
    "attrs": ["ORTH"],
    "rows": [20],
    "include_static_vectors": True,
}
ENCODE = {
    "@architectures": "spacy.MaxoutWindowEncoder.v2",
    "width": 16,
    "depth": 1,
    "window_size": 1,
    "maxout_pieces": 2,
}


@pytest.mark.parametrize("wanting", [True, False])
def test_vectors_that_spacys_encoder_is_to_look_up(tmp_path: Path, wanting: bool) -> None:
    config = stock(tmp_path)
    config["components"]["tok2vec"]["model"] = {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {**EMBED, "include_static_vectors": wanting},
        "encode": ENCODE,
    }
    if not wanting:
        assert initialized(config).pipe_names[0] == "tok2vec"
        return
    with pytest.raises(MTLError, match="word vectors that its encoder is to look up.*got none"):
        initialized(config)
