"""A user's Python file with registered functions, which a command or a run names."""

from __future__ import annotations

import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from .errors import MTLError, one_line

MODULE = "python_code"  # as spaCy calls it


def import_code(path: str | Path) -> None:
    """Import a Python file, once in a process, so that what it registers is known.

    While it runs and after, it is the module `python_code`: spaCy's own import leaves it out of
    `sys.modules`, where dataclasses look it up.

    RAISES (MTLError): If there is no such file, or it cannot be imported.
    """
    file = Path(path).resolve()
    before = sys.modules.get(MODULE)
    if before is not None and before.__file__ == str(file):
        return
    spec = spec_from_file_location(MODULE, file)
    if spec is None or spec.loader is None:
        raise _refused(path, "its name does not end in .py")
    module = module_from_spec(spec)
    sys.modules[MODULE] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the file raises
        del sys.modules[MODULE]
        raise _refused(path, f"{type(error).__name__}: {error}{_line(error, file)}") from error


def _refused(path: str | Path, reason: str) -> MTLError:
    return MTLError(
        f"Expected a Python file that can be imported as --code, got {path}: {one_line(reason)}. "
        "Try `python` on it."
    )


def _line(error: Exception, file: Path) -> str:
    """Where in the file it was; a syntax error says it itself."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(file)]
    return f" (line {lines[-1]})" if lines else ""


def code_hint(error: Exception) -> str:
    """What to add to a message where spaCy knows no function or component of a name; else ""."""
    unknown = any(code in str(error) for code in ("[E002]", "[E893]"))
    return " If it is code of yours, give it with --code FILE." if unknown else ""
