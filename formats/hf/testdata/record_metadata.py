#!/usr/bin/env python3
"""Record what the reference converter makes of model ids, YAML scalars and model cards.

  record_metadata.py LLAMA_CPP [--out metadata.json]

LLAMA_CPP is a source tree of llama.cpp v0.5.0; its gguf-py, with numpy and PyYAML 6.0.3, does the work. The cases
below are ours; the test in ../metadata_test.go compares every one. Development only: no test needs Python.
"""
import argparse, datetime, itertools, json, logging, random, struct, sys, tempfile
from pathlib import Path

REAL_IDS = """
Mistral/Mixtral-8x7B-Instruct-v0.1|Mixtral-8x7B-Instruct-v0.1|Mixtral-8x7B-Instruct|Mixtral-8x7B-v0.1|Mixtral-8x7B
Mixtral-v0.1|Mixtral|NousResearch/Meta-Llama-3-8B|Qwen1.5-MoE-A2.7B-Chat|Qwen2-57B-A14B-Instruct
microsoft/Phi-3-mini-4k-instruct@4000000000|delphi-suite/stories-llama2-50k@50000|DeepSeek-Coder-V2-Lite-Instruct
crestf411/daybreak-kunoichi-2dpo-7b|Qwen2-0.5B-Instruct|smallcloudai/Refact-1_6B-fim|UCLA-AGI/Gemma-2-9B-It-SPPO-Iter3
NousResearch/Hermes-2-Theta-Llama-3-8B|SeaLLMs/SeaLLMs-v3-7B-Chat|internlm/internlm2_5-7b-chat-1m@7000000000
pszemraj/jamba-900M-v0.13-KIx2|state-spaces/mamba-2.8b-hf|abacaj/llama-161M-100B@161000000|SparseLLM/relu-100B@1340000000
bigscience/bloom-7b1-petals|MaziyarPanahi/GreenNode-mini-7B-multilingual-v1olet-Mistral-7B-Instruct-v0.1
mistralai/Mistral-Nemo-Instruct-2407|deepseek-ai/DeepSeek-V2-Chat-0628|OpenGVLab/Mini-InternVL-Chat-2B-V1-5
jondurbin/bagel-dpo-2.8b-v0.2|voxmenthe/SFR-Iterative-DPO-LLaMA-3-8B-R-unquantized|microsoft/Florence-2-base
mistralai/-Mistral--Nemo-Base-2407-|Llama-3-Instruct-abliteration-LoRA-8B|Llama-3-Instruct-abliteration-LoRA-8B@-1234
hermes-2-pro-llama-3-8b-DPO|./hermes-2-pro-llama-3-8b-DPO|Meta-Llama-3-8B|teknium/OpenHermes-2.5
EmbeddedLLM/Mistral-7B-Merge-14-v0|janai-hq/trinity-v1|Qwen/QwQ-32B@32763876352|Qwen/QwQ-32B-Preview
deepseek-ai/DeepSeek-R1|deepseek-ai/DeepSeek-R1@671026419200|deepseek-ai/DeepSeek-R1-0528|deepseek-ai/DeepSeek-V3-0324
deepseek-ai/DeepSeek-R1-Distill-Qwen-32B@32763876352|deepseek-ai/DeepSeek-R1-Distill-Llama-8B|deepseek-ai/DeepSeek-V2-Lite-Chat
meta-llama/Meta-Llama-3.1-8B-Instruct@8030261312|meta-llama/Llama-3.2-1B|meta-llama/Llama-2-7b-hf|tencent/Hunyuan-A13B-Instruct
tencent/Hunyuan-A13B-Instruct@80393183232|tencent/Hunyuan-7B-Instruct|tencent/Hunyuan-0.5B-Pretrain|mistralai/Mistral-7B-v0.3
mistralai/Mixtral-8x22B-Instruct-v0.1|mistralai/Mistral-Small-24B-Instruct-2501|Qwen/Qwen2.5-Coder-32B-Instruct
Qwen/Qwen2.5-7B-Instruct-1M@7615616512|Qwen/Qwen3-235B-A22B-Instruct-2507|Qwen/Qwen3-30B-A3B|Qwen/Qwen2.5-Math-1.5B
TinyLlama/TinyLlama-1.1B-Chat-v1.0|HuggingFaceTB/SmolLM2-135M-Instruct|microsoft/phi-2|microsoft/Phi-3.5-MoE-instruct
google/gemma-2-2b-it|google/gemma-3n-E4B-it|facebook/opt-125m|openai-community/gpt2-xl|EleutherAI/pythia-70m-deduped
stabilityai/stablelm-2-1_6b|01-ai/Yi-1.5-34B-Chat-16K@34388917248|nvidia/Llama-3_1-Nemotron-51B-Instruct|openai/gpt-oss-20b
model|dir|a|-|--|v1|7B|x-7B|x-7b|harbour-2m|harbour-2m@2200000|tmp.x1y2|3ebd2c06f46640dc97c0fa6e3cd59da9944c3be0|hf-bf16-sharded
LLaMA-2-70B-Q4_K_M-GGUF|foo-q8_0|foo-IQ2_X_S|foo-q4_0_x|foo-q|foo-fp16|foo-bf16|foo-f16|foo-bfp32|foo-f8|q4-7B|fp16-7B
base-vision|vision-7B|lora-7B-lora|x-LoRA|x-lora@-500000000|x-7B-lora@-500000000|x-900M@-500000000|x-1K@-500000000
x-7B-7B|x-7B-7b|x-7B-13B|x-mini-small|x-XXL-7B|x-xxxl|x-8x7b1|x-7b12|x-7.1.2B|x-7._1B|x-A7|x-AA7B|x-a2.7b|x-1.5T|x-15k@15000
a b-7B|org/a b-7B|org//x-7B|/x-7B|x-7B/|org/|/|org/a/b-7B|../models/x-7B|.hidden/x|.../x|./x|~/x-7B
v1.2.3-x|x-v1.2.3-y-v2|1-2-3|1.5-x-7B|Iter2-x|x-iter2|x-ITER|x-v|x-V2.|x-.5|x-2.0-chat-7B-v0.1
straße-7b|ßharp-7B|éclair-v1|ﬁne-tune|ÉCOLE-7b|x-７B|x-٣B|x-Ⅷ|ⓐbc-7b|x-7\u212a|x-7\u212a@7000|x-\u0130ter2|\u0131ter2-x
x-in\u017ftruct|x-vi\u017fion|foo_bar-baz|it's-mine|abc2def-v1|a.b.c-7B|o'neil|UPPER-lower-Mixed|ʰmod-x|x-ǆ|ǅx|x-1\u0660B
x-7B@1|x-7B@56000000000|x-7B@56000000001|x-7B@3733333334|x-7B@3733333333|x-7B@7|x-1B@8|x-99999999999999999999B@5|x-1e5B@3
x-0B@1000|x-0.0B|x-8K@9223372036854775807|x-999T@9223372036854775807
"""

