"""Writes small GGUF files of many layers, as input of TestReference. Run: python3 synthetic.py DIR

They hold what llama-quantize asks of a model before it chooses types: hyperparameters and tensors of few rows.
Needs the gguf package. Nothing is committed.
"""
import sys
from pathlib import Path

import numpy as np
from gguf import GGUFWriter


def write(path, arch, layers, heads, kv, experts=0, fused=False, tied=False, row=256, down=512):
    w = GGUFWriter(path, arch)
    w.add_context_length(128)
    w.add_embedding_length(row)
    w.add_block_count(layers)
    w.add_feed_forward_length(down)
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_layer_norm_eps(1e-5)
    w.add_vocab_size(64)
    if experts:
        w.add_expert_count(experts)
        w.add_expert_used_count(2)
    rng = np.random.default_rng(1)

    def tensor(name, *shape):
        w.add_tensor(name, rng.standard_normal(shape, np.float32))

    tensor("token_embd.weight", 4, row)
    tensor("output_norm.weight", row)
    if not tied:
        tensor("output.weight", 4, row)
    for l in range(layers):
        b = f"blk.{l}."
        tensor(b + "attn_norm.weight", row)
        for n in ["attn_qkv"] if fused else ["attn_q", "attn_k", "attn_v"]:
            tensor(b + n + ".weight", 2, row)
        tensor(b + "attn_output.weight", 2, row)
        if experts:
            tensor(b + "ffn_gate_inp.weight", experts, row)
        lead, suffix = ((experts,), "_exps") if experts else ((), "")
        for n, cols in [("ffn_up", row), ("ffn_gate", row), ("ffn_down", down)]:
            if n != "ffn_gate" or arch != "falcon":
                tensor(b + n + suffix + ".weight", *lead, 2, cols)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


out = Path(sys.argv[1])
write(out / "llama-80-shared.gguf", "llama", 80, 8, 1)
write(out / "llama-80-own.gguf", "llama", 80, 8, 8)
write(out / "llama-32-tied.gguf", "llama", 32, 8, 2, tied=True)
write(out / "qwen2-80.gguf", "qwen2", 80, 8, 4)
write(out / "falcon-32.gguf", "falcon", 32, 8, 1, fused=True)
write(out / "llama-32-eight-experts.gguf", "llama", 32, 8, 2, experts=8)
write(out / "llama-24-four-experts.gguf", "llama", 24, 8, 8, experts=4)
write(out / "llama-20-narrow.gguf", "llama", 20, 8, 8, row=288, down=160)
write(out / "llama-16-odd.gguf", "llama", 16, 8, 8, row=256, down=48)
