"""Records what jinja2 makes of templates, as Hugging Face transformers sets it up, for the tests of runtime/chat.

    pip install jinja2==3.1.6 transformers==4.57.6
    python runtime/chat/testdata/record.py [../shared/data/templates]

Reads conversations.json, templates/*.jinja and the snippets below, all of them ours. Writes snippets.json (text or error of
each snippet), golden.json (text or error of each template with each conversation) and, when the folder of published
templates is given, published.json: only SHA-256 and length of the text, because those templates are not ours to ship.
The time that strftime_now sees is fixed. An error is recorded by its kind: "raise" when the template refused, else "error".
"""

import copy
import datetime
import hashlib
import json
import pathlib
import sys

import jinja2
import transformers
import transformers.utils.chat_template_utils as hf

HERE = pathlib.Path(__file__).parent


class Fixed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2031, 5, 4, 15, 6, 7)


hf.datetime = Fixed


def render(template, conversation):
    conversation = copy.deepcopy(conversation)  # indent changes a list that it is given
    names = conversation.get("extra", {})
    for key in ("bos", "eos"):
        if conversation[key]:
            names[key + "_token"] = conversation[key]
    try:
        text = hf.render_jinja_template(
            [conversation["messages"]],
            chat_template=template,
            add_generation_prompt=conversation["add_generation_prompt"],
            **names,
        )[0][0]
        return {"text": text}
    except Exception as e:
        return {"error": "raise" if type(e) is jinja2.TemplateError else "error", "message": f"{type(e).__name__}: {e}"[:200]}


# What snippets can see beside the usual variables.
SNIPPET_VARS = {
    "name": "snippet",
    "messages": [
        {"role": "system", "content": "Sys"},
        {"role": "user", "content": "  Hi <b>\n"},
        {"role": "assistant", "content": "a</think>b</think>c"},
        {"role": "user", "content": "é🙂x"},
    ],
    "add_generation_prompt": True,
    "bos": "<s>",
    "eos": "</s>",
    "extra": {
        "n": 7, "f": 2.5, "t": True, "none_": None, "s": "Hello, World", "u": "Grüße é🙂 x", "empty": "", "l": [3, 1, 2],
        "words": ["b", "A", "c"], "d": {"a": 1, "b": [1, None, True, 2.0], "c": {"x": "y's"}},
        "deep": [{"k": {"v": 1}, "n": "x"}, {"k": {"v": 2}, "n": "y"}, {"n": "z"}], "neg": -7, "big": 9007199254740993,
        "items": {"get": 2, "items": 1, "other": 3}, "blank": " \t\n x \u00a0\u3000",
    },
}

SNIPPETS = [line for line in (HERE / "snippets.txt").read_text(encoding="utf-8").split("\n") if line and line[0] != "#"]


def record(published=None):
    out = {"jinja2": jinja2.__version__, "transformers": transformers.__version__}
    out["conversation"] = SNIPPET_VARS
    # A snippet is one line of the file; \n, \t and so on in it stand for themselves, "⏎" for a newline in the template.
    out["snippets"] = [{"template": s, **render(s.replace("⏎", "\n"), SNIPPET_VARS)} for s in SNIPPETS]
    dump("snippets.json", out)

    conversations = json.loads((HERE / "conversations.json").read_text(encoding="utf-8"))
    out = {"jinja2": jinja2.__version__, "transformers": transformers.__version__, "templates": {}}
    for path in sorted((HERE / "templates").glob("*.jinja")):
        template = path.read_bytes().decode("utf-8")
        out["templates"][path.name] = {c["name"]: render(template, c) for c in conversations}
    dump("golden.json", out)

    if published:
        out = {"jinja2": jinja2.__version__, "transformers": transformers.__version__, "templates": {}}
        for path in sorted(pathlib.Path(published).glob("*.jinja")):
            template = path.read_bytes().decode("utf-8")
            got = {}
            for c in conversations:
                r = render(template, c)
                if "text" in r:
                    data = r["text"].encode("utf-8")
                    r = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
                else:
                    del r["message"]
                got[c["name"]] = r
            out["templates"][path.name] = {"sha256": hashlib.sha256(template.encode("utf-8")).hexdigest(), "conversations": got}
        dump("published.json", out)


def dump(name, out):
    # One line for each entry, so that a change shows.
    (HERE / name).write_text(json.dumps(out, ensure_ascii=False, indent=1, sort_keys=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record(*sys.argv[1:])
