"""A development stand-in for the tokenizer class that Hunyuan checkpoints name in auto_map and do not share with us.

The reference converter wants AutoTokenizer with `mergeable_ranks`, `special_tokens`, `vocab_size` and `encode`. This
gives it those from hy.tiktoken: special tokens follow the last rank, in the published order.
"""
import base64
from pathlib import Path

import tiktoken
from transformers import PreTrainedTokenizer

PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
           r"\s*[\r\n]+|\s+(?!\S)|\s+")
NAMED = ["<|endoftext|>", "<|startoftext|>", "<|bos|>", "<|eos|>", "<|pad|>"]


class HYTokenizer(PreTrainedTokenizer):
    vocab_files_names = {"vocab_file": "hy.tiktoken"}

    def __init__(self, vocab_file, **kwargs):
        pairs = (line.split() for line in Path(vocab_file).read_bytes().splitlines() if line)
        self.mergeable_ranks = {base64.b64decode(t): int(r) for t, r in pairs}
        start = len(self.mergeable_ranks)
        extra = 205 if start > 100000 else 11  # Hunyuan-A13B has 205; our fixture 11
        names = NAMED + [f"<|extra_{i}|>" for i in range(extra)]
        self.special_tokens = {n: start + i for i, n in enumerate(names)}
        self.core = tiktoken.Encoding("hy", pat_str=PATTERN, mergeable_ranks=self.mergeable_ranks, special_tokens=self.special_tokens)
        super().__init__(**kwargs)

    @property
    def vocab_size(self):
        return self.core.n_vocab

    def get_vocab(self):
        return {**self.mergeable_ranks, **self.special_tokens}

    def encode(self, text, **kwargs):
        return self.core.encode(text, allowed_special="all")

    def _tokenize(self, text, **kwargs):
        return [self.core.decode_single_token_bytes(t) for t in self.encode(text)]

    def _convert_token_to_id(self, token):
        return self.mergeable_ranks.get(token, self.special_tokens.get(token))

    def _convert_id_to_token(self, index):
        return self.core.decode_single_token_bytes(index)
