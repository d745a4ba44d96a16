"""To be written."""

from spacy.language import Language


@Language.factory("balanced_tok2vec")
def make_balanced_tok2vec(nlp: Language, name: str) -> None:
    """To be written."""
