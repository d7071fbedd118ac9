"""Records what jinja2 makes of random programs, for TestRandom of runtime/chat: random.json.

    pip install jinja2==3.1.6 transformers==4.57.6
    python runtime/chat/testdata/record_random.py [SEED [COUNT [OUT]]]

Expressions and statements are put together by chance from the words below, so that operators, filters, tests, methods and
white space meet in ways nobody would write down. Most programs fail; all whose text is short are kept, and some that fail.
"""

import json
import logging
import pathlib
import random
import sys
import warnings

import record

NAMES = "n f t none_ s u empty l words d deep neg messages missing items blank bos_token tools loop ns x".split()
CONSTANTS = ["1", "0", "-1", "2", "3.5", "0.0", "true", "false", "none", "'a'", "''", "'l'", "' b '", "'é'", "[]", "[1, 2]",
             "{}", "{'a': 1}", "('a', 1)", '"x,y"', "10", "1e20"]
ATTRIBUTES = "a b c x role content items k v n get upper strip keys values index first last length".split()
FILTERS = ["trim", "length", "join", 'join(", ")', 'default("z")', 'default("z", true)', "upper", "lower", "title",
           "capitalize", "tojson", "list", "first", "last", "string", "safe", "int", "float", "abs", "reverse", "sort",
           "unique", "sum", "items", "dictsort", 'map("string")', 'map(attribute="role")', "select", "reject",
           'select("string")', 'selectattr("role")', 'selectattr("role","eq","user")', 'replace("a","b")', "indent(1)",
           "tojson(indent=1)", "count", 'map("upper")', 'rejectattr("n")', "sort(reverse=true)",
           'join("-", attribute="role")', "batch(2)", "d", 'map("length")', 'trim("a ")', "tojson(ensure_ascii=true)"]
TESTS = ["defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "integer", "float", "boolean",
         "true", "false", "odd", "even", "callable", "lower", "upper", "divisibleby 2", "divisibleby(3)", "eq 1", 'eq("a")',
         "in [1]", "in l", "gt 2", "sameas none", 'ne "x"', "lt 3"]
METHODS = ["upper()", "lower()", "strip()", 'strip("a")', "lstrip()", 'rstrip("x")', "split()", 'split(",")', 'split("l", 1)',
           "rsplit(none, 1)", 'startswith("a")', 'endswith(("a","d"))', 'replace("l", "")', 'replace("l","LL",1)', 'find("l")',
           'rfind("l")', 'count("l")', "title()", "capitalize()", "splitlines()", 'join(["a","b"])', "join(words)", "items()",
           "keys()", "values()", 'get("a")', 'get("q", 3)', "index(1)", "count(1)", 'partition("l")', "isdigit()", "isalpha()",
           "isupper()", 'removeprefix("H")', "copy()", "isspace()", "islower()", 'rpartition(",")', "append(1)"]
OPERATORS = "+ - * / // % ** ~ == != < <= > >= in not_in and or".split()
SLICES = ["1:", ":-1", "::-1", "1:3", "::2", "-2:", ":", "5:1:-1"]
BLANKS = ["", "\n", " ", "  ", "\n  ", " \n", "\n\n", "\t"]


class Programs:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def one_of(self, *choices):
        return self.rng.choice(choices)

    def expression(self, depth):
        e = lambda: self.expression(depth - 1)
        pick = self.rng.choice
        k = self.rng.random()
        if depth <= 0 or k < 0.22:
            return pick(NAMES) if self.rng.random() < 0.6 else pick(CONSTANTS)
        if k < 0.42:
            return f"{e()} {pick(OPERATORS).replace('_', ' ')} {e()}"
        if k < 0.52:
            return f"({e()})"
        if k < 0.57:
            return self.one_of("not ", "-", "+", "- -", "not not ") + e()
        if k < 0.62:
            return f"{e()}.{pick(ATTRIBUTES)}"
        if k < 0.68:
            return f"{e()}[{e()}]"
        if k < 0.72:
            return f"{e()}[{pick(SLICES)}]"
        if k < 0.80:
            return f"{e()}|{pick(FILTERS)}"
        if k < 0.87:
            return f"{e()} is {self.one_of('', 'not ')}{pick(TESTS)}"
        if k < 0.93:
            return f"{e()}.{pick(METHODS)}"
        if k < 0.96:
            return f"{e()} if {e()}" + self.one_of(" else " + e(), "")
        if k < 0.98:
            return f"[{e()}, {e()}]"
        return f"{{{e()}: {e()}}}"

    def tag(self, text):
        return "{%" + self.one_of("", "", "-", "+") + " " + text + " " + self.one_of("", "", "-", "+") + "%}"

    def statement(self, depth):
        e, tag, one_of = self.expression, self.tag, self.one_of
        blank = self.rng.choice(BLANKS)
        body = lambda: "".join(self.statement(depth - 1) for _ in range(self.rng.randint(0, 3)))
        k = self.rng.random()
        if depth <= 0 or k < 0.3:
            sign = lambda: one_of("", "", "-", "+")
            return one_of("a", "{{" + one_of("", "-") + f" {e(2)} " + one_of("", "-") + "}}", self.rng.choice(BLANKS),
                          "{#" + sign() + " c " + sign() + "#}", tag("set x = " + e(2))) + blank
        if k < 0.5:
            return (tag("if " + e(2)) + blank + body() + one_of("", tag("else") + body(), tag("elif " + e(1)) + body())
                    + tag("endif") + blank)
        if k < 0.7:
            head = f"for {one_of('x', 'n', 'x, n', 'k, v')} in {e(2)}" + one_of("", "", " if " + e(1))
            middle = one_of("", tag(one_of("break", "continue")), "{{ loop.index }}{{ loop.last }}{{ loop.previtem }}")
            return (tag(head) + blank + body() + middle + body() + one_of("", tag("else") + body()) + tag("endfor") + blank)
        if k < 0.8:
            return tag("set x") + body() + tag("endset") + blank + "{{ x }}"
        if k < 0.85:
            return tag(f"macro mm(a, b={e(1)})") + body() + "{{ a }}" + tag("endmacro") + blank + "{{ mm(" + e(1) + ") }}"
        if k < 0.9:
            return tag("filter " + one_of("upper", "trim", 'replace("a","b")', "length")) + body() + tag("endfilter") + blank
        if k < 0.95:
            return tag(f"set ns = namespace(x={e(1)})") + blank + tag("set ns.x = " + e(1)) + blank + "{{ ns.x }}"
        return tag("with x = " + e(1)) + body() + tag("endwith") + blank

    def program(self, i):
        if i % 2:
            return "{{ " + self.expression(3) + " }}"
        return "".join(self.statement(3) for _ in range(self.rng.randint(1, 4)))


def main(seed=1, count=3000, out=None):
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    programs, kept = Programs(int(seed)), []
    for i in range(int(count)):
        template = programs.program(i)
        got = record.render(template, record.SNIPPET_VARS)
        if " object at 0x" in got.get("text", "") or " at 0x" in got.get("message", ""):
            continue
        if out is None and (len(template) > 300 or len(got.get("text", "")) > 300 or ("error" in got and i % 8 > 1)):
            continue
        kept.append({"template": template, **got})
    data = {"jinja2": record.jinja2.__version__, "transformers": record.transformers.__version__,
            "conversation": record.SNIPPET_VARS, "programs": kept}
    text = json.dumps(data, ensure_ascii=False).replace('{"template"', '\n{"template"')
    pathlib.Path(out or record.HERE / "random.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