SCALARS = """
yes|Yes|YES|yEs|no|No|n|y|on|Off|true|True|TRUE|tRUE|false|null|Null|nUll|~|~x|0|00|07|08|010|0o10|0b101|0b2|0b_|0x1F|0xG|-0x10|+5|-5
-0|1_000|_1|1__|0_|0_7|12345678901234567890|1:30|1:60|190:20:30|-1:30|0:30|1:30.5|1:30:15.25|1.0|1.|.5|-.5|+.5|._5|1.5e3|1.5e+3|1.5E-3
1e3|1e+3|1.e+3|-1.0|1_0.5|1.0_0|.inf|-.inf|+.Inf|.INF|.nan|.NaN|-.nan|inf|nan|NaN|Infinity|1.0e400|1.5e+400|2024-01-01|2024-1-1
2024-01-01 10:00:00|2024-01-01T10:00:00Z|2024-01-01T10:00:00.5 +02:00|2024-01-01 10:00|2024-1-1 1:00:00|2024-13-45|20240101|1.2.3|v1.0|=|<|<=
a b|'quoted'|"dq"|"1"|'yes'|"a\\nb"|"\\u00e9"|'it''s'|1,000|1 000|12e03|0.1|0.30000000000000004|3.14159|1.17549435e-38|-0.0|0.0|.0|0x|0b|+|-x|.|..|...x
16777217|2147483647|2147483648|-2147483649|9223372036854775807|99999999999999999999999|0777|0o777|1e5|1E5|1.e5|TRUE |  x|x#y|x #y|:x|x:y|?x|-1.5e-3
!!str 1|!!str yes|!!int "5"|!!float 1|!!bool yes|! 5|!local x|&a 5|"\\x41"|é|日本語|💡
"""



def unescape(s):
    return "".join(chr(int(p[:4], 16)) + p[4:] if i else p for i, p in enumerate(s.split("\\u")))


def random_ids(n):
    r = random.Random(20260923)
    words = ["llama", "Qwen2.5", "chat", "Instruct", "v0.1", "V2", "7B", "7b", "8x7B", "A3B", "1_6B", "7b1", "mini", "large", "xl", "it",
             "hf", "q4_0", "bf16", "3", "2407", "base", "DPO", "LoRA", "vision", "", "4k", "1M", "13", "Iter3", "x", "R1", "0.5b", "100K"]
    out = []
    for _ in range(n):
        s = "-".join(r.choice(words) for _ in range(r.randint(1, 7)))
        if r.random() < 0.3:
            s = r.choice(["org", "My-Org", "a-b", ".", "..", "", "NASA", "x1y"]) + "/" + s
        p = r.choice([0, 0, 0, 10**3, 10**5, 7 * 10**9, 46 * 10**9, 6 * 10**11, -10**8])
        out.append((s, p))
    return out


