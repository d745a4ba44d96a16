"""What the user says to `spacy mtl convert`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ..corpora import MISSING_LABELS
from ..layers import BUILT_IN


class OnError(str, Enum):
    """The values of --on-error."""

    stop = "stop"
    skip = "skip"


InputPath = Annotated[
    Path,
    Argument(metavar="INPUT", exists=True, help="Annotated file, or a folder of such files."),
]
OutputPath = Annotated[
    Path,
    Argument(
        metavar="OUTPUT",
        help="The .spacy file to write; its folder is made. For a folder, the folder in which "
        "train/, dev/ and test/ are made, as the names of subfolders and files tell (dev/x.csv, "
        "x-val.conllu, test.csv; all others are train).",
    ),
]
FormatOption = Annotated[
    str,
    Option(
        "--format",
        "-f",
        metavar="NAME",
        help="Format of INPUT: brat, columns, conllu, csv, iob, json, jsonl, webanno, or one that "
        "another package or --code adds. With auto it is columns if these are named, or else the "
        "one that goes with the suffix.",
    ),
]
Lang = Annotated[
    str,
    Option("--lang", "-l", help="Language whose rules tokenize texts that have no tokens."),
]
Columns = Annotated[
    str,
    Option(
        metavar="NAMES",
        help="Names of the columns in the format columns, joined by commas: form, tag, pos, "
        "morph, lemma, head and dep, ner, id, or _ for one to pass over. For .iob2 the default is "
        "id,form,ner.",
    ),
]
TextColumn = Annotated[
    str, Option(metavar="NAME", help="Column of a CSV or TSV file that holds the text.")
]
CatsFrom = Annotated[
    list[str] | None,
    Option(
        metavar="NAME",
        help="Comment, JSON field or column that holds a class group, whose labels become "
        "NAME=value. For several groups give it repeatedly, or the names joined by commas. "
        "Without it, label or labels are taken.",
    ),
]
ValuesFrom = Annotated[
    list[str] | None,
    Option(
        metavar="NAME",
        help="Comment, JSON field or column that holds a number, as of a rating, which becomes a "
        "value at the key NAME of doc.cats. For several give it repeatedly, or the names joined by "
        "commas.",
    ),
]
GroupName = Annotated[
    str,
    Option(
        metavar="NAME",
        help="Name of the class group of label or labels, which then become NAME=value.",
    ),
]
Comments = Annotated[
    str | None,
    Option(
        metavar="PREFIX",
        help="Beginning of comment lines in the formats columns and iob, such as %%. Lines with "
        "# are comments anyway, unless they are tokens by their columns; with '' no line is.",
    ),
]
NerFrom = Annotated[
    str,
    Option(
        metavar="KEY",
        help="Key in the MISC column of CoNLL-U, or field of JSONL, that holds the entity tags. "
        "Without it NER=, NE=, name= and tags without a key are read, and the field ner_tags.",
    ),
]
Outside = Annotated[
    bool,
    Option(
        "--outside",
        help="Take tokens without an entity tag, and texts whose .ann file is empty, as outside of "
        "entities (O), not as missing.",
    ),
]
Quotes = Annotated[
    bool | None,
    Option(
        "--quotes/--no-quotes",
        help="Whether quotes enclose the fields of a CSV or TSV file, or are characters like "
        "others. Default: between tabs they are characters, unless only quoted fields make the "
        "rows fit, or quotes in them are doubled.",
        show_default=False,
    ),
]
Missing = Annotated[
    str | None,
    Option(
        metavar="NAMES",
        help="Labels that stand for a missing one, joined by commas; with '' none does. "
        f"Default: {','.join(MISSING_LABELS)}, of which -1 is a number with --values-from. null in "
        "JSON and an empty field are missing anyway.",
    ),
]
Group = Annotated[
    int,
    Option(
        "--group",
        "-n",
        min=0,
        help="Number of consecutive sentences in a Doc, 0 for whole source documents. A Doc "
        "never crosses the border of a source document (# newdoc, -DOCSTART-); a file "
        "without borders is one document. Each row of JSONL, CSV or TSV is a Doc anyway.",
    ),
]
Layers = Annotated[
    str,
    Option(
        metavar="NAMES",
        help=f"Layers that INPUT vouches for, joined by commas: {', '.join(BUILT_IN)}, and "
        "those of your own. All others stay missing, but for the sentences of a file of tokens. "
        "Default: those that INPUT has.",
    ),
]
OthersNegative = Annotated[
    bool,
    Option(
        "--others-negative",
        help="Classes that a document does not name do not apply to it (0.0) if it names any of "
        "their group in cats. Otherwise they are missing.",
    ),
]
Names = Annotated[
    Path | None,
    Option(
        exists=True,
        dir_okay=False,
        help="File with the names of classes that INPUT gives by number (label, ner_tags): a JSON "
        "list, one name per line, dataset_info.json or README.md of a Hugging Face dataset, or an "
        "object with a list for each field.",
    ),
]
Overlaps = Annotated[
    str,
    Option(
        metavar="KEY",
        help="Span group (doc.spans) to which all entities of INPUT go that are given by offsets, "
        "so that they may overlap.",
    ),
]
OnErrorOption = Annotated[
    OnError,
    Option(help="At a sentence or document with an error: stop and write nothing, or skip it."),
]
