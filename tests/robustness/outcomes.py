"""What became of a case: accepted, refused with a proper error, or something that must not be."""

from __future__ import annotations

import re
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from configparser import Error as ConfigParserError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from catalogue import RegistryError
from thinc.api import ConfigValidationError

from spacy_mtl.errors import MTLError

ACCEPTED = "accepted"
OURS = "our error"
SPACYS = "spaCy's error"
CRASH = "crash"
HANG = "hang"
UNCLEAR = "unclear error"  # of ours, but not one line
WRONG = "silent wrong output"
GOOD = (ACCEPTED, OURS, SPACYS)
OUTCOMES = (*GOOD, UNCLEAR, CRASH, HANG, WRONG)
SECONDS = 20.0  # of processor time that a case may take
LENGTH = 1200  # characters that the one line of an error may have

Case = TypeVar("Case")
_SPACYS = (ConfigValidationError, ConfigParserError, RegistryError)
_SPACY_CODE = re.compile(r"\[E\d{3,4}\]")
_OUR_CODE = re.compile(r"[/\\]spacy_mtl[/\\]")


class WrongOutput(Exception):
    """What came out is not what the input says, and nobody said so."""


class TooLong(BaseException):
    """A case took longer than it may; no `except Exception` stops it."""


@dataclass(frozen=True)
class Outcome:
    """kind: one of `OUTCOMES`. detail: the error's type and message, "" if accepted."""

    kind: str
    detail: str = ""

    @property
    def good(self) -> bool:
        return self.kind in GOOD


def require(condition: Any, what: str) -> None:
    """Raise WrongOutput, saying what it is, unless the condition holds."""
    if not condition:
        raise WrongOutput(what)


def outcome_of(
    run: Callable[[Case], Any], case: Case, seconds: float = SECONDS, spacys_files: bool = False
) -> Outcome:
    """Run a case and say what became of it.

    spacys_files: whether any error counts as spaCy's which comes from outside of this package.
    """
    try:
        with warnings.catch_warnings(), _time_limit(seconds):
            warnings.simplefilter("ignore")
            run(case)
    except TooLong:
        return Outcome(HANG, f"longer than {seconds:g} seconds")
    except WrongOutput as error:
        return Outcome(WRONG, str(error))
    except Exception as error:
        return Outcome(_kind(error, spacys_files), f"{type(error).__name__}: {error}")
    return Outcome(ACCEPTED)


def _kind(error: Exception, spacys_files: bool) -> str:
    if isinstance(error, MTLError):
        return OURS if len(str(error)) <= LENGTH and "\n" not in str(error) else UNCLEAR
    if isinstance(error, _SPACYS) or _SPACY_CODE.search(str(error)):
        return SPACYS
    frames = traceback.extract_tb(error.__traceback__)
    if spacys_files and not any(_OUR_CODE.search(frame.filename) for frame in frames):
        return SPACYS
    return CRASH


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def stop(signum: int, frame: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGPROF, stop)
    # Again every second, as Python ignores what is raised in a destructor or a callback of `gc`.
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
