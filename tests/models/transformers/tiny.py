"""Transformers of a few random weights, of every kind that is tested, saved to folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEXTS = [
    "Ana lives in Berlin, doesn't she?",
    "The quick brown fox jumps over the lazy dog; 12.5% of 3,000 trains!",
    "zażółć gęślą jaźń über naïve café — “quoted” text",
    "שלום עולם مرحبا 漢字 かな 한국어 👩‍👩‍👧 🚂",
]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SMALL = {**SIZES, "intermediate_size": 16, "max_position_embeddings": 130}
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("WordPiece", "Bert", SMALL),
    "roberta": ("BPE", "Roberta", SMALL),
    "xlm-roberta": ("Unigram", "XLMRoberta", SMALL),
    "distilbert": (
        "WordPiece",
        "DistilBert",
        {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 16, "max_position_embeddings": 130},
    ),
    "electra": ("WordPiece", "Electra", {**SMALL, "embedding_size": 8}),
    "deberta-v3": (
        "Unigram",
        "DebertaV2",
        {
            **SMALL,
            "relative_attention": True,
            "position_buckets": 8,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "pos_att_type": ["p2c", "c2p"],
            "max_relative_positions": -1,
            "position_biased_input": False,
        },
    ),
    "modernbert": ("BPE", "ModernBert", {**SMALL, "reference_compile": False}),
    "mpnet": ("WordPiece", "MPNet", SMALL),
    "albert": ("Unigram", "Albert", {**SMALL, "embedding_size": 8, "inner_group_num": 1}),
}


def make_tiny(kind: str, folder: Path, trimmed: bool = False, **changes: Any) -> Path:
    """A folder as `save_pretrained` writes it.

    trimmed: no piece has the space before a word, as with the tokenizers of RoBERTa and XLM-R.
    changes: of the transformer's configuration.
    """
    import torch
    import transformers

    algorithm, family, settings = KINDS[kind]
    tokenizer = _tokenizer(algorithm, trimmed)
    special = {name: tokenizer.convert_tokens_to_ids(text) for name, text in _SPECIAL.items()}
    config = getattr(transformers, f"{family}Config")(
        vocab_size=len(tokenizer),
        pad_token_id=special["pad"],
        bos_token_id=special["cls"],
        cls_token_id=special["cls"],
        eos_token_id=special["sep"],
        sep_token_id=special["sep"],
        **{**settings, **changes},
    )
    torch.manual_seed(0)
    getattr(transformers, f"{family}Model")(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


_SPECIAL = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}


def _tokenizer(algorithm: str, trimmed: bool) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from tokenizers.processors import ByteLevel, Sequence, TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    special = list(_SPECIAL.values())
    if algorithm == "WordPiece":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=150, special_tokens=special)
    elif algorithm == "BPE":
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=300, special_tokens=special, initial_alphabet=alphabet
        )
    else:
        made = Tokenizer(models.Unigram())
        made.normalizer = normalizers.NFKC()
        words = [pre_tokenizers.WhitespaceSplit()] if trimmed else []
        made.pre_tokenizer = pre_tokenizers.Sequence([*words, pre_tokenizers.Metaspace()])
        trainer = trainers.UnigramTrainer(vocab_size=150, special_tokens=special, unk_token="[UNK]")
    made.train_from_iterator(TEXTS, trainer)
    ids = [(text, made.token_to_id(text)) for text in ("[CLS]", "[SEP]")]
    around = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ids)
    made.post_processor = Sequence([ByteLevel(trim_offsets=True), around]) if trimmed else around
    names = {f"{name}_token": text for name, text in _SPECIAL.items()}
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_max_length=128,
        model_input_names=["input_ids", "attention_mask"],
        **names,
    )
