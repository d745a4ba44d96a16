"""Files of any size through a pipeline, in a run that can be killed and go on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from spacy.language import Language
from tqdm import tqdm

from ..digests import chunks, digest
from ..errors import MTLError
from .annotator import Annotator, Part, Pipeline
from .encoding import FORMATS, Encoder, JsonlEncoder, SpacyEncoder
from .journal import Identity, Progress
from .options import DEFAULTS, Options, Summary
from .parts import Parts
from .sources import STDIN, Input, open_input
from .store import Store
from .workers import Annotate, Engine, Processes

FAILURES_SHOWN = 5


def annotate_file(
    model: str,
    input: str | Path,
    output: str | Path,
    options: Options = DEFAULTS,
    say: Callable[[str], None] = lambda text: None,
    engine: Engine | None = None,
) -> Summary | None:
    """Annotate all documents of a file or folder, in order, with flat memory.

    The output appears when all is done; until then, what is done is kept in `OUTPUT.partial`.
    A document that fails is written to `OUTPUT.errors.jsonl`, and the others go on.

    model: a folder or the name of a package.
    input: a file, a folder of files of one format, or "-" for stdin.
    output: a file, or without a suffix (or with a slash behind it) a folder, which gets a file
        for each part.
    say: called with what happens on the way.
    engine: what annotates in place of this process, or of so many of this machine.

    Returns what became of it, None if there is nothing to resume but the output is there.
    RAISES (MTLError): If an argument is wrong, something in the way, the input or the pipeline
        another than when the run began, or the output cannot be written.
    """
    _check_names(input, output)
    source = open_input(input, options.input_format, options.text_field)
    path, is_folder = Path(output), _is_folder(str(output))
    encoder = _encoder(path, is_folder, options, source)
    store = Store(path, encoder, is_folder)
    _check_paths(source, store, options, engine)
    if options.resume and not store.unfinished and store.is_there:
        store.tidy()
        return None
    store.check(options.resume, options.overwrite)
    pipeline = _pipeline(model, options, engine)
    alone = engine is None and options.processes == 1
    nlp = (pipeline if alone else replace(pipeline, gpu_id=-1)).load()
    identity = Identity(
        _digest(source.files), _model_digest(nlp, options.code), _shape(options, source, encoder)
    )
    with ExitStack() as stack:
        stack.callback(store.close)
        annotate: Annotate
        if alone:
            annotate = Annotator(nlp, encoder, source, options.batch_size).annotate_all
        else:
            del nlp
            make = partial(_make_annotator, pipeline, encoder, source, options.batch_size)
            annotate = stack.enter_context((engine or Processes(options.processes))(make))
        _start(store, identity, options, say)
        bar = stack.enter_context(_bar(store.progress, source, options.progress))
        return _run(store, source, annotate, bar, options.part_size, say)


def _run(
    store: Store,
    source: Input,
    annotate: Annotate,
    bar: tqdm,
    part_size: int,
    say: Callable[[str], None],
) -> Summary:
    """Annotate what is left, commit each part, and give the output its name."""
    before = store.progress
    left = Parts(source, before.file, before.ordinal, part_size)
    for part in () if before.complete else annotate(left, bar.update):
        shown = max(0, FAILURES_SHOWN - store.progress.failed)
        store.commit(part.data, b"".join(part.failures), _after(store.progress, part))
        for line in part.failures[:shown]:
            say(_describe(line))
        bar.set_postfix(failed=store.progress.failed)
    store.finish()
    done = store.progress
    return Summary(
        documents=done.documents,
        failed=done.failed,
        words=done.words,
        before=before.documents + before.failed,
        output=store.output,
        errors=store.errors if done.failed else None,
    )


def _after(progress: Progress, part: Part) -> Progress:
    return replace(
        progress,
        file=part.end[0],
        ordinal=part.end[1],
        documents=progress.documents + part.documents,
        failed=progress.failed + len(part.failures),
        words=progress.words + part.words,
    )


def _describe(failure: bytes) -> str:
    line = json.loads(failure)
    place = " ".join(f"{key} {line[key]}" for key in ("file", *_UNITS) if key in line)
    return f"failed: {place}: {line['error'].partition(chr(10))[0]}"


_UNITS = ("line", "row", "document")


def _start(store: Store, identity: Identity, options: Options, say: Callable[[str], None]) -> None:
    if options.resume and store.unfinished:
        store.go_on(identity)
        done = store.progress.documents + store.progress.failed
        say(f"Going on behind {done:,} documents.")
    else:
        store.begin(identity)
        if options.resume:
            say("Nothing to go on with: beginning anew.")


def _pipeline(model: str, options: Options, engine: Engine | None) -> Pipeline:
    """With its share of the processor's cores where several processes have it."""
    threads = None
    if engine is not None:
        threads = 1
    elif options.processes > 1:
        threads = max(1, (os.cpu_count() or 1) // options.processes)
    return Pipeline(model, options.code, options.gpu_id, threads)


def _make_annotator(
    pipeline: Pipeline, encoder: Encoder, source: Input, batch_size: int | None
) -> Annotator:
    return Annotator(pipeline.load(), encoder, source, batch_size)


def _is_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or not Path(output).suffix


def _check_names(input: str | Path, output: str | Path) -> None:
    """RAISES (MTLError): If there can be no file of such a name."""
    if not Path(output).name:
        raise MTLError(f"Expected the name of a file or folder to write, got '{output}'.")
    for path in (Path(input), Path(f"{Path(output)}.errors.jsonl")):
        try:
            path.exists()
        except OSError as error:
            shown = str(path) if len(str(path)) < 100 else f"{str(path)[:100]}..."
            raise MTLError(
                f"Expected the name of a file, got: {error.strerror}: {shown}"
            ) from error


def _check_paths(source: Input, store: Store, options: Options, engine: Engine | None) -> None:
    """RAISES (MTLError): If what is written would be part of the input, or stdin should go on, or
    to others."""
    if str(source.path) == STDIN:
        if engine is not None:
            raise MTLError(
                "Expected a file or folder with --ray, got stdin, which this process has."
            )
        if options.resume:
            raise MTLError("Expected a file to go on with, got stdin, which cannot be read again.")
        return
    given = source.path.resolve()
    for path in (store.output, store.errors, store.work):
        written = path.resolve()
        if written == given or given in written.parents or written in given.parents:
            raise MTLError(
                f"Expected an output apart from the input {source.path}, got {store.output}, which "
                f"writes {path}."
            )


def _encoder(output: Path, is_folder: bool, options: Options, source: Input) -> Encoder:
    format = options.output_format
    if format == "auto":
        format = "spacy" if is_folder else output.suffix.lower().removeprefix(".")
    if format not in FORMATS:
        raise MTLError(
            f"Expected an output that ends in {', '.join(f'.{name}' for name in FORMATS)}, or a "
            f"folder, got {output.name}. Name its format with --output-format."
        )
    if "parquet" in (format, source.format):
        from .parquet import ParquetEncoder, own_types, text_types

        own = None
        if source.format == "parquet":
            own = own_types(source.files, options.text_field)
        elif (columns := source.columns()) is not None:
            own = text_types([name for name in columns if name != options.text_field])
        if format == "parquet":
            return ParquetEncoder(own, options.tokens)
    return SpacyEncoder() if format == "spacy" else JsonlEncoder(options.tokens)


def _shape(options: Options, source: Input, encoder: Encoder) -> str:
    """What a run must go on with so that its output is one."""
    formats = {"input_format": source.format, "output": encoder.suffix}
    return json.dumps({**formats, "text_field": options.text_field, "tokens": options.tokens})


def _model_digest(nlp: Language, code: Path | None) -> str:
    """Of all the pipeline's files, weights included; of one that has none, of its config."""
    files = [] if code is None else [code]
    folder: Any = nlp.path
    if folder is None or not folder.exists():
        return _digest(files) + nlp.config.to_str()
    return _digest([*sorted(file for file in folder.rglob("*") if file.is_file()), *files])


def _digest(files: Iterable[Path]) -> str:
    return digest((f"{file.stat().st_size}\n", file) for file in files)


def _total(source: Input) -> int | None:
    """The number of documents, where that is known; blank lines of JSONL are counted too."""
    if source.format == "parquet":
        from .parquet import number_of_rows

        return number_of_rows(source.files)
    counted = source.files and source.format in ("jsonl", "text")
    return sum(map(_lines, source.files)) if counted else None


def _lines(path: Path) -> int:
    number, last = 0, b"\n"
    for chunk in chunks(path):
        number, last = number + chunk.count(b"\n"), chunk[-1:]
    return number + (last != b"\n")


def _bar(progress: Progress, source: Input, wanted: bool) -> tqdm:
    shown = wanted and sys.stderr.isatty()
    return tqdm(
        desc="Annotating",
        unit=" docs",
        initial=progress.documents + progress.failed,
        total=_total(source) if shown else None,
        leave=False,
        disable=not shown,
    )
