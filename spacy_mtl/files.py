"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import MTLError


def write_whole(path: Path, data: bytes) -> None:
    """Write beside the file and rename, so that it is whole or as before; its folder is made.

    RAISES (MTLError): If it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise MTLError(f"Expected to be able to write {path}, got: {reason}.") from error
