from corpora.conftest import nlp

__all__ = ["nlp"]
