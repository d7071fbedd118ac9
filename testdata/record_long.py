#!/usr/bin/env python3
"""Records logits behind long prompts: longer than the context that rope scaling starts from, longer than sliding windows.

  record_long.py            writes golden/logits/long.json, from Hugging Face transformers 4.57.6 in float32 (torch 2.6.0, CPU)

Token i of a prompt of a model with V tokens is 3 + (31·i² + 17·i) mod (V - 27). Of a few positions the eight largest logits,
the logits of tokens 0 to 7 and the sum are recorded, as in the fixtures' expected.json. "config" is what the case changes in
config.json. (hunyuan-moe has the keys of Hunyuan-A13B, which transformers cannot load; it has no such bounds.)
"""
import json
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).resolve().parent

CASES = [
    ("llama3", 8300, {}),  # original_max_position_embeddings 8192
    ("deepseek-v3", 4200, {}),  # YaRN from 4096
    ("deepseek-v2", 300, {}),
    ("hunyuan-dense", 300, {}),
    ("mistral", 300, {}),
    ("mixtral", 300, {}),
    ("mistral", 100, {"sliding_window": 24}),
    ("mixtral", 100, {"sliding_window": 7}),
    ("harbour-2m", 300, {}),
    ("harbour-2m", 100, {"use_sliding_window": True, "sliding_window": 24, "max_window_layers": 2}),
    ("harbour-2m", 300, {"rope_scaling": {"rope_type": "yarn", "type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}}),
    ("mistral", 300, {"rope_scaling": {"rope_type": "linear", "type": "linear", "factor": 8.0}}),
]


def main():
    out = []
    for name, n, change in CASES:
        d = HERE / name if (HERE / name).is_dir() else HERE / "fixtures" / name
        config = transformers.AutoConfig.from_pretrained(d)
        if "use_sliding_window" in change:  # layer_types follows from the other fields when the config is made
            config = type(config)(**{**{k: v for k, v in config.to_dict().items() if k != "layer_types"}, **change})
        else:
            for k, v in change.items():
                setattr(config, k, v)
        model = transformers.AutoModelForCausalLM.from_pretrained(d, config=config, torch_dtype=torch.float32, attn_implementation="eager").eval()
        ids = [3 + (31 * i * i + 17 * i) % (config.vocab_size - 27) for i in range(n)]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].double()
        at = []
        for pos in sorted({n // 3, n // 2, n - 2, n - 1}):
            top = logits[pos].topk(8)
            at.append({"pos": pos, "top_ids": top.indices.tolist(), "top_logits": [round(v, 7) for v in top.values.tolist()],
                       "first_logits": [round(v, 7) for v in logits[pos, :8].tolist()], "sum": round(logits[pos].sum().item(), 5)})
        out.append({"model": name, "config": change, "tokens": n, "positions": at})
        print(name, n, change, flush=True)
    (HERE / "golden/logits").mkdir(exist_ok=True)
    (HERE / "golden/logits/long.json").write_text(json.dumps({
        "made_by": f"record_long.py, transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, float32, eager attention",
        "cases": out}, indent=1) + "\n")


if __name__ == "__main__":
    main()