def front(*lines, body="# Title\n"):
    return "---\n" + "".join(line + "\n" for line in lines) + "---\n" + body


def cards(n_random):
    """Yield (name, case)."""
    yield "no card", {"dir": "Mixtral-8x7B-Instruct-v0.1"}
    yield "QwQ", {"dir": "QwQ-32B", "total": 32763876352, "shared": 32763876352, "readme": front(
        "license: apache-2.0", "license_link: https://huggingface.co/Qwen/QWQ-32B/blob/main/LICENSE", "language:", "- en",
        "pipeline_tag: text-generation", "base_model: Qwen/Qwen2.5-32B", "tags:", "- chat", "library_name: transformers"),
        "generation": '{"bos_token_id":151643,"pad_token_id":151643,"do_sample":true,"eos_token_id":[151645,151643],"repetition_penalty":1.0,"temperature":0.6,"top_k":40,"top_p":0.95,"transformers_version":"4.45.2"}'}
    yield "R1 distill", {"dir": "DeepSeek-R1-Distill-Qwen-32B", "total": 32763876352, "shared": 32763876352,
        "readme": front("license: mit", "library_name: transformers"),
        "generation": '{"_from_model_config": true, "bos_token_id": 151646, "eos_token_id": 151643, "do_sample": true, "temperature": 0.6, "top_p": 0.95}'}
    yield "Llama 3.1", {"dir": "Meta-Llama-3.1-8B-Instruct", "total": 8030261312, "shared": 8030261312,
        "config": '{"_name_or_path": "meta-llama/Meta-Llama-3.1-8B-Instruct"}',
        "readme": front("language:", "- en", "- de", "- fr", "- no", "- th", "license: llama3.1", "base_model: meta-llama/Meta-Llama-3.1-8B",
        "pipeline_tag: text-generation", "tags:", "- facebook", "- meta", "- pytorch", "- llama", "- llama-3", "extra_gated_prompt: |",
        '  ### LLAMA 3.1 COMMUNITY LICENSE AGREEMENT', '  "Agreement" means: the terms', 'extra_gated_fields:', "  First Name: text",
        "  Date of birth: date_picker", "  geo: ip_location", "widget:", "- example_title: Hello", "  messages:", "  - role: user", "    content: Hey my name is Julien! How are you?"),
        "generation": '{"bos_token_id": 128000, "do_sample": true, "eos_token_id": [128001, 128008, 128009], "temperature": 0.6, "top_p": 0.9}'}
    yield "Hunyuan", {"dir": "Hunyuan-A13B-Instruct", "total": 80393183232, "shared": 3932160000, "expert": 1194393600, "experts": 64,
        "readme": front("license: other", "license_name: tencent-hunyuan-a13b", "license_link: https://huggingface.co/tencent/Hunyuan-A13B-Instruct/blob/main/LICENSE", "library_name: transformers"),
        "generation": '{"do_sample": true, "eos_token_id": 127960, "pad_token_id": 127961, "top_k": 20, "top_p": 0.8, "repetition_penalty": 1.05, "temperature": 0.7}'}
    yield "Mixtral", {"dir": "Mixtral-8x7B-Instruct-v0.1", "total": 46702792704, "shared": 1605898240, "expert": 5637144576, "experts": 8,
        "readme": front("license: apache-2.0", "language:", "- fr", "- it", "- de", "- es", "- en", "inference:", "  parameters:", "    temperature: 0.5",
        "widget:", "- messages:", "  - role: user", "    content: What is your favorite condiment?")}
    yield "expert label", {"dir": "some-model", "total": 46702792704, "shared": 1605898240, "expert": 5637144576, "experts": 8}
    yield "R1 label", {"dir": "DeepSeek-R1", "total": 671026419200, "shared": 17000000000, "expert": 2554859520, "experts": 256}
    yield "_name_or_path empty", {"dir": "Some-Model-7B", "config": '{"_name_or_path": ""}'}
    yield "_name_or_path path", {"dir": "Some-Model-7B", "config": '{"_name_or_path": "/opt/models/Other-3B"}'}
    yield "_name_or_path relative", {"dir": "Some-Model-7B", "config": '{"_name_or_path": "./hermes-2-pro-llama-3-8b-DPO"}'}
    yield "_name_or_path null", {"dir": "Some-Model-7B", "config": '{"_name_or_path": null}'}
    yield "_name_or_path number", {"dir": "Some-Model-7B", "config": '{"_name_or_path": 7}'}
    yield "_name_or_path inner", {"dir": "Some-Model-7B", "config": '{"_name_or_path": "org/outer-7B-chat", "text_config": {"_name_or_path": "org/inner-1B"}}'}
    yield "merge card", {"dir": "m", "readme": front("base_model:", '- EmbeddedLLM/Mistral-7B-Merge-14-v0', "- janai-hq/trinity-v1",
        "tags:", "- Llama-3", "- instruct", "- synthetic data", "language:", "- en", "datasets:", "- teknium/OpenHermes-2.5",
        "model-index:", "- name: Mixtral-8x7B-Instruct-v0.1", "  results: []")}
    for key in ["base_model", "base_models", "base_model_sources", "datasets", "dataset", "dataset_sources"]:
        for name, value in [("id", " teknium/OpenHermes-2.5"), ("url", " https://huggingface.co/teknium/OpenHermes-2.5"), ("null", ""), ("empty", " []"),
                            ("dict", " {name: x}"), ("mapping", "\n- name: OpenHermes 2.5\n  organization: Teknium\n  version: '2.5'\n  repo_url: https://x\n  author: ''\n  other: z"),
                            ("numbers", "\n- 5\n- 2024-01-01\n- null\n- no\n- 1.5\n- [a]"), ("bad version", "\n- name: x\n  version: 1.5"), ("false", " no")]:
            yield f"{key} {name}", {"dir": "x", "readme": front(f"{key}:{value}")}
    for url in ["http://huggingface.co/a/b-7B", "https://huggingface.co/a/b/tree/main", "https://huggingface.co/a", "https://huggingface.co/a/b/", "ssh://git@huggingface.co/a/b",
                "https://huggingfaceXco/a/b", "https://huggingface.co.evil/a/b huggingface.co", "https://example.org/huggingface.co/b", "https://huggingface.co/datasets/a",
                "https://huggingface.co//b", "HTTPS://huggingface.co/a/b", "https://huggingface.co/a/b c-7B", "https://huggingface.co/my-org/x-7B-v1", "ftp://x/y", "name only", "x-7B", "a/b/c", "/b", "a/", ""]:
        yield f"origin {url}", {"dir": "x", "readme": front("base_model: " + json.dumps(url))}
    yield "both names", {"dir": "x", "readme": front("base_model: a/b", "base_models: c/d", "base_model_sources: e/f", "dataset_sources: g/h", "dataset: i/j")}
    yield "null first name", {"dir": "x", "readme": front("base_model:", "base_models: c/d", "datasets: null", "dataset: i/j")}
    every = ["name", "author", "version", "organization", "description", "finetune", "basename", "size_label", "url", "doi", "uuid", "repo_url"]
    yield "all direct", {"dir": "x", "readme": front(*[f"{k}: the {k}" for k in every])}
    yield "all model_", {"dir": "x", "readme": front(*[f"model_{k}: the {k}" for k in every], "model_creator: c", "model_type: t")}
    yield "both", {"dir": "x", "readme": front(*[f"model_{k}: second {k}" for k in every], *[f"{k}: first {k}" for k in every])}
    yield "creator and type", {"dir": "Some-7B-chat", "readme": front("model_creator: Somebody", "model_type: llama", "quantized_by: TheBloke")}
    yield "null direct", {"dir": "Some-7B-chat", "readme": front("name:", "model_name: From Model", "version: ~", "author: null", "model_creator: z")}
    yield "empty direct", {"dir": "Some-7B-chat", "readme": front('name: ""', "model_name: From Model", "version: ''", "basename: ''")}
    for v in ["1.0", "2", "yes", "no", "0", "0.0", "-0", "2024-01-01", "[a]", "[]", "{a: b}", "{}", '"1.0"', "1e3", "0o10", "010", "v1.0", "1.2.3", "~", ".nan", "=", "!!str 2"]:
        yield f"version {v}", {"dir": "x", "readme": front(f"version: {v}")}
        yield f"license {v}", {"dir": "x", "readme": front(f"license: {v}")}
        yield f"size_label {v}", {"dir": "x", "total": 5000, "readme": front(f"size_label: {v}")}
        yield f"tags {v}", {"dir": "x", "readme": front(f"tags: {v}")}
        yield f"tag item {v}", {"dir": "x", "readme": front("tags:", "- " + v)}
        yield f"languages {v}", {"dir": "x", "readme": front(f"languages: [en]", f"language: {v}")}
    yield "license list", {"dir": "x", "readme": front("license:", "- mit", "- apache-2.0")}
    yield "license list number", {"dir": "x", "readme": front("license: [mit, 2]")}
    yield "license list empty text", {"dir": "x", "readme": front("license: ['']")}
    yield "license list empties", {"dir": "x", "readme": front("license: ['', '']")}
    yield "tags joined", {"dir": "x", "readme": front("tags: one", "pipeline_tag: text-generation", "language: [en, fr]", "languages: de")}
    yield "pipeline list", {"dir": "x", "readme": front("pipeline_tag: [a, b]")}
    yield "tags ints", {"dir": "x", "readme": front("tags: [1, 2, 0x10, 010, -5]")}
    yield "tags big int", {"dir": "x", "readme": front("tags: [2147483648]")}
    yield "tags floats", {"dir": "x", "readme": front("tags: [1.5, 0.1, -2.0]")}
    yield "tags huge float", {"dir": "x", "readme": front("tags: [1.0e+39]")}
    yield "tags bools", {"dir": "x", "readme": front("tags: [yes, no, on]")}
    yield "tags mixed", {"dir": "x", "readme": front("tags: [a, 1]")}
    yield "tags int float", {"dir": "x", "readme": front("tags: [1, 1.5]")}
    yield "tags bool int", {"dir": "x", "readme": front("tags: [true, 1]")}
    yield "tags null item", {"dir": "x", "readme": front("tags: [a, null]")}
    yield "tags empty text", {"dir": "x", "readme": front("tags: ['', a, '']")}
    yield "tags nested", {"dir": "x", "readme": front("tags: [[a]]")}
    yield "tags date", {"dir": "x", "readme": front("tags: [2024-01-01]")}
    yield "norway item", {"dir": "x", "readme": front("language:", "- en", "- no")}
    yield "norway flow", {"dir": "x", "readme": front("language: [en, no]")}
    yield "norway alone", {"dir": "x", "readme": front("language: no")}
    yield "norway comment", {"dir": "x", "readme": front("language:", "- en", "- no # norsk")}
    yield "norway in text", {"dir": "x", "readme": front("name: a - no", "author: b")}
    yield "tabs", {"dir": "x", "readme": front("tags:", "-\tone", "\t- two")}
    yield "tab indent", {"dir": "x", "readme": front("inference:", "\tparameters:", "\t\ttemperature: 1", "name: a\tb")}
    yield "crlf", {"dir": "x", "readme": front("name: a", "tags:", "- no", "- b").replace("\n", "\r\n")}
    yield "cr", {"dir": "x", "readme": front("name: a", "tags:", "- no", "- b").replace("\n", "\r")}
    yield "other line ends", {"dir": "x", "readme": "---\x0bname: a\x0cauthor: b\u2028version: c\u0085description: d\x1cdoi: e\x1duuid: f\x1eurl: g\n---\n"}
    yield "separator in text", {"dir": "x", "readme": '---\nname: "a\u2028b"\nauthor: c\n---\n'}
    yield "unclosed", {"dir": "x", "readme": "---\nname: a\nauthor: b\n"}
    yield "unclosed no end", {"dir": "x", "readme": "---\nname: a\nauthor: b"}
    yield "empty front", {"dir": "x", "readme": "---\n---\nname: a\n"}
    yield "only dashes", {"dir": "x", "readme": "---"}
    yield "empty file", {"dir": "x", "readme": ""}
    yield "one newline", {"dir": "x", "readme": "\n---\nname: a\n---\n"}
    yield "bom", {"dir": "x", "readme": "\ufeff---\nname: a\n---\n"}
    yield "bom inside", {"dir": "x", "readme": "---\n\ufeffname: a\n---\n"}
    yield "dashes and space", {"dir": "x", "readme": "--- \nname: a\n---\n"}
    yield "closing with space", {"dir": "x", "readme": "---\nname: a\n--- \nversion: b\n---\n"}
    yield "document end", {"dir": "x", "readme": "---\nname: a\n...\nversion: b\n---\n"}
    yield "document end only", {"dir": "x", "readme": "---\nname: a\n...\n---\nversion: b\n"}
    yield "list", {"dir": "x", "readme": front("- a", "- b")}
    yield "scalar", {"dir": "x", "readme": front("just text")}
    yield "comment only", {"dir": "x", "readme": front("# just a comment")}
    yield "directive", {"dir": "x", "readme": front("%YAML 1.1", "name: a")}
    yield "duplicate keys", {"dir": "x", "readme": front("name: a", "name: b", "tags: [x]", "tags: [y]")}
    yield "anchors", {"dir": "x", "readme": front("tags: &t [a, b]", "languages: *t", "name: &n hello", "author: *n")}
    yield "merge key", {"dir": "x", "readme": front("base: &b {name: a, author: b}", "other: &o {name: c, version: d}", "<<: [*b, *o]", "author: own")}
    yield "merge map", {"dir": "x", "readme": front("<<: {name: a, author: b}", "name: own")}
    yield "merge bad", {"dir": "x", "readme": front("<<: 5", "name: own")}
    yield "merge quoted", {"dir": "x", "readme": front('"<<": {name: a}', "author: own")}
    yield "default key", {"dir": "x", "readme": front("=: a", "name: own")}
    yield "other keys", {"dir": "x", "readme": front("1: a", "yes: b", "~: c", "1.5: d", "2024-01-01: e", "name: own")}
    yield "list key", {"dir": "x", "readme": front("? [a]", ": b", "name: own")}
    yield "unknown alias", {"dir": "x", "readme": front("name: *nope")}
    yield "bad yaml", {"dir": "x", "readme": front("name: a: b")}
    yield "bad indent", {"dir": "x", "readme": front("name: a", "  author: b")}
    yield "unclosed quote", {"dir": "x", "readme": front('name: "a')}
    yield "unclosed flow", {"dir": "x", "readme": front("tags: [a, b")}
    yield "percent", {"dir": "x", "readme": front("name: %a")}
    yield "at sign", {"dir": "x", "readme": front("name: @a")}
    yield "backtick", {"dir": "x", "readme": front("name: `a`")}
    yield "star text", {"dir": "x", "readme": front("name: **bold**")}
    yield "colon url", {"dir": "x", "readme": front("name: http://x:80/a?b=c#d", "author: a:b", "version: 'c: d'", "url: a #b")}
    yield "flow colon", {"dir": "x", "readme": front("tags: [a:b, 'c: d', e]", "base_model: [{name: x:y}]")}
    yield "block text", {"dir": "x", "readme": front("description: |", "  line 1", "", "    line 2", "  line 3", "author: >-", "  folded", "  text", "", "  more", "version: |+", "  keep", "", "name: >", "  a", "   b")}
    yield "multi-line plain", {"dir": "x", "readme": front("description: one", "  two", "", "  three", "author: x")}
    yield "escapes", {"dir": "x", "readme": front(r'name: "tab\tnl\nuni\u00e9\x41\U0001F600\e\0\_\N\L\P"')}
    yield "emoji", {"dir": "x", "readme": front("name: 🤗 Model", "author: Žofie", "tags: [日本語, 한국어]")}
    yield "control", {"dir": "x", "readme": front("name: a\x07b")}
    yield "del", {"dir": "x", "readme": front("name: a\x7fb")}
    yield "noncharacter", {"dir": "x", "readme": front("name: a\ufffeb")}
    yield "nbsp", {"dir": "x", "readme": front("name: a\u00a0b")}
    yield "quoted tag", {"dir": "x", "readme": front('tags: ["1", \'yes\', "2024-01-01"]')}
    yield "explicit tags", {"dir": "x", "readme": front("name: !!str 5", "tags: !!seq [a]", "x: !!map {a: b}")}
    yield "indented list", {"dir": "x", "readme": front("tags:", "    - a", "    - b", "language:", "  - en")}
    yield "key without space", {"dir": "x", "readme": front("name:a")}
    yield "spaces around", {"dir": "x", "readme": front("name:    a   ", "author :  b  # c")}
    yield "question key", {"dir": "x", "readme": front("? name", ": a")}
    yield "long key", {"dir": "x", "readme": front("k" * 1100 + ": a", "name: b")}
    yield "value long", {"dir": "x", "readme": front("name: " + "v" * 5000)}
    yield "gated html", {"dir": "x", "readme": front("extra_gated_prompt: >-", "  By clicking <b>Agree</b> you: accept - no", "  exceptions", "name: a")}
    for g in ['{"top_k": 50}', '{"top_k": 50.0}', '{"top_k": true}', '{"top_k": "50"}', '{"top_k": null}', '{"top_k": 2147483648}', '{"top_k": -1}', '{"top_k": -0}', '{"top_k": 1e2}',
              '{"temperature": 1}', '{"temperature": 0.7}', '{"temperature": true}', '{"temperature": "x"}', '{"temperature": 1e39}', '{"temperature": 1e-50}', '{"temperature": 16777217}',
              '{"temperature": 0}', '{"temperature": null}', '{"temperature": []}', '{"temperature": 3.4028235677973366e38}', '{"temperature": 3.4028235677973365e38}',
              '{"repetition_penalty": 1.1}', '{"repetition_penalty": 1.1, "penalty_repeat": 1.2}', '{"repetition_penalty": 1.1, "penalty_repeat": null}',
              '{"sequence": "abc"}', '{"sequence": ""}', '{"sequence": 5}', '{"sequence": 0}', '{"min_p": 0.05, "xtc_probability": 0.1, "xtc_threshold": 0.5, "penalty_last_n": 64, "mirostat": 2, "mirostat_tau": 5.0, "mirostat_eta": 0.1}',
              '', '{', 'null', '[]', '{}', '0', '[1]', '"x"', '{"top_k": 1,}', "{'top_k': 1}", '{"top_k": 01}', '{"top_k": 1} x', '{"a": "\n"}', '\ufeff{"top_k": 1}', '// c\n{}']:
        yield f"generation {g}", {"dir": "x", "generation": g}
    for o in [{}, {"general.name": "Over"}, {"general.name": None}, {"general.name": ""}, {"general.name": 5}, {"general.size_label": None}, {"general.size_label": "9Z"},
              {"general.license": "mit"}, {"general.license.name": "n", "general.license.link": "l"}, {"general.tags": ["a", "b"]}, {"general.tags": None}, {"general.tags": []}, {"general.tags": 5},
              {"general.languages": ["en"]}, {"general.base_models": [{"name": "A", "repo_url": "u"}, {}]}, {"general.base_models": None}, {"general.base_models": []},
              {"general.base_models": 5}, {"general.base_models": [5]}, {"general.datasets": [{"name": "D", "doi": "x", "author": "y", "uuid": "z", "url": "w", "description": "v"}]},
              {"general.sampling.temp": 0.5, "general.sampling.top_k": 3, "general.sampling.sequence": "s"}, {"general.sampling.temp": None}, {"general.quantized_by": "me", "general.url": "u", "general.doi": "d", "general.uuid": "i", "general.repo_url": "r"},
              {"general.source.url": "su", "general.source.doi": "sd", "general.source.uuid": "si", "general.source.repo_url": "sr"}, {"general.author": "a", "general.version": "v", "general.organization": "o", "general.finetune": "f", "general.basename": "b", "general.description": "d"},
              {"unknown.key": 1, "general.file_type": 7}]:
        yield f"override {json.dumps(o)}", {"dir": "Org-Model-7B-chat", "override": json.dumps(o), "total": 7000000000, "shared": 7000000000,
            "generation": '{"temperature": 0.6}', "readme": front("license: apache-2.0", "tags: [x]", "base_model: a/b", "datasets: c/d")}
    yield "override list", {"dir": "x", "override": "[1]"}
    yield "override bad", {"dir": "x", "override": "{"}
    yield "model name", {"dir": "Some-7B", "model_name": "My Model", "readme": front("name: Card")}
    yield "model name over override", {"dir": "Some-7B", "model_name": "Mine", "override": '{"general.name": "Over"}'}
    yield "name with slash", {"dir": "x", "readme": front("name: a/b c", "version: v 1")}
    yield "context length", {"dir": "Some-7B-chat-128k", "total": 7000000000, "shared": 7000000000}
    for d in ["..x", "a b", "snapshots", "0123456789abcdef0123456789abcdef01234567", "Some-7B ", "x-7B-Q8_0"]:
        yield f"dir {d!r}", {"dir": d, "total": 1234567, "shared": 1234567}
    r = random.Random(7)
    sound = ["a", "1", "1.5", "no", "yes", "~", "'x'", '"y"', "org/m-7B", "2024-02-03", "[a, b]", "{k: v}", "[1]", "0x1", "1e3", "# c", "é", "a#b",
             "a - no", "x y", "v1.0", "[a, no]", "[x: y]", "{}", "org/n-3B-chat-v2", "''", "text text", "a  b", "-x", "a:b"]
    odd = ["", "- x", "a: b", "| ", "> ", "*a", "&a z", "%", "[", "{", "]", "\\", ": x", "?", "-", "--- x", "...", ",", "a,b", "[a,,b]", "!t x", "@x", "'a", '"a',
           "a'b", 'a"b', "{a, b}", "[?a]", "[a: ]", "{a:1}", "{'a':1}", "|-", ">2", "\u2028", "\x85", "a\u00a0", "''" * 2, "[a]b", "{a: b}c", "'a' b", "? a", "a ?b", "[a ,b]", "&", "*", "<<", "a:", "a: ", "\ufeff", "a\ufeffb"]
    atom = lambda: r.choice(odd if r.random() < 0.15 else sound)
    keys = ["name", "version", "license", "tags", "language", "base_model", "datasets", "author", "model_type", "x", "pipeline_tag"]
    for i in range(n_random):
        lines = []
        for _ in range(r.randint(1, 5)):
            k = r.choice(keys)
            if r.random() < 0.4:
                lines += [k + ":"] + [r.choice(["- ", "  - ", "-  ", "  "]) + atom() for _ in range(r.randint(1, 3))]
            else:
                lines.append(k + ": " + atom())
        yield f"random {i}", {"dir": "x", "readme": front(*lines)}


