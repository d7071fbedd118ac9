#!/usr/bin/env python3
"""Answers many questions to the reference in one process: TestGoldens -update and TestOracle run it.

Usage: ask.py PATH/ggml_oracle.py
One question a line, fields separated by tabs: rows TYPE COLS IN OUT [WEIGHTS], or unrows TYPE COLS IN OUT, as the
commands of ggml_oracle.py. The answer is "ok", "gave up" when the reference ends the program, as its IQ types do when
sums overflow, or a line that says what is wrong. Each question has a process of its own, forked from this one.
"""
import argparse, importlib.util, os, sys

spec = importlib.util.spec_from_file_location("ggml_oracle", sys.argv[1])
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)
base = oracle.base()
import numpy  # once, before the forks
for line in sys.stdin:
    verb, kind, cols, source, target, *weights = line.rstrip("\n").split("\t")
    q = argparse.Namespace(type=kind, n_per_row=int(cols), input=source, output=target, imatrix=weights[0] if weights else None)
    base.ggml_quantize_init(oracle.TYPES[kind])  # tables that take seconds, once for all processes
    child = os.fork()
    if child == 0:
        try:
            {"rows": oracle.rows, "unrows": oracle.unrows}[verb](q)
        except BaseException as e:
            print("no:", e, flush=True)
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status == 0:
        print("ok", flush=True)
    elif os.WIFSIGNALED(status):
        print("gave up", flush=True)
