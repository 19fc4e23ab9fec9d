"""Problems and batches: held-out sets, and an endless seeded stream of training batches.

`python data.py` writes data/heldout4.jsonl and data/heldout5.jsonl (lines of problem, numbers, target).
"""

import json
import random
from functools import lru_cache
from pathlib import Path

import torch

from game import key, random_problem
from teacher import example, thoughts
from tokenizer import PHRASINGS, problem_text

HERE = Path(__file__).parent
HELDOUT_SEED = 20261124


def heldout(count: int, total: int, seed: int):
    """Returns `total` problems of `count` numbers; no two are the same up to the order of their numbers."""
    rng, seen, out = random.Random(f"{seed}-{count}"), set(), []
    while len(out) < total:
        numbers, target = random_problem(rng, count)
        if key(numbers, target) not in seen:
            seen.add(key(numbers, target))
            out.append(
                {
                    "problem": problem_text(numbers, target),
                    "numbers": list(numbers),
                    "target": target,
                }
            )
    return out


def read_jsonl(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


@lru_cache(None)
def heldout_keys():
    return {key(p["numbers"], p["target"]) for p in read_jsonl(HERE / "data" / "heldout4.jsonl")}


def training_problem(rng):
    """Returns a random problem that is not held out in any order of its numbers."""
    while True:
        numbers, target = random_problem(rng)
        if key(numbers, target) not in heldout_keys():
            return numbers, target


def collate(examples):
    """Makes the rectangular batch of model.blocked from examples with equally long prompts and the same number of paths.

    Returns a dict of tensors: tokens, positions, thought, target (-100 where there is no loss), kind (0 prompt, 1 path,
    2 summary) as [batch, n]; summary_mask [batch, 1, summary, n]; and the sizes prompt, paths, length. Padding follows
    every path and the summary.
    """
    prompt, count = len(examples[0]["prompt"]), len(examples[0]["paths"])
    length = max(len(p) for e in examples for p in e["paths"])
    closing = max(len(e["summary"]) for e in examples)
    joined, n = prompt + count * length, prompt + count * length + closing
    tokens = torch.zeros(len(examples), n, dtype=torch.long)
    target = torch.full((len(examples), n), -100)
    positions = torch.zeros(len(examples), n, dtype=torch.long)
    thought = torch.zeros(len(examples), n, dtype=torch.long)
    kind = torch.zeros(len(examples), n, dtype=torch.long)
    real = torch.zeros(len(examples), n, dtype=torch.bool)
    for row, e in enumerate(examples):
        parts = [(0, e["prompt"], 0, 0, 0)]
        parts += [
            (prompt + i * length, p, prompt, t, 1)
            for i, (p, t) in enumerate(zip(e["paths"], e["thoughts"]))
        ]
        parts += [(joined, e["summary"], prompt + max(len(p) for p in e["paths"]), 0, 2)]
        for start, ids, position, t, k in parts:
            stop = start + len(ids)
            tokens[row, start:stop] = torch.tensor(ids)
            positions[row, start:stop] = torch.arange(position, position + len(ids))
            thought[row, start:stop] = t
            kind[row, start:stop] = k
            real[row, start:stop] = True
            if k:
                target[row, start : stop - 1] = torch.tensor(ids[1:])
                for a, b in e.get("no_loss", {}).get(
                    (k, t), ()
                ):  # token ranges of this part that are read but not learned
                    target[row, start + a - 1 : start + b - 1] = -100
                if (k, t) in e.get("wanted", ()):  # learned in place of the token that is there
                    at, token = e["wanted"][k, t]
                    target[row, start + at - 1] = token
    mask = real[:, None, None, :].repeat(1, 1, closing, 1)
    mask[:, :, :, joined:] = torch.ones(closing, closing, dtype=torch.bool).tril()
    return {
        "tokens": tokens,
        "positions": positions,
        "thought": thought,
        "target": target,
        "kind": kind,
        "real": real,
        "summary_mask": mask,
        "prompt": prompt,
        "paths": count,
        "length": length,
    }


SHARES = [
    (1, 0.24),
    (2, 0.10),
    (3, 0.06),
    (4, 0.16),
    (5, 0.06),
    (6, 0.08),
    (7, 0.06),
    (8, 0.24),
]  # tokens, by P


def taught(rng, paths, budget, rule, phrasing):
    """Returns an example of how the finished model should think."""
    return example(*training_problem(rng), thoughts(paths, rng), rng, budget, rule, phrasing)


def short(rng, paths, budget, rule, phrasing):
    """Returns a short example that mostly begins well: solutions are rare in whole searches, so they are learned here first."""
    return example(
        *training_problem(rng),
        thoughts(paths, rng),
        rng,
        rng.randint(30, 100),
        rule,
        phrasing,
        insight=0.9,
    )


def half_short(rng, paths, budget, rule, phrasing):
    return (short if rng.random() < 0.5 else taught)(rng, paths, budget, rule, phrasing)


class Stream:
    """An endless seeded stream of batches of about `size` tokens; batch i depends only on (seed, i), so a stop loses nothing.

    make(rng, paths, budget, rule, phrasing) returns one example; the default is `taught`.
    """

    GROUPS, PER_GROUP = (
        16,
        4,
    )  # batches are made in pools of groups of the same shape, sorted by length within a group

    def __init__(self, seed: int, size: int, make=None):
        self.seed, self.size, self.make = seed, size, make or taught
        self.pool, self.pool_id = [], None

    def group(self, rng):
        paths = rng.choices([p for p, _ in SHARES], [s for _, s in SHARES])[0]
        if paths == 1:
            budget = rng.choice([rng.randint(64, 180), rng.randint(180, 640), 640])
        else:
            budget = rng.randint(80, 260)
        rule = rng.choices(["first", "half", "last"], [0.84, 0.08, 0.08])[0]
        phrasing = 0 if rng.random() < 0.6 else rng.randrange(len(PHRASINGS))
        made, tokens = [], 0
        while tokens < self.size * self.PER_GROUP:
            e = self.make(rng, paths, budget, rule, phrasing)
            made.append(e)
            tokens += len(e["prompt"]) + sum(map(len, e["paths"])) + len(e["summary"])
        made.sort(key=lambda e: max(map(len, e["paths"])))
        batches, start = [], 0
        for i in range(self.PER_GROUP):  # batches have equal numbers of tokens, not of examples
            stop, t = start, 0
            while stop < len(made) and (t < self.size or i == self.PER_GROUP - 1):
                t += (
                    len(made[stop]["prompt"])
                    + paths * max(map(len, made[stop]["paths"]))
                    + len(made[stop]["summary"])
                )
                stop += 1
            if stop > start:
                batches.append(made[start:stop])
            start = stop
        return batches

    def fill(self, pool_id):
        rng = random.Random(f"{self.seed}-{pool_id}")
        batches = [b for _ in range(self.GROUPS) for b in self.group(rng)]
        rng.shuffle(batches)
        self.pool, self.pool_id = batches, pool_id

    def batch(self, i: int):
        per_pool = self.GROUPS * (self.PER_GROUP - 1)  # a group yields at least three batches
        if self.pool_id != i // per_pool:
            self.fill(i // per_pool)
        return collate(self.pool[i % per_pool])


if __name__ == "__main__":
    (HERE / "data").mkdir(exist_ok=True)
    for count, total in ((4, 1000), (5, 200)):
        with open(HERE / "data" / f"heldout{count}.jsonl", "w", encoding="utf-8") as f:
            for problem in heldout(count, total, HELDOUT_SEED):
                f.write(json.dumps(problem) + "\n")