def record_case(gguf, case, root):
    d = Path(root) / case["dir"]
    d.mkdir()
    try:
        for key, name in [("readme", "README.md"), ("config", "config.json"), ("generation", "generation_config.json")]:
            if key in case:
                (d / name).write_bytes(case[key].encode())
        override = None
        if "override" in case:
            override = Path(root) / "override.json"
            override.write_bytes(case["override"].encode())
        total, shared, expert, experts = (case.get(k, 0) for k in ("total", "shared", "expert", "experts"))
        # What conversion/base.py does in prepare_metadata, in the same order.
        m = gguf.Metadata.load(override, d, case.get("model_name"), total)
        if m.name is None:
            m.name = d.name
        if m.size_label is None and total > 0:
            m.size_label = gguf.size_label(total, shared, expert, experts)
        w = gguf.GGUFWriter(path=None, arch="llama")
        m.set_gguf_meta_model(w)
        pairs = []
        for key, v in w.kv_data[0].items():
            w._pack_val(v.value, v.type, add_vtype=True, sub_type=v.sub_type)
            if key != "general.architecture":
                pairs.append([key, *shown(gguf, v.type, v.value)])
        case["pairs"] = pairs
        try:
            case["file"] = gguf.naming_convention(m.name, m.basename, m.finetune, m.version, m.size_label, "Q8_0") + ".gguf"
        except Exception:
            pass
    except Exception as e:
        case["error"] = type(e).__name__
    finally:
        for f in d.iterdir():
            f.unlink()
        d.rmdir()
    return case


