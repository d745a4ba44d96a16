"""Sources to annotated bytes, a part at a time, in this process."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import raise_error

from ..code_file import code_hint, import_code
from ..errors import MTLError
from .encoding import Encoder
from .lines import SHOWN
from .memory import release_free_memory
from .records import Record, Source, Tokenized, plain, to_record
from .sources import Input

Advance = Callable[[int], None]


@dataclass
class Part:
    """What became of some consecutive documents.

    data: the annotated ones, in the output's format.
    failures: what the side file says of each of the others.
    documents: number of the annotated ones.
    words: number of their tokens.
    end: the last source's file and ordinal.
    """

    data: bytes = b""
    failures: list[bytes] = field(default_factory=list)
    documents: int = 0
    words: int = 0
    end: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Pipeline:
    """Which pipeline to load, and how.

    model: a folder or the name of a package.
    code: a Python file to import before, with functions that the pipeline needs.
    gpu_id: the GPU, -1 for the CPU.
    threads: of torch, None for as many as it wants.
    """

    model: str
    code: Path | None = None
    gpu_id: int = -1
    threads: int | None = None

    def load(self) -> Language:
        """RAISES (MTLError): If there is no such pipeline or GPU, or the code is no good."""
        if self.code is not None:
            import_code(self.code)
        try:
            if self.gpu_id >= 0:
                spacy.require_gpu(self.gpu_id)
            nlp = spacy.load(self.model)
        except Exception as error:  # whatever the components or their files raise
            raise MTLError(
                f"Expected to be able to load the pipeline {self.model}, got "
                f"{type(error).__name__}: {error}{code_hint(error)}"
            ) from error
        if self.threads and (torch := sys.modules.get("torch")):
            torch.set_num_threads(self.threads)
        nlp.set_error_handler(raise_error)  # no document may be left out silently
        return nlp


class Annotator:
    """Runs a pipeline over parts of the input.

    What spaCy keeps of new words is freed after each part but the first, from which the frequent
    words stay: within memory zones the tokenizer caches nothing.

    nlp: the pipeline.
    encoder: of the output's format.
    source: the input, for what failures say.
    batch_size: documents in a batch, None for the pipeline's own.
    """

    def __init__(
        self, nlp: Language, encoder: Encoder, source: Input, batch_size: int | None = None
    ) -> None:
        self.nlp = nlp
        self.encoder = encoder
        self.source = source
        self.batch_size = batch_size or nlp.batch_size
        self._is_warm = False

    def annotate_all(self, parts: Iterable[Sequence[Source]], advance: Advance) -> Iterator[Part]:
        """Annotate one part after the other, as `annotate` does."""
        return (self.annotate(part, advance) for part in parts)

    def annotate(self, sources: Sequence[Source], advance: Advance) -> Part:
        """Annotate a part; a document that fails does not stop the others.

        advance: called with the number of documents of each batch that is done.
        """
        with self.nlp.memory_zone() if self._is_warm else nullcontext():
            part = self._annotate(sources, advance)
        release_free_memory()
        self._is_warm = True
        return part

    def _annotate(self, sources: Sequence[Source], advance: Advance) -> Part:
        part = Part(end=(sources[-1].file, sources[-1].ordinal))
        rows: list[Any] = []
        for start in range(0, len(sources), self.batch_size):
            batch = sources[start : start + self.batch_size]
            for doc, row in self._rows(batch, part.failures):
                rows.append(row)
                part.words += len(doc)
            advance(len(batch))
        part.documents = len(rows)
        part.data = self.encoder.join(rows)
        return part

    def _rows(self, sources: Sequence[Source], failures: list[bytes]) -> Iterator[tuple[Doc, Any]]:
        """The Doc and the row of each document that does not fail."""
        given: list[tuple[Source, Record, Doc]] = []
        found: dict[int, Exception] = {}
        for source in sources:
            try:
                record = to_record(source, self.source.text_field)
                given.append((source, record, self._doc(record)))
            except Exception as error:  # of the tokenizer too
                found[id(source)] = error
        for (source, record, _), done in zip(given, self._pipe(given), strict=True):
            try:
                if isinstance(done, Exception):
                    raise done
                yield done, self.encoder.row(done, record)
            except Exception as error:
                found[id(source)] = error
        for source in sources:
            if id(source) in found:
                failures.append(self._failure(source, found[id(source)]))

    def _pipe(self, given: Sequence[tuple[Source, Record, Doc]]) -> list[Doc | Exception]:
        """Annotate a batch; where that fails, each by itself and from its text anew.

        Warns if none fails by itself, as then nothing else would tell of the batch's error.
        """
        try:
            whole = list(self.nlp.pipe([doc for *_, doc in given], batch_size=self.batch_size))
            if len(whole) == len(given):
                return list(whole)
            why = f"{len(whole)} documents came back"
        except Exception as error:  # whatever a component raises
            why = f"{type(error).__name__}: {error}"
        done = [self._pipe_one(record) for _, record, _ in given]
        if not any(isinstance(each, Exception) for each in done):
            warnings.warn(
                f"A batch of {len(given):,} documents could not be annotated at once ({why}), and "
                "was one by one, which is slower. A smaller --batch-size may help.",
                stacklevel=2,
            )
        return done

    def _pipe_one(self, record: Record) -> Doc | Exception:
        try:
            done = list(self.nlp.pipe([self._doc(record)]))
            if len(done) != 1:
                raise MTLError(f"Expected the pipeline to give one document, got {len(done)}.")
            return done[0]
        except Exception as error:  # whatever a component raises
            return error.with_traceback(None)  # which would keep the Doc

    def _doc(self, record: Record) -> Doc:
        longest = self.nlp.max_length
        if len(record.text) > longest:
            raise MTLError(
                f"Expected a text of at most {longest:,} characters (nlp.max_length), got "
                f"{len(record.text):,}. Split it."
            )
        if record.words is None:
            return self.nlp.make_doc(record.text)
        user_data = dict(record.user_data or {})
        vocab = self.nlp.vocab
        return Doc(vocab, words=record.words, spaces=record.spaces, user_data=user_data)

    def _failure(self, source: Source, error: Exception) -> bytes:
        """A line of the side file: where the document is, why it failed, and what it is."""
        message = str(error) if isinstance(error, MTLError) else f"{type(error).__name__}: {error}"
        line: dict[str, Any] = {self.source.unit: source.number, "error": message}
        if len(self.source.files) > 1:
            line = {"file": str(self.source.files[source.file]), **line}
        try:
            record = to_record(source, self.source.text_field)
            line["record"] = plain({**record.fields, "text": record.text})
        except Exception:
            line["source"] = _begin(source.content)
        text = json.dumps(line, ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace") + b"\n"  # as JSON escapes a surrogate


def _begin(content: str | dict[str, Any] | Tokenized) -> Any:
    """What cannot be read, as it can be shown."""
    if isinstance(content, dict):
        return plain(content)
    return (content if isinstance(content, str) else content.text)[:SHOWN]
