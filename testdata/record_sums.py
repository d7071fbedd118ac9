#!/usr/bin/env python3
"""Record sums of squares of activations, which importance is made of: testdata/golden/importance/sums.json.

  record_sums.py        Hugging Face transformers 4.57.6, torch 2.6.0 (CPU); sums in float64 over the activations of
                        float64 models (of deepseek-v3, which transformers cannot run so, of a float32 model)

A hook on each matrix sees what it is multiplied with. Latent attention has no modules for its key and value matrices in
the form in which GGUF has them: their inputs are the queries' part without rotation, and the latents that attention
mixed. The tiny model reads the beginning of its held-out text; token i of other models is 3 + (31·i² + 17·i) mod (V - 27),
for a vocabulary of V. Windows are runs of their own. Recorded of each GGUF tensor: rows of each matrix (of experts; one
count for heads), the sum over all columns of each matrix, and the sums of some columns.
"""
import json
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).resolve().parent
LENGTH, WINDOWS = 96, 4
MODELS = ["harbour-2m", "mixtral", "deepseek-v2", "deepseek-v3"]

NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_a_proj": "attn_q_a", "self_attn.q_b_proj": "attn_q_b", "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp", "mlp.shared_experts.up_proj": "ffn_up_shexp", "mlp.shared_experts.down_proj": "ffn_down_shexp",
    "mlp.gate": "ffn_gate_inp", "block_sparse_moe.gate": "ffn_gate_inp",
}
EXPERT = {"gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps", "w1": "ffn_gate_exps", "w3": "ffn_up_exps", "w2": "ffn_down_exps"}


class Sums:
    def __init__(self, config):
        self.config, self.of, self.rows = config, {}, {}

    def add(self, name, matrix, x):
        x = x.detach().double().reshape(-1, x.shape[-1])
        key = (name, matrix)
        self.of[key] = self.of.get(key, 0) + (x * x).sum(0)
        self.rows[key] = self.rows.get(key, 0) + x.shape[0]

    def watch(self, model):
        for path, module in model.named_modules():
            if path == "lm_head":
                module.register_forward_pre_hook(lambda m, a: self.add("output.weight", 0, a[0]))
            if not path.startswith("model.layers."):
                continue
            layer, rest = path[len("model.layers."):].split(".", 1) if "." in path[len("model.layers."):] else (None, "")
            blk = f"blk.{layer}."
            if rest in NAMES and not isinstance(module, torch.nn.ModuleList):
                module.register_forward_pre_hook(lambda m, a, n=blk + NAMES[rest] + ".weight": self.add(n, 0, a[0]))
            elif ".experts." in rest and rest.rsplit(".", 1)[1] in EXPERT:
                number = int(rest.split(".experts.")[1].split(".")[0])
                module.register_forward_pre_hook(
                    lambda m, a, n=blk + EXPERT[rest.rsplit(".", 1)[1]] + ".weight", e=number: self.add(n, e, a[0]))
            elif rest == "self_attn" and hasattr(module, "kv_b_proj"):
                self.latent(module, blk)

    def latent(self, attn, blk):
        heads, nope, kept = self.config.num_attention_heads, self.config.qk_nope_head_dim, {}
        width = nope + self.config.qk_rope_head_dim

        def queries(m, a, out):
            q = out.reshape(-1, heads, width)
            for h in range(heads):
                self.add(blk + "attn_k_b.weight", h, q[:, h, :nope])

        getattr(attn, "q_b_proj" if hasattr(attn, "q_b_proj") else "q_proj").register_forward_hook(queries)
        attn.kv_a_layernorm.register_forward_hook(lambda m, a, out: kept.update(latents=out))

        def mixed(m, a, k, out):
            p = out[1]  # [1, heads, tokens, tokens]
            for h in range(heads):
                self.add(blk + "attn_v_b.weight", h, p[0, h] @ kept["latents"][0])

        attn.register_forward_hook(mixed, with_kwargs=True)

    def tensors(self, experts):
        out = {}
        for name in sorted({n for n, _ in self.of}):
            n = experts if "_exps" in name else 1 + max(e for m, e in self.of if m == name)
            columns = len(next(s for (m, _), s in self.of.items() if m == name))
            at = sorted({0, columns // 3, 2 * columns // 3, columns - 1})
            zero = torch.zeros(columns, dtype=torch.float64)
            sums = [self.of.get((name, e), zero) for e in range(n)]
            counts = [self.rows.get((name, e), 0) for e in range(n)]
            out[name] = {"columns": columns, "counts": counts if "_exps" in name else counts[:1], "totals": [float(f"{s.sum():.12g}") for s in sums],
                         "at": at, "sums": [[float(f"{s[c]:.12g}") for c in at] for s in sums]}
            assert "_exps" in name or len(set(counts)) == 1
        return out


def main():
    cases = []
    for name in MODELS:
        d = HERE / name if (HERE / name).is_dir() else HERE / "fixtures" / name
        config = transformers.AutoConfig.from_pretrained(d)
        kind = torch.float32 if name == "deepseek-v3" else torch.float64  # its experts fail in float64
        model = transformers.AutoModelForCausalLM.from_pretrained(d, torch_dtype=kind, attn_implementation="eager").eval()
        ids = [3 + (31 * i * i + 17 * i) % (config.vocab_size - 27) for i in range(LENGTH * WINDOWS)]
        if name == "harbour-2m":
            ids = transformers.AutoTokenizer.from_pretrained(d)((d / "held-out.txt").read_text())["input_ids"][: len(ids)]
        s = Sums(config)
        s.watch(model)
        with torch.no_grad():
            for at in range(0, len(ids), LENGTH):
                model(input_ids=torch.tensor([ids[at:at + LENGTH]]), use_cache=False, output_attentions=True)
        experts = getattr(config, "n_routed_experts", None) or getattr(config, "num_local_experts", None) or 1
        cases.append({"model": name, "length": LENGTH, "ids": ids, "tensors": s.tensors(experts)})
        print(name, len(cases[-1]["tensors"]), flush=True)
    head = {"made_by": f"record_sums.py, transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, eager attention"}
    lines = []
    for c in cases:
        tensors = ",\n".join(f"   {json.dumps(k)}: {json.dumps(v)}" for k, v in c.pop("tensors").items())
        lines.append(json.dumps(c)[:-1] + ', "tensors": {\n' + tensors + "}}")
    (HERE / "golden/importance/sums.json").write_text(json.dumps(head)[:-1] + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n")


if __name__ == "__main__":
    main()