def shown(gguf, kind, v):
    name = gguf.GGUFValueType(kind).name
    if name == "FLOAT32":
        return name, struct.unpack("<I", struct.pack("<f", v))[0]
    if name == "ARRAY":
        sub = gguf.GGUFValueType.get_type(v[0])
        return name + " " + sub.name, [shown(gguf, sub, x)[1] for x in v]
    return name, int(v) if name in ("INT32", "UINT32") else v


def scalar(yaml, s):
    try:
        v = yaml.safe_load("k: " + s + "\n")["k"]
    except Exception as e:
        return [s, "error", ""]
    kind = type(v).__name__
    if isinstance(v, float):
        return [s, kind, struct.pack(">d", v).hex() if v == v else "nan"]
    return [s, kind, str(v)]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("llamacpp", type=Path)
    p.add_argument("--out", type=Path, default=Path(__file__).with_name("metadata.json"))
    p.add_argument("--random", type=int, default=250, help="how many cards made at random")
    a = p.parse_args()
    sys.path.insert(0, str(a.llamacpp / "gguf-py"))
    import gguf, yaml
    logging.disable(logging.CRITICAL)
    ids = []
    for s in REAL_IDS.strip("\n").replace("\n", "|").split("|"):
        s, _, n = s.partition("@")
        ids.append((unescape(s), int(n or 0)))
    out = {"ids": [], "scalars": [], "sizes": [], "cards": []}
    for s, n in dict.fromkeys(ids + random_ids(400)):
        out["ids"].append([s, n, gguf.Metadata.id_to_title(s), *gguf.Metadata.get_model_id_components(s, n)])
    for s in SCALARS.strip("\n").replace("\n", "|").split("|"):
        out["scalars"].append(scalar(yaml, s.replace("\\\\", "\\")))
    counts = [1, 499, 500, 999, 1000, 1500, 2500, 9500, 9949, 9950, 10500, 260000, 999499, 999500, 999999, 10**6, 10**6 + 1, 1500000, 9949999, 9950000, 99500000, 134515008, 494032768,
              999999999, 10**9, 10**9 + 1, 1235814400, 7241732096, 8030261312, 9949999999, 9950000001, 14770033664, 32763876352, 671026419200, 999999999999, 10**12, 10**12 + 1, 1026419200000, 2**62]
    r = random.Random(3)
    counts += [r.randrange(1, 10**r.randint(1, 14)) for _ in range(200)]
    for n in counts:
        out["sizes"].append([n, n, 0, 0, gguf.size_label(n, n, 0, 0)])
        out["sizes"].append([n, n // 3, n // 50, 8, gguf.size_label(n, n // 3, n // 50, 8)])
    with tempfile.TemporaryDirectory() as root:
        for name, case in cards(a.random):
            out["cards"].append({"name": name, **record_case(gguf, case, root)})
    with open(a.out, "w", encoding="utf-8") as f:
        f.write("{\n" + ",\n".join(f"{json.dumps(k)}: [\n" + ",\n".join(json.dumps(x, ensure_ascii=True) for x in v) + "\n]" for k, v in out.items()) + "\n}\n")
    print({k: len(v) for k, v in out.items()}, sum("error" in c for c in out["cards"]), "cards with an error")


main()
