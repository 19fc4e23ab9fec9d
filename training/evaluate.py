"""Measures a checkpoint on held-out problems with the two-phase procedure itself.

python evaluate.py --checkpoint out/base/last.pt --n 200
Rows: P paths with a summary, a majority vote over P single runs (by text and by value), one sequential path of P times the budget,
and flattened positions as a control. The answer is the model's own text; it is checked only for the score.
"""

import argparse
import json
import os
import time
from collections import Counter
from pathlib import Path

import torch

from check import boxed, correct, value
from data import HERE, read_jsonl
from export import read
from model import Config, Model
from sample import solve
from teacher import BUDGET, SOLVED, TEMPERATURE
from tokenizer import decode, problem_text, prompt_ids


def load(path):
    """Loads the model of a checkpoint or of an exported GGUF (with the weights as the file stores them)."""
    if str(path).endswith(".gguf"):
        state, config = read(path)
        model = Model(Config(**config))
        model.load_state_dict(state)
        return model.eval()
    state = torch.load(path, map_location="cpu")
    model = Model(Config(**state["config"]))
    model.load_state_dict(state["model"])
    return model.eval()


def shard(job):
    """Runs one list of problems in this process; returns the results in order. All prompts must have the same length."""
    checkpoint, problems, options, seed, chunk = job
    torch.set_num_threads(1)
    model = load(checkpoint)
    generator = torch.Generator().manual_seed(seed)
    out = []
    for start in range(0, len(problems), chunk):
        prompts = [prompt_ids(p["problem"]) for p in problems[start : start + chunk]]
        out += solve(model, prompts, generator=generator, **options)
    return out


def run(checkpoint, problems, options, seed=0, workers=2, chunk=None):
    chunk = chunk or max(4, 512 // len(options["thoughts"]))
    if workers == 1:
        return shard((checkpoint, problems, options, seed, chunk))
    parts = [problems[i::workers] for i in range(workers)]
    with torch.multiprocessing.get_context("spawn").Pool(workers) as pool:
        done = pool.map(
            shard, [(checkpoint, p, options, seed + i, chunk) for i, p in enumerate(parts)]
        )
    out = [None] * len(problems)
    for i, part in enumerate(done):
        out[i::workers] = part
    return out


def answer(result):
    return boxed(decode(result["summary"]))


def path_solves(result, problem):
    """Returns whether some path that ended states steps that make the target from the problem's numbers."""
    return any(
        ended and states_solution(path, problem)
        for path, ended in zip(result["paths"], result["ended"])
    )


def states_solution(path, problem):
    if SOLVED not in path:
        return False
    text = decode(path[path.index(SOLVED) + 1 :])
    hand = Counter(problem["numbers"])
    for step in text.split(","):
        left, _, made = step.partition("=")
        got = value(left.strip())
        if got is None or len(got[1]) != 2 or not made.strip().isdigit() or got[0] != int(made):
            return False
        hand.subtract(got[1])
        if min(hand.values()) < 0:
            return False
        hand[int(made)] += 1
    return +hand == Counter([problem["target"]])


def vote(answers, same):
    """Returns the most frequent answer; "no answer" is a class of its own, and the earlier of equally frequent answers wins."""
    counts, first = Counter(), {}
    for a in answers:
        k = same(a)
        counts[k] += 1
        first.setdefault(k, a)
    return first[max(counts, key=lambda k: counts[k])]


def by_value(a):
    got = value(a) if a else None
    return None if a is None else (str(got[0]) if got else a)


def measure(
    checkpoint,
    problems,
    paths=(1, 2, 4, 8, 16),
    budget=BUDGET,
    temperature=TEMPERATURE,
    rule="first",
    seed=0,
    workers=2,
    majority=8,
    sequential=8,
    flattened=True,
):
    def share(flags):
        return round(sum(flags) / len(problems), 4)

    def row(name, results):
        table[name] = {
            "accuracy": share(
                correct(answer(r), p["numbers"], p["target"]) for r, p in zip(results, problems)
            ),
            "any_path": share(path_solves(r, p) for r, p in zip(results, problems)),
            "false_claims": share(
                any(r["ended"]) and not path_solves(r, p) for r, p in zip(results, problems)
            ),
            "mean_length": round(sum(max(map(len, r["paths"])) for r in results) / len(results), 1),
        }
        print(name, table[name], flush=True)

    table, options = {}, {"budget": budget, "temperature": temperature, "rule": rule}
    for p in paths:
        row(
            f"P={p}",
            run(checkpoint, problems, options | {"thoughts": list(range(1, p + 1))}, seed, workers),
        )
    if sequential:
        row(
            f"sequential x{sequential}",
            run(
                checkpoint,
                problems,
                options | {"thoughts": [1], "budget": sequential * budget},
                seed,
                workers,
                128,
            ),
        )
    if majority:
        runs = [
            run(checkpoint, problems, options | {"thoughts": [1]}, seed + 100 + 10 * i, workers)
            for i in range(majority)
        ]
        answers = list(zip(*[[answer(r) for r in results] for results in runs]))
        for name, same in (("text", lambda a: a and a.replace(" ", "")), ("value", by_value)):
            picked = [vote(a, same) for a in answers]
            table[f"majority of {majority} by {name}"] = {
                "accuracy": share(
                    correct(a, p["numbers"], p["target"]) for a, p in zip(picked, problems)
                )
            }
            print(name, table[f"majority of {majority} by {name}"], flush=True)
        table["majority any run"] = {
            "accuracy": share(
                any(correct(x, p["numbers"], p["target"]) for x in a)
                for a, p in zip(answers, problems)
            )
        }
        print("any run", table["majority any run"], flush=True)
    if flattened:
        row(
            "P=8 flattened positions",
            run(
                checkpoint,
                problems,
                options | {"thoughts": list(range(1, 9)), "shared_positions": False},
                seed,
                workers,
            ),
        )
    return table


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--checkpoint", required=True, help="checkpoint or exported GGUF")
    p.add_argument("--data", default=str(HERE / "data" / "heldout4.jsonl"))
    p.add_argument("--n", type=int, default=1000)
    p.add_argument("--paths", default="1,2,4,8,16")
    p.add_argument("--budget", type=int, default=BUDGET)
    p.add_argument("--temperature", type=float, default=TEMPERATURE)
    p.add_argument("--rule", default="first", choices=["first", "half", "last"])
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--workers", type=int, default=min(8, os.cpu_count() or 1))
    p.add_argument("--majority", type=int, default=8)
    p.add_argument("--sequential", type=int, default=8)
    p.add_argument("--no-flattened", action="store_true")
    p.add_argument("--out", help="JSON file for the table")
    a = p.parse_args()
    problems = read_jsonl(a.data)[: a.n]
    for problem in problems:
        problem.setdefault("problem", problem_text(problem["numbers"], problem["target"]))
    began = time.time()
    table = measure(
        a.checkpoint,
        problems,
        [int(x) for x in a.paths.split(",") if x],
        a.budget,
        a.temperature,
        a.rule,
        a.seed,
        a.workers,
        a.majority,
        a.sequential,
        not a.no_flattened,
    )
    result = {
        "n": len(problems),
        "budget": a.budget,
        "temperature": a.temperature,
        "rule": a.rule,
        "seed": a.seed,
        "seconds": round(time.time() - began),
        "table": table,
    }
    if a.out:
        Path(a.out).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
