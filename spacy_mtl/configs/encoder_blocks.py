"""The encoders in a config: spaCy's convolutional ones, and our faster ones of the same function.

Both have the same parameters, see `spacy_mtl.models.encoders`, so that a pipeline whose config was
changed here loads the weights that it had.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

from spacy.util import registry
from thinc.api import Config

Block = dict[str, Any]

HASH_EMBED = "spacy_mtl.HashEmbed.v1"
WINDOW_ENCODER = "spacy_mtl.WindowEncoder.v1"
HASH_EMBED_CNN = "spacy.HashEmbedCNN.v2"
STOCK = {HASH_EMBED: "spacy.MultiHashEmbed.v2", WINDOW_ENCODER: "spacy.MaxoutWindowEncoder.v2"}
# These look up words without a vector in another way than the versions 2, so they can be replaced
# where they have no vectors. MaxoutWindowEncoder.v1 is no layer over documents.
FIRST_VERSIONS = {
    "spacy.HashEmbedCNN.v1": ("pretrained_vectors", HASH_EMBED_CNN),
    "spacy.MultiHashEmbed.v1": ("include_static_vectors", STOCK[HASH_EMBED]),
}
SUBWORDS = ["PREFIX", "SUFFIX", "SHAPE"]


@dataclass(frozen=True)
class Change:
    """What was replaced in a component, by the names that the registry has for it."""

    component: str
    before: list[str]
    after: list[str]

    def __str__(self) -> str:
        return f"{self.component}: {_joined(self.before)} -> {_joined(self.after)}"


def _joined(names: list[str]) -> str:
    """Each of the names once, without the package's."""
    return " + ".join(dict.fromkeys(re.sub(r"^spacy(_mtl)?\.", "", name) for name in names))


def with_fast_encoders(config: Config, precision: str = "fp32") -> tuple[Config, list[Change]]:
    """The config with our encoders in place of spaCy's, wherever they are in a component's model.

    spacy.HashEmbedCNN.v2 becomes a spacy.Tok2Vec.v2 with both of our layers,
    spacy.MultiHashEmbed.v2 and spacy.MaxoutWindowEncoder.v2 become one each. The versions 1 of the
    first two are the same function if they have no word vectors; with vectors they stay.

    precision: of our encoder's products in prediction, also where ours is there already.

    Returns also what was replaced, component by component; nothing if there was nothing to do.
    """

    def replace(block: Block, values: Block) -> Block | None:
        name = block["@architectures"]
        if name in FIRST_VERSIONS:
            vectors, version_2 = FIRST_VERSIONS[name]
            name = name if values[vectors] else version_2
        if name == HASH_EMBED_CNN:
            return _layers_of_cnn(block, values, precision)
        if name == STOCK[HASH_EMBED]:
            return {**block, "@architectures": HASH_EMBED}
        if name == STOCK[WINDOW_ENCODER]:
            return {**block, "@architectures": WINDOW_ENCODER, "precision": precision}
        if name == WINDOW_ENCODER and values.get("precision", "fp32") != precision:
            return {**block, "precision": precision}
        return None

    return _Replacement(config, replace).made()


def with_stock_encoders(config: Config) -> tuple[Config, list[Change]]:
    """The config with spaCy's encoders in place of ours, and what was replaced.

    The settings that only ours have are dropped. The factory "balanced_tok2vec" becomes spaCy's
    "tok2vec", without its balancer: trained pipelines predict the same, training differs.
    """

    def replace(block: Block, values: Block) -> Block | None:
        stock = STOCK.get(block["@architectures"])
        if stock is None:
            return None
        known = signature(registry.get("architectures", stock)).parameters
        settings = {key: value for key, value in block.items() if key in known}
        return {"@architectures": stock, **settings}

    return _Replacement(config, replace, {"balanced_tok2vec": "tok2vec"}).made()


