"""Collects the model's own path sets with the two-phase sampler, verifies them, and keeps what may be learned from.

python selfplay.py --checkpoint out/base/last.pt --out out/own/pool.pt --count 2000
A summary that has only seen the teacher's paths fails on the model's own, so the target here fits the paths as they are: the
first path that ended with a correct solution, or none. Paths are learned up to their first departure from a legal search, where the
correct token is learned instead. A first step that the model chose is learned only if it leads to a solution, or if
nothing in the slice does.
"""

import argparse
import random
import time
from collections import Counter

import torch

from data import taught, training_problem
from evaluate import run, states_solution
from game import OPS, join
from teacher import SLICES, Tree, ending_ids, first_ids, last_ids, step_ids, summary_ids
from tokenizer import ID, PHRASINGS, SUMMARY, problem_text, prompt_ids


def same(a, b):
    """Returns the length of the common prefix."""
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return n


def audit(tree: Tree, thought: int, ids):
    """Describes what a path did, as a dict. legal: number of tokens up to its first departure from a legal search; wanted: the correct token
    there, if only one is; choices: its first steps as `(start, stop, good)`; steps: its solution, if it states one legally. If no last
    step makes the target, any last step is legal."""
    after = [k for i in range(1, 8) for k in SLICES[(thought - 1 + i) % 8]]
    own = [k for k in SLICES[thought - 1] if k in tree.first]
    done, at, found = set(), 0, {"choices": [], "wanted": None, "steps": None}

    def follow(line):
        """Returns whether the path continues with this line (or ends within it)."""
        nonlocal at
        fit = same(line, ids[at : at + len(line)])
        at += fit
        if fit < len(line) and at < len(ids):
            found["wanted"] = line[fit]
        return fit == len(line)

    while at < len(ids):
        open_ = [k for k in own if tree.first[k] not in done]
        left = open_ or [k for k in after if k in tree.first and tree.first[k] not in done][:1]
        if not left:
            break
        lines = {k: first_ids(*tree.first[k]) for k in left}
        kind = max(left, key=lambda k: same(lines[k], ids[at:]))
        if same(lines[kind], ids[at:]) < min(5, len(ids) - at):  # not a first step of its own
            return found | {"legal": at + same(lines[kind], ids[at:])}
        good = kind in tree.viable or not any(k in tree.viable for k in left)
        found["choices"].append((at, min(at + 7, len(ids)), good))
        if not follow(lines[kind]):
            return found | {"legal": at}
        step, rest = tree.first[kind]
        done.add(tree.first[kind])
        for second, last in tree.second[kind]:
            if not follow(step_ids(second, "\n{}")):
                return found | {"legal": at}
            solved = last[3] == tree.target
            (left,) = (Counter([step[3], *rest]) - Counter([second[0], second[2]])).elements()
            others = (
                []
                if solved
                else [
                    last_ids(s, tree.target) for s in (join(second[3], op, left) for op in OPS) if s
                ]
            )
            if not follow(
                next((o for o in others if o[:4] == ids[at : at + 4]), last_ids(last, tree.target))
            ):
                return found | {"legal": at}
            if solved:
                if follow(ending_ids((step, second, last), thought)):
                    found["steps"] = (step, second, last)
                return found | {"legal": at}
    return found | {"legal": min(at, len(ids))}


def learn(problem, thoughts, result):
    """Makes a training example in the form of teacher.example from one sampled result, with `no_loss` ranges (places in a part)."""
    numbers, target = tuple(problem["numbers"]), problem["target"]
    tree = Tree(numbers, target)
    paths, no_loss, wanted, solved = [], {}, {}, (None, None)
    for t, ids, ended in zip(thoughts, result["paths"], result["ended"]):
        did = audit(tree, t, ids)
        if did["steps"] and ended and not solved[1]:
            solved = (t, did["steps"])
        ranges = [
            (start + 1, stop + 1)
            for start, stop, good in did["choices"]
            if not good and stop <= did["legal"]
        ]
        if did["legal"] < len(ids):
            ranges.append((did["legal"] + 1, len(ids) + 1))
            if did["wanted"] is not None:
                wanted[1, t] = (did["legal"] + 1, did["wanted"])
        no_loss[1, t] = ranges
        paths.append([ID[f"<think{t}>"]] + ids)
    if not solved[1]:  # a correct statement after an illegal search is still a solution
        for t, ids, ended in zip(thoughts, result["paths"], result["ended"]):
            if ended and states_solution(ids, problem):
                return None
    return {
        "numbers": numbers,
        "target": target,
        "prompt": prompt_ids(problem["problem"]),
        "thoughts": list(thoughts),
        "paths": paths,
        "summary": [ID[SUMMARY]] + summary_ids(*solved),
        "solved": solved[1] is not None,
        "no_loss": no_loss,
        "wanted": wanted,
    }


def collect(checkpoint, count, seed, workers, temperature):
    """Returns about `count` examples; each round has one P, phrasing, budget and finish rule."""
    rng, pool, began = random.Random(f"own-{seed}"), {}, time.time()
    made = 0
    while made < count:
        paths = rng.choices([1, 2, 4, 8], [0.15, 0.2, 0.25, 0.4])[0]
        phrasing = 0 if rng.random() < 0.6 else rng.randrange(len(PHRASINGS))
        names = list(range(1, paths + 1))
        if rng.random() < 0.3:
            names = sorted(rng.sample(range(1, 17), paths))
        rule = rng.choices(["first", "half", "last"], [0.84, 0.08, 0.08])[0]
        options = {
            "thoughts": names,
            "budget": rng.randint(90, 260),
            "temperature": temperature,
            "rule": rule,
        }
        drawn = [training_problem(rng) for _ in range(128)]
        problems = [
            {"problem": problem_text(n, t, phrasing), "numbers": n, "target": t} for n, t in drawn
        ]
        found = [
            learn(p, names, r)
            for p, r in zip(
                problems, run(checkpoint, problems, options, rng.randrange(10**6), workers)
            )
        ]
        found = [e for e in found if e]
        pool.setdefault((paths, phrasing), []).extend(found)
        made += len(found)
        print(
            f"{made}/{count} examples, P={paths} {rule}: solved {sum(e['solved'] for e in found) / len(found):.2f}, {time.time() - began:.0f} s",
            flush=True,
        )
    return pool


class Mixed:
    """A `make` for data.Stream: with probability `share` one of the model's own examples, else one of the teacher's."""

    def __init__(self, pool_file, share: float):
        self.pool_file, self.share, self.pool = pool_file, share, None

    def __call__(self, rng, paths, budget, rule, phrasing):
        if self.pool is None:
            self.pool = torch.load(self.pool_file, weights_only=False)
        own = self.pool.get((paths, phrasing))
        if own and rng.random() < self.share:
            return rng.choice(own)
        return taught(rng, paths, budget, rule, phrasing)


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--count", type=int, default=2000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--temperature", type=float, default=1.0)
    a = p.parse_args()
    torch.save(collect(a.checkpoint, a.count, a.seed, a.workers, a.temperature), a.out)


if __name__ == "__main__":
    main()
