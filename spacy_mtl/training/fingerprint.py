"""What a training depends on: its config, and the content of its files."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from thinc.api import get_current_ops

from ..digests import digest
from ..errors import MTLError

PACKAGES = ("spacy-mtl", "spacy", "thinc", "numpy")
OPTIONAL = ("torch", "transformers")
CODE = "the file given by --code"


def fingerprint(
    config: Mapping[str, Any], leave_out: Path, code: Path | None = None
) -> dict[str, Any]:
    """The config with all variables filled in, a checksum of each file or folder that its
    [corpora], [initialize] and sourced components name, and the versions of packages.

    leave_out: the output folder, should it be in one of these. code: the file of registered
    functions, wherever it lies.
    RAISES (MTLError): If a file cannot be read.
    """
    files = {path: _checksum(Path(path), leave_out) for path in sorted(set(_paths(config)))}
    if code is not None:
        files[CODE] = _checksum(code, leave_out)
    document = json.loads(json.dumps(config))
    return {"config": document, "files": files, "versions": _versions()}


def check_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Compare two fingerprints, and warn of other versions.

    RAISES (MTLError): If anything else differs, which it names.
    """
    if before["versions"] != now["versions"]:
        old, new = before["versions"], now["versions"]
        changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        warnings.warn(
            f"The training began with other versions of {', '.join(changed)}: the result may "
            "differ from that of a training which was never stopped.",
            stacklevel=2,
        )
    if (before["config"], before["files"]) == (now["config"], now["files"]):
        return
    old, new = dict(_flat(before["config"])), dict(_flat(now["config"]))
    changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    if changed:
        what = f"the config has changed in {_some(changed)}"
    else:
        files, present = before["files"], now["files"]
        changed = [
            path for path in sorted({*files, *present}) if files.get(path) != present.get(path)
        ]
        what = f"the content has changed of {_some(changed)}"
    raise MTLError(
        f"Expected to resume a training of the same config and data, but {what}. "
        "Restore it, or begin a new training with --overwrite."
    )


def _versions() -> dict[str, str]:
    """Of what every training uses, what it may use, and cupy on a GPU."""
    versions = {name: version(name) for name in PACKAGES}
    for name in OPTIONAL:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    ops: Any = get_current_ops()
    if ops.xp.__name__ == "cupy":
        versions["cupy"] = ops.xp.__version__
    return versions


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _flat(config: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _paths(config: Mapping[str, Any]) -> Iterator[str]:
    """All settings in the sections that are read from that are paths."""
    read = [config.get("corpora") or {}, config.get("initialize") or {}]
    sources = [{"source": c.get("source")} for c in (config.get("components") or {}).values()]
    for section in [*read, *sources]:
        for _, value in _flat(section):
            if isinstance(value, str) and value and os.path.exists(value):
                yield value


def _checksum(path: Path, leave_out: Path) -> str:
    """Of a file's content, or of the names and contents of all files in a folder."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return digest(
        (f"{file.relative_to(path)}\0{file.stat().st_size}\0", file)
        for file in files
        if not file.resolve().is_relative_to(leave_out.resolve())
    )
