"""Small sources and how to look at what became of them."""

from spacy.tokens import Doc


def tabbed(text: str) -> str:
    """Rows with tabs, from rows that are written with runs of spaces; comments stay."""
    return "\n".join(
        line if line.startswith("#") else "\t".join(line.split()) for line in text.split("\n")
    )


CONLLU = tabbed(
    """# newdoc id = one
# genre = news
# sent_id = 1
# text = Ana saw Rio.
1 Ana Ana PROPN NNP Number=Sing 2 nsubj _ NER=B-PER
2 saw see VERB VBD Tense=Past 0 root _ NER=O
3 Rio Rio PROPN NNP Number=Sing 2 obj _ SpaceAfter=No|NER=B-LOC
4 . . PUNCT . _ 2 punct _ NER=O

# sent_id = 2
# text = Nice
1 Nice nice ADJ JJ Degree=Pos 0 root _ NER=O

# newdoc id = two
# genre = blog
# sent_id = 3
1 Hm hm INTJ UH _ 0 root _ NER=O

"""
)


def tags(doc: Doc) -> list[str]:
    return [token.tag_ for token in doc]


def iob(doc: Doc) -> list[str]:
    """Entity tags, "" for a missing one."""
    return ["-".join(filter(None, (token.ent_iob_, token.ent_type_))) for token in doc]


def ents(doc: Doc) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for ent in doc.ents]


def sentences(doc: Doc) -> list[str]:
    return [sent.text for sent in doc.sents]
