"""Every command, once with an installed package and once with its file as --code."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from . import distribution, loaded

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Ran:
    """A session that has ended: its folder, what each command said, and the path of its parts."""

    folder: Path
    said: dict[str, dict[str, Any]] = field(repr=False)
    path: list[str]
    code: bool

    def output(self, name: str) -> str:
        """What a command printed, which has come to a good end."""
        said = self.said[name]
        assert said["exit_code"] == 0, said["output"] + said["error"]
        text: str = said["output"]
        return text

    def read(self, name: str) -> Any:
        """A JSON file in the folder."""
        return json.loads((self.folder / name).read_text("utf8"))

    def load(self, model: str, *path: str) -> Any:
        """What `loaded.py` says of a pipeline, in a process of its own."""
        command = [sys.executable, loaded.__file__, model, "data/texts.jsonl"]
        done = subprocess.run(
            command, env=environment(*self.path, *path), cwd=self.folder, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)


def environment(*path: str) -> dict[str, str]:
    """That of this process with more of a path, and an order of sets of its own."""
    before = os.environ.get("PYTHONPATH", "")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [*path, before])),
        "ANSI_COLORS_DISABLED": "1",
        "PYTHONHASHSEED": "7",
    }


@pytest.fixture(scope="session")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """Both sessions, which run at once."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("installed", "code")}
    package = tmp_path_factory.mktemp("site") / "packages"
    distribution.install(package)
    paths = {"installed": [str(package)], "code": []}
    processes = {}
    for name, folder in folders.items():
        command = [sys.executable, "-m", "extension.session", str(folder)]
        command += [str(distribution.MODULE)] if name == "code" else []
        processes[name] = subprocess.Popen(
            command,
            env=environment(str(TESTS), str(TESTS.parent), *paths[name]),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    printed = {name: process.communicate()[0].decode() for name, process in processes.items()}
    found = {}
    for name, process in processes.items():
        assert process.returncode == 0, printed[name]
        said = json.loads((folders[name] / "said.json").read_text("utf8"))
        path = [str(TESTS.parent), *paths[name]]
        found[name] = Ran(folders[name], said, path, name == "code")
    return found


@pytest.fixture(scope="session", params=["installed", "code"])
def ran(request: pytest.FixtureRequest, sessions: dict[str, Ran]) -> Ran:
    found: Ran = sessions[request.param]
    return found
