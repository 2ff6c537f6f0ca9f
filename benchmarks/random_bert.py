"""A BERT with random weights on this disk, for Grounding DINO without its published files."""

import json
import string
from pathlib import Path

import torch

SPECIAL = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?"}
"""The numbers of bert-base-uncased."""

LETTERS, INNER_LETTERS, WORDS, TOKENS = 200, 300, 400, 1100


def write_random_bert(folder: Path, **sizes: int) -> Path:
    """Write a BERT that knows letters and a few words, with the special tokens at BERT's own numbers.

    Args:
        folder: Made where it is absent; vocab.txt, tokenizer_config.json and the model go there.
        **sizes: Sizes of `transformers.BertConfig` that are not those of BERT base.

    Returns:
        The folder.
    """
    from transformers import BertConfig, BertModel

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = [f"[unused{index}]" for index in range(TOKENS)]
    for index, token in SPECIAL.items():
        vocabulary[index] = token
    for index, letter in enumerate(string.ascii_lowercase):
        vocabulary[LETTERS + index] = letter
        vocabulary[INNER_LETTERS + index] = f"##{letter}"
    for index, word in enumerate(("screw", "washer", "red", "disc", "metal")):
        vocabulary[WORDS + index] = word
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    settings = {"do_lower_case": True, "tokenizer_class": "BertTokenizer", "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=TOKENS, **sizes)).save_pretrained(folder)
    return folder
