"""Writes one path of a given thought, and the summary over a set of paths, as token ids.

A path is a depth-first search. It commits to a first step ("Try 20 - 18 = 2 | 13 15": the result and what is left) and tries every
second step in canonical order ("2 * 13 = 26"), each followed by the last step that comes nearest to the target, the target, and the
distance from it ("26 + 15 = 41 | 66 25"). If the distance is 0, the path states the whole solution and ends. After its last second step it continues
with another first step. A path never needs to see what is not written: which of four last steps comes nearest is a matter of size, the rest is arithmetic.

Paths cannot see each other, so their thought keeps them apart: each thought owns a slice of the first steps. A first step's
kind is the places of its two numbers in the problem and its operator. A path searches its own slice first, then
the slices of the thoughts after its own.
"""

import random

from game import MAX_NUMBER, OPS, combine, solutions_after, steps_from
from tokenizer import BOS, END_SUMMARY, ID, PATHS, SUMMARY, prompt_ids, problem_text

# Kinds (place, place, operator), ordered by how many problems each adds to those before it (greedy over 3,000 problems).
KINDS = [
    (0, 1, "-"),
    (0, 1, "+"),
    (0, 2, "-"),
    (0, 1, "*"),
    (1, 2, "-"),
    (0, 3, "-"),
    (1, 3, "-"),
    (0, 3, "+"),
    (0, 2, "*"),
    (0, 2, "+"),
    (1, 2, "+"),
    (2, 3, "+"),
    (2, 3, "-"),
    (1, 2, "*"),
    (1, 3, "+"),
    (0, 3, "*"),
]
EXTRA = [
    (1, 3, "*"),
    (2, 3, "*"),
    (0, 1, "/"),
    (0, 2, "/"),
    (1, 2, "/"),
    (0, 3, "/"),
    (1, 3, "/"),
    (2, 3, "/"),
]
SLICES = [[KINDS[i], KINDS[i + 8], EXTRA[i]] for i in range(8)]
# Thoughts 9 to 16 divide the same kinds into other slices.
SLICES += [[KINDS[i + 8], KINDS[(i + 4) % 8], EXTRA[(i + 2) % 8]] for i in range(8)]

BUDGET, TEMPERATURE = (
    256,
    0.3,
)  # tokens per path and sampling temperature of the finished model, in its GGUF keys
TRY, SOLVED, COMMA = ID["\nTry"], ID["\nSolved:"], ID[","]
NUMBER = {
    form: [ID[form.format(n)] for n in range(MAX_NUMBER + 1)]
    for form in ("{}", " {}", "\n{}", " = {}", " | {}")
}
OP = {op: ID[f" {op}"] for op in OPS}


def step_ids(step, form: str):
    left, op, right, result = step
    return [NUMBER[form][left], OP[op], NUMBER[" {}"][right], NUMBER[" = {}"][result]]


def solution_ids(steps):
    """Joins the steps by commas: what a solved path states and the summary repeats."""
    out = []
    for step in steps:
        out += ([COMMA] if out else []) + step_ids(step, " {}")
    return out


def first_ids(step, rest):
    """Writes a first step with the numbers that are left: seven tokens."""
    return [TRY] + step_ids(step, " {}") + [NUMBER[" | {}"][rest[0]], NUMBER[" {}"][rest[1]]]


def last_ids(step, target):
    """Writes a last step with the target and the distance from it: six tokens."""
    return step_ids(step, "\n{}") + [NUMBER[" | {}"][target], NUMBER[" {}"][abs(step[3] - target)]]


class Tree:
    """Holds the search tree of one problem: first steps by kind, each with its second and last steps (canonical order)."""

    def __init__(self, numbers, target):
        self.numbers, self.target = tuple(numbers), target
        self.first = {
            (i, j, OPS[o]): (step, rest) for i, j, o, step, rest in steps_from(self.numbers)
        }
        self.second = {
            kind: solutions_after((step[3],) + rest, target)
            for kind, (step, rest) in self.first.items()
        }
        self.viable = {
            kind
            for kind, lines in self.second.items()
            if any(last[3] == target for _, last in lines)
        }

    def order(self, thought: int, rng: random.Random, insight: bool):
        """Returns the kinds that a path of this thought searches, in order. With insight, a kind that leads to a solution comes first."""
        own = [k for k in SLICES[thought - 1] if k in self.first]
        rng.shuffle(own)
        if insight:
            own.sort(key=lambda k: k not in self.viable)
        for i in range(1, 8):
            own += [k for k in SLICES[(thought - 1 + i) % 8] if k in self.first and k not in own]
        return own


