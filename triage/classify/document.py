"""A message as a spaCy Doc: our tokens, and the notes that components leave in `doc.user_data`."""

from __future__ import annotations

from typing import Any

from spacy.attrs import LOWER, NORM
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import registry
from spacy.vocab import Vocab

from triage.classify.text import tokens

TEXT, WORDS, SPACES = "triage_text", "triage_words", "triage_spaces"
"""The cleaned text and its tokens as plain values: reading them back from a Doc costs more than all the rest."""

LANG = "triage_lang"
"""Before the language component what the source says, after it the language."""

HITS = "triage_hits"
"""The rules that hit."""

GIVEN = "triage_given"
"""What each token gave to every topic's raw score: a function from topic number to weights."""

STAGE = "triage_stage"
"""Who made `doc.cats`: a stage of decide.py."""

PARTS = "triage_parts"
"""The fast model's raw scores of every topic by part (n-grams, word vectors), for the readers after it."""

VECTORS = "triage_vectors"
"""The encoders' vectors so far, one after the other."""


class Tokenizer:
    """Linear-time tokens of a cleaned text; it has no state to write."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab

    def __call__(self, text: str) -> Doc:
        words, spaces = tokens(text)
        return Doc(
            self.vocab,
            words=words,
            spaces=spaces,
            user_data={TEXT: text, WORDS: words, SPACES: spaces, LANG: ""},
        )

    def to_disk(self, path: Any, **_: Any) -> None:
        """Nothing to write."""

    def from_disk(self, path: Any, **_: Any) -> Tokenizer:
        """Nothing to read."""
        return self

    def to_bytes(self, **_: Any) -> bytes:
        """Nothing to write."""
        return b""

    def from_bytes(self, data: bytes, **_: Any) -> Tokenizer:
        """Nothing to read."""
        return self


@registry.tokenizers("triage.Tokenizer.v1")  # type: ignore[untyped-decorator]
def make_tokenizer() -> Any:
    """The tokenizer as config.cfg names it."""

    def make(nlp: Language) -> Tokenizer:
        # A word's shape, its likeness to a link and so on are never read here and cost half the time.
        vocab: Any = nlp.vocab
        vocab.lex_attr_getters = {LOWER: str.lower, NORM: str.lower}
        return Tokenizer(nlp.vocab)

    return make
