"""A component that fails, dies or dawdles where the text says so."""

import os
import time

from spacy.language import Language
from spacy.tokens import Doc


@Language.component("fragile")
def fragile(doc: Doc) -> Doc:
    if "boom" in doc.text:
        raise ValueError("it went boom")
    if "die" in doc.text:
        os._exit(7)
    if "wait" in doc.text:
        time.sleep(0.002)
    return doc