def needing_package(config: Config) -> list[str]:
    """The components that only load where spacy-mtl is installed."""
    ours = re.compile(r"spacy_mtl\.|multitask$|balanced_tok2vec$")

    def names(block: Mapping[str, Any]) -> bool:
        return any(
            names(value)
            if isinstance(value, dict)
            else (key == "factory" or key.startswith("@")) and bool(ours.match(value))
            for key, value in block.items()
        )

    return [name for name, component in config["components"].items() if names(component)]


def _layers_of_cnn(block: Block, values: Block, precision: str) -> Block:
    """The two layers that spaCy makes for HashEmbedCNN."""
    rows, subwords = values["embed_size"], SUBWORDS if values["subword_features"] else []
    return {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {
            "@architectures": HASH_EMBED,
            "width": block["width"],
            "attrs": ["NORM", *subwords],
            "rows": [rows, *[rows // 2 for _ in subwords]],
            "include_static_vectors": bool(values["pretrained_vectors"]),
        },
        "encode": {
            "@architectures": WINDOW_ENCODER,
            "width": block["width"],
            "window_size": block["window_size"],
            "maxout_pieces": block["maxout_pieces"],
            "depth": block["depth"],
            "precision": precision,
        },
    }


class _Replacement:
    """One pass over the components of a config, whose variables stay variables.

    replace: gets a block with "@architectures" and the same with the variables' values; what
        comes in its place, or None to leave it.
    factories: what comes in place of a factory; its settings beside the model are dropped.
    """

    def __init__(
        self,
        config: Config,
        replace: Callable[[Block, Block], Block | None],
        factories: Mapping[str, str] | None = None,
    ) -> None:
        self._config = config.copy()
        self._values = config.interpolate()
        self._replace = replace
        self._factories = factories or {}
        self._moved: dict[str, Any] = {}  # what has another place or none, by its old path
        self._change = Change("", [], [])

    def made(self) -> tuple[Config, list[Change]]:
        """The config with everything replaced, and what that was."""
        changes = []
        for name, component in self._config["components"].items():
            self._change = Change(name, [], [])
            if "factory" in component:  # others have a source
                self._replace_factory(component)
            if isinstance(component.get("model"), dict):
                values = self._values["components"][name]["model"]
                component["model"] = self._replaced(
                    component["model"], values, f"components.{name}.model"
                )
            if self._change.before:
                changes.append(self._change)
        self._follow(self._config)
        return self._config, changes

    def _replace_factory(self, component: Block) -> None:
        factory = component["factory"]
        if factory not in self._factories:
            return
        self._note([factory], [self._factories[factory]])
        component["factory"] = self._factories[factory]
        for key in set(component) - {"factory", "model"}:
            del component[key]

    def _replaced(self, block: Block, values: Block, path: str) -> Block:
        new = self._replace(block, values) if "@architectures" in block else None
        if new is None:
            return {
                key: self._replaced(child, values[key], f"{path}.{key}")
                if isinstance(child, dict)
                else child
                for key, child in block.items()
            }
        parts = [part for part in new.values() if isinstance(part, dict)] or [new]
        self._note([block["@architectures"]], [part["@architectures"] for part in parts])
        for key in set(block) - set(new):
            in_encode = key in new.get("encode", {})
            self._moved[f"{path}.{key}"] = f"${{{path}.encode.{key}}}" if in_encode else values[key]
        return new

    def _note(self, before: list[str], after: list[str]) -> None:
        self._change.before.extend(before)
        self._change.after.extend(after)

    def _follow(self, section: dict[str, Any]) -> None:
        """Let variables follow what they name to its new place."""
        for key, value in section.items():
            if isinstance(value, dict):
                self._follow(value)
            elif isinstance(value, str) and "${" in value:
                variable = re.fullmatch(r"\$\{([\w.:-]+)\}", value)
                path = variable[1].replace(":", ".") if variable else ""
                section[key] = self._moved.get(path, value)
