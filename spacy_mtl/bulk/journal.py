"""How far a run has come, and of what: what it needs to go on after it was killed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..errors import MTLError
from ..files import write_whole

VERSION = 2


@dataclass(frozen=True)
class Identity:
    """What must be the same when a run goes on.

    input: a digest of all that the input files hold.
    model: one of the pipeline's files, and of the code it needs.
    options: those that shape the output, as JSON.
    """

    input: str
    model: str
    options: str


@dataclass(frozen=True)
class Progress:
    """What is done and on disk.

    file, ordinal: the place in the input, as `Input.sources` takes it.
    documents, failed, words: how many so far.
    parts: how many, each a file.
    output: bytes of these files.
    errors: bytes of what the side file will have.
    complete: whether there is nothing more to annotate.
    """

    file: int = 0
    ordinal: int = 0
    documents: int = 0
    failed: int = 0
    words: int = 0
    parts: int = 0
    output: int = 0
    errors: int = 0
    complete: bool = False


@dataclass
class Journal:
    """A small file beside the output, with a checksum; it is replaced as a whole."""

    path: Path
    identity: Identity
    progress: Progress = field(default_factory=Progress)

    def write(self, progress: Progress) -> None:
        """Say that so much is done. RAISES (MTLError): If it cannot be written."""
        content = {
            "version": VERSION,
            "identity": asdict(self.identity),
            "progress": asdict(progress),
        }
        text = json.dumps({**content, "checksum": _checksum(content)}, indent=2)
        write_whole(self.path, f"{text}\n".encode())
        self.progress = progress

    @classmethod
    def read(cls, path: Path) -> Journal:
        """RAISES (MTLError): If it is damaged, or of another version of this package."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.pop("checksum") != _checksum(content):
                raise ValueError("another checksum")
            if content["version"] == VERSION:
                return cls(path, Identity(**content["identity"]), Progress(**content["progress"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise MTLError(
                f"Expected the journal of an unfinished run in {path}, got a damaged one "
                f"({error}). Begin anew with --overwrite."
            ) from error
        raise MTLError(
            f"Expected the journal of an unfinished run in {path}, got one of another version of "
            "spacy-mtl. Go on with that version, or begin anew with --overwrite."
        )

    def check(self, identity: Identity) -> None:
        """RAISES (MTLError): If the run would go on with something else than it began with."""
        for name, what in (
            ("input", "the input"),
            ("model", "the pipeline"),
            ("options", "the options"),
        ):
            if getattr(self.identity, name) != getattr(identity, name):
                now = f": {identity.options}" if name == "options" else ""
                then = f" ({self.identity.options})" if name == "options" else ""
                raise MTLError(
                    f"Expected {what} to be the same as when the run began{then}, got another"
                    f"{now}. Go on with what it was, or begin anew with --overwrite."
                )


def _checksum(content: dict[str, Any]) -> str:
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()