def search(tree: Tree, kinds):
    """Yields the ids of each line of a search of these first steps, each with the solution that it completes, or None; ends there."""
    done = set()
    for kind in kinds:
        step, rest = tree.first[kind]
        if (step, rest) in done:
            continue
        done.add((step, rest))
        yield first_ids(step, rest), None
        for second, last in tree.second[kind]:
            solved = last[3] == tree.target
            ids = step_ids(second, "\n{}") + last_ids(last, tree.target)
            yield ids, (step, second, last) if solved else None
            if solved:
                return


def path_ids(tree: Tree, thought: int, rng: random.Random, insight: bool, budget: int):
    """Returns `(ids, steps)` of one path: ids without its opening control token, at most `budget` of them; steps is None if it was cut."""
    ids = []
    for line, steps in search(tree, tree.order(thought, rng, insight)):
        ids += line
        if steps:
            ids += ending_ids(steps, thought)
            return (ids, steps) if len(ids) <= budget else (ids[:budget], None)
        if len(ids) >= budget:
            break
    return ids[:budget], None


def ending_ids(steps, thought: int):
    """Returns the end of a solved path: the whole solution once more, and its end token."""
    return [SOLVED] + solution_ids(steps) + [ID[f"</think{thought}>"]]


def expression_ids(text: str):
    """Writes an expression in the tokens of the summary: numbers without a space after an opening parenthesis, with one elsewhere."""
    out, words = [], text.replace("(", "( ").replace(")", " )").split()
    for i, word in enumerate(words):
        after_open = i == 0 or words[i - 1] == "("
        if word.isdigit():
            out.append(NUMBER["{}" if after_open else " {}"][int(word)])
        elif word == "(":
            out.append(ID["("] if after_open else ID[" ("])
        else:
            out.append(ID[")"] if word == ")" else OP[word])
    return out


def summary_ids(thought, steps):
    """Returns the summary without `<summary>`: it takes the solution of path `thought`, or says that there is none."""
    if steps is None:
        return [ID[" No path solved it."], ID[END_SUMMARY]]
    return (
        [ID[" Path"], NUMBER[" {}"][thought], ID[" solved it:"]]
        + solution_ids(steps)
        + [ID["."], ID[" \\boxed{"]]
        + expression_ids(combine(steps))
        + [ID["}"], ID["."], ID[END_SUMMARY]]
    )


def finish(paths, rule: str):
    """Cuts paths that think in lockstep at the point where the rule ends phase 1. paths: list of (ids, steps); a solved path has ended.

    rule: "first", "half" or "last" path that ends (or reaches its budget). Returns the cut list.
    """
    ends = sorted(len(ids) for ids, _ in paths)
    at = {"first": ends[0], "half": ends[(len(ends) - 1) // 2], "last": ends[-1]}[rule]
    return [(ids[:at], steps if len(ids) <= at else None) for ids, steps in paths]


def thoughts(paths: int, rng: random.Random):
    """Returns the ids of the paths of one example: 1 to P; with probability 0.3, some are replaced by ids above P, so that every id is trained."""
    ids = list(range(1, paths + 1))
    if rng.random() < 0.3:
        others = list(range(paths + 1, PATHS + 1))
        rng.shuffle(others)
        for i in rng.sample(range(paths), max(1, paths // 2)):
            ids[i] = others.pop()
        ids.sort()
    return ids


def example(
    numbers,
    target,
    ids,
    rng: random.Random,
    budget: int,
    rule: str,
    phrasing: int,
    insight: float = 0.6,
):
    """Returns one training sequence: a dict of prompt ids, thoughts, paths (opening token included) and summary (with `<summary>`)."""
    tree = Tree(numbers, target)
    choose_well = rng.random() < insight
    made = finish([path_ids(tree, t, rng, choose_well, budget) for t in ids], rule)
    solved = next(((t, steps) for t, (_, steps) in zip(ids, made) if steps), (None, None))
    spare = (
        rng.random() < 0.5
    )  # an unfinished path may have sampled a last token that was never decoded
    paths = []
    for t, (path, steps) in zip(ids, made):
        paths.append(
            [ID[f"<think{t}>"]] + (path[:-1] if spare and not steps and len(ids) > 1 else path)
        )
    return {
        "numbers": numbers,
        "target": target,
        "prompt": prompt_ids(problem_text(numbers, target, phrasing)),
        "thoughts": list(ids),
        "paths": paths,
        "summary": [ID[SUMMARY]] + summary_ids(*solved),
        "solved": solved[1] is not None,
    }
