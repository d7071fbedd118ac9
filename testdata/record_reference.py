#!/usr/bin/env python3
"""Record what the reference converter writes: testdata/golden/reference/NAME.TYPE.tsv (the form of listing.py).

  record_reference.py LLAMACPP [--data ../shared/data] [--real DIR] [--keep DIR] [NAME ...]

Development only. LLAMACPP is a tree of llama.cpp v0.5.0 (npm's node-llama-cpp 3.22.1 carries it in llama/gitRelease.bundle).
Needs transformers 4.57.6, torch, sentencepiece, tiktoken, safetensors. Nothing of the reference is copied: its converter
runs as it is, from outside, with one function replaced where our own small tokenizers are unknown to it: the look-up of
the pre-tokenizer's hash (get_vocab_base_pre) then answers with the family's name, and the golden's first line says so.
Checkpoints with a tiktoken file get tokenization_hy.py, a stand-in written for this, beside them.

Real checkpoints (zero weights in sparse shards, from assemble_real.py, in --real DIR) are recorded without data: the
reference builds the header from lazy tensors, and nothing is read or written of their up to 150 GB.
--keep DIR keeps the GGUF files.
"""
import os
os.environ.update(TRANSFORMERS_VERBOSITY="error", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TQDM_DISABLE="1")
import argparse, hashlib, logging, sys, tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import listing

# name: (folder, the name that replaces the hash look-up, or None where the reference knows the tokenizer)
STORIES = "models/stories260K/"
SMALL = {
    "harbour-2m": (HERE / "harbour-2m", "qwen2"),
    "llama3": (HERE / "fixtures/llama3", "llama-bpe"),
    "mistral": (HERE / "fixtures/mistral", None),
    "mixtral": (HERE / "fixtures/mixtral", None),
    "deepseek-v2": (HERE / "fixtures/deepseek-v2", "deepseek-llm"),
    "deepseek-v3": (HERE / "fixtures/deepseek-v3", "deepseek-v3"),
    "deepseek-v3-fp8": (HERE / "fixtures/deepseek-v3-fp8", "deepseek-v3"),
    "hunyuan-dense": (HERE / "fixtures/hunyuan-dense", "hunyuan-dense"),
    "hunyuan-moe": (HERE / "fixtures/hunyuan-moe", "hunyuan"),
    "stories260K-hf-f32": (STORIES + "hf-f32", None),
    "stories260K-hf-bf16": (STORIES + "hf-bf16", None),
    "stories260K-hf-bf16-sharded": (STORIES + "hf-bf16-sharded", None),
    "stories260K-derived-qwen2-bf16": (STORIES + "derived-qwen2-bf16", "default"),
    "stories260K-derived-wide256-qwen2-bf16": (STORIES + "derived-wide256-qwen2-bf16", None),
}
# DeepSeek-R1 is what `go run ./testdata/standin -model deepseek-r1 -out DIR/DeepSeek-R1` writes: its vocabulary is made up
REAL = {"DeepSeek-R1": "deepseek-v3"}
REAL.update(dict.fromkeys(["QwQ-32B", "QwQ-32B-Preview", "DeepSeek-R1-Distill-Qwen-32B", "Llama-3.2-3B-Instruct", "Hunyuan-A13B-Instruct"]))
TYPES = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16"}


def beside(src, tmp):
    """A folder of the same name whose files are links to src's, with the stand-in tokenizer where one is needed."""
    d = tmp / hashlib.sha256(str(src).encode()).hexdigest()[:8] / src.name
    if not d.exists():
        d.mkdir(parents=True)
        for f in src.resolve().iterdir():
            (d / f.name).symlink_to(f)
        if list(src.glob("*.tiktoken")):
            (d / "tokenization_hy.py").write_bytes((HERE / "tokenization_hy.py").read_bytes())
    return d


def convert(src, out, ftype, pre, data=True):
    """What convert_hf_to_gguf.py does for SRC --outfile OUT --outtype FTYPE; without data, its header only."""
    import torch
    from conversion import get_model_class
    from conversion.base import ModelBase, ModelType, TextModel, get_model_architecture
    import gguf
    look_up = TextModel.get_vocab_base_pre
    found = []
    TextModel.get_vocab_base_pre = lambda self, t: found.append(pre or look_up(self, t)) or found[-1]
    try:
        with torch.inference_mode():
            hparams = ModelBase.load_hparams(src, False)
            cls = get_model_class(get_model_architecture(hparams, ModelType.TEXT), mmproj=False)
            m = cls(src, getattr(gguf.LlamaFileType, TYPES[ftype]), out)
            if data:
                m.write()
            else:
                m.prepare_tensors()
                m.prepare_metadata(vocab_only=False)
                w = m.gguf_writer
                w.write_header_to_file(path=out)
                w.write_kv_data_to_file()
                w.write_ti_data_to_file()
                w.write_padding(w.fout[0], w.fout[0].tell())
                w.close()
    finally:
        TextModel.get_vocab_base_pre = look_up
    return found[-1] if found else "pinned"


def record(name, src, pre, types, tmp, keep, data):
    for t in types:
        out = (keep or tmp) / f"{name}.{t}.gguf"
        got = convert(beside(src, tmp), out, t, pre, data)
        how = "look-up replaced" if pre else "by the reference" if got != "pinned" else "no look-up"
        lines = [f"# llama.cpp v0.5.0 convert_hf_to_gguf.py --outtype {t}; source {name}; pre-tokenizer {got} ({how})"
                 + ("" if data else "; header only, zero weights")]
        lines += listing.listing(out, data)
        (HERE / f"golden/reference/{name}.{t}.tsv").write_text("\n".join(lines) + "\n")
        print(f"{name} {t}: pre {got} ({how}), {len(lines) - 1} lines", flush=True)
        if not keep:
            out.unlink()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("llamacpp", type=Path); ap.add_argument("names", nargs="*")
    ap.add_argument("--data", type=Path, default=HERE / "../../shared/data")
    ap.add_argument("--real", type=Path); ap.add_argument("--keep", type=Path)
    a = ap.parse_intermixed_args()
    sys.path.insert(0, str(a.llamacpp.resolve()))
    logging.disable(logging.WARNING)
    (HERE / "golden/reference").mkdir(parents=True, exist_ok=True)
    if a.keep:
        a.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as d:
        os.environ["HF_MODULES_CACHE"] = d + "/modules"
        for name, (src, pre) in SMALL.items():
            if not a.names or name in a.names:
                record(name, a.data / src if isinstance(src, str) else src, pre, TYPES, Path(d), a.keep, True)
        for name, pre in REAL.items() if a.real else []:
            if not a.names or name in a.names:
                record(name, a.real / name, pre, ["bf16"], Path(d), a.keep, False)


if __name__ == "__main__":
    main()
