#!/usr/bin/env python3
"""Greedy generation beside the reference's: the likeliest token after its logits, again and again.

  greedy.py QCONV MODEL.gguf PROMPT N

Asks the reference for the logits of the whole text before each token, and compares the text with what
`qconv run --raw --temp 0` writes; exit code 1 when they differ. The reference multiplies F32 weights in float32.
"""
import subprocess, sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE / "oracle"))
import ggml_oracle as oracle
import logits as reference


def main():
    qconv, path, prompt, n = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    ask = lambda *args: subprocess.run([qconv, *args], capture_output=True, text=True, check=True).stdout[:-1]
    ids = [int(i) for i in ask("tokenize", path, prompt, "--bos").split()]
    model = reference.Model(next(x for x in oracle.llama() if hasattr(x, "llama_model_default_params")), path)
    text = list(ids)
    for _ in range(n):
        text.append(int(model.logits(text)[-1].argmax()))
    decode = lambda ids: ask("tokenize", path, "--decode", " ".join(map(str, ids)))
    want = decode(text)[len(decode(ids)):]
    got = ask("run", path, prompt, "--raw", "--temp", "0", "-n", str(n), "-q")
    print(f"{n} tokens, {len(want)} characters: {'equal' if got == want else 'DIFFERENT'}")
    if got != want:
        sys.exit(f"qconv: {got!r}\nreference: {want!r}")


if __name__ == "__main__":
    main()
