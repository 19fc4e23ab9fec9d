"""The numbers game in Multiverse's form (arXiv 2506.09991): the model itself splits its search.

Its text opens a plan whose entries list first steps, one child per entry searches them, and what follows reads all of them. A child
with more first steps than one path has room for writes a plan of its own. All of it is one thought: the model has no thought tables.

The vocabulary is that of tokenizer.py with its control tokens renamed, so the weights of a model that was trained for parallel thinking
are a start: it already searches. Without the suffix and `<Think>`, which stand before a text that forks, the model searches in one path;
that is its sequential form.

python multiverse.py --start ../models/braid-numbers-q8_0.gguf --out out/multiverse
"""

import argparse
import os
import random
from pathlib import Path

import torch

from data import training_problem
from export import SCOPE, export, read
from game import combine
from teacher import (
    EXTRA,
    KINDS,
    SOLVED,
    TRY,
    Tree,
    expression_ids,
    search,
    solution_ids,
    step_ids,
)
from tokenizer import BOS, EOS, PHRASINGS, encode, letters_of, problem_text
from tokenizer import VOCABULARY as PARALLEL
from train import launch

SUFFIX = " Think step by step and in parallel before answering."
MARKS = ["Think", "Parallel", "Goal", "Outline", "Path", "Conclusion"]
WORDS = [
    " Think",
    " step",
    " by",
    " and",
    " in",
    " parallel",
    " before",
    " answering",
    "\nNot solved.",
]
# The old names of the tokens whose meaning is nearest.
NEAREST = {
    "<think1>": "<Path>",
    "</think1>": "</Path>",
    "<summary>": "<Conclusion>",
    "</summary>": "</Conclusion>",
}


def _vocabulary():
    """Returns the entries of tokenizer.py, in the same order: its control tokens become Multiverse's, words of the suffix, and spares."""
    marks = [m for name in MARKS for m in (f"<{name}>", f"</{name}>") if m not in NEAREST.values()]
    old = [text for text, kind in PARALLEL if kind == "control" and text not in (BOS, EOS)]
    known = {text for text, kind in PARALLEL if kind == "text"}
    new = [(m, "control") for m in marks] + [(w, "text") for w in WORDS if w not in known]
    new += [(f"<|spare{i}|>", "control") for i in range(len(old) - len(NEAREST) - len(new))]
    names = {text: (NEAREST[text], "control") for text in NEAREST}
    names |= dict(zip((text for text in old if text not in NEAREST), new))
    return [names.get(text, (text, kind)) for text, kind in PARALLEL]


VOCABULARY = _vocabulary()
ID = {text: i for i, (text, kind) in enumerate(VOCABULARY) if kind != "byte"}
ID |= {
    chr(text[0]): i for i, (text, kind) in enumerate(VOCABULARY) if kind == "byte" and text[0] < 128
}
IDS = {letters_of(e): i for i, e in enumerate(VOCABULARY)}
FOUND = ID[" Path"]
LINE, COMMA, DOT, NOT_SOLVED = ID["\n"], ID[","], ID["."], ID["\nNot solved."]

STEPS = 3  # first steps that a path has room for
LAST = 8  # tokens from the last step of a search to the number of the path that it solves
CHILDREN = 2, 5
MANY = (
    19  # a problem with as many first steps (one in five) is searched wider, by children that split
)


def entries(steps, count):
    """Deals first steps to `count` entries, so that the most useful ones come first in each."""
    return [steps[i::count] for i in range(count)]


def first_steps(tree: Tree):
    """Returns the kinds of first steps to search, the most useful first; each step once."""
    out, seen = [], set()
    for kind in KINDS + EXTRA:
        if kind in tree.first and tree.first[kind] not in seen:
            seen.add(tree.first[kind])
            out.append(kind)
    return out[: 5 * STEPS] if len(out) < MANY else out[: 6 * STEPS + 2]


def number_ids(number: str):
    return encode(number, IDS)


def entry_ids(tree: Tree, kinds):
    """Writes what stands behind the number of an entry, in the plan and again in its child: the first steps to search."""
    ids = []
    for i, kind in enumerate(kinds):
        ids += ([COMMA] if i else []) + step_ids(tree.first[kind][0], " {}")[:3]
    return ids


def plan_ids(tree: Tree, listed, prefix: str):
    """Writes a plan, up to and with the mark at which its children begin. listed: for each entry, its kinds of first steps."""
    ids = [LINE, ID["<Parallel>"], LINE, ID["<Goal>"], LINE]
    for i, kinds in enumerate(listed):
        ids += [ID["<Outline>"], LINE] + number_ids(f"{prefix}{i + 1}:") + entry_ids(tree, kinds)
        ids += [LINE, ID["</Outline>"], LINE]
    return ids + [ID["</Goal>"]]


def child_start(number: str):
    """Writes what the engine forces at the beginning of a child."""
    return [LINE, ID["<Path>"], LINE] + number_ids(f"{number}:")


CONCLUSION = [ID["<Conclusion>"], LINE]  # forced, too


def search_ids(tree: Tree, kinds):
    """Returns `(ids, steps)` of a search of these first steps; steps is None if none leads to a solution."""
    ids, steps = [], None
    for line, steps in search(tree, kinds):
        ids += line
    return ids, steps


def solved_ids(number: str, steps):
    """Writes which path found which solution."""
    first, *rest = number.split(".")
    ids = [FOUND, ID[f" {first}"]] + [i for part in rest for i in number_ids(f".{part}")]
    return ids + [ID[" solved it:"]] + solution_ids(steps) + [DOT]


def said_ids(number: str, steps):
    """Writes what a child found, in the words of the conclusion that copies it: where several children found something, their
    numbers keep the copies apart.
    """
    return [LINE] + solved_ids(number, steps) if steps else [NOT_SOLVED]


def concluded_ids(found):
    """Writes the conclusion behind its forced beginning. found: for each child, its number and its solution or None."""
    number, steps = next(((n, s) for n, s in found if s), (None, None))
    if steps is None:
        ids = [ID[" No path solved it."]]
    else:
        ids = solved_ids(number, steps)
    return ids + [LINE, ID["</Conclusion>"], LINE, ID["</Parallel>"]], steps


def answer_ids(steps):
    """Writes the answer to the user, and the end."""
    if steps is None:
        return [ID[EOS]]
    return [ID[" \\boxed{"]] + expression_ids(combine(steps)) + [ID["}"], DOT, ID[EOS]]


class Text:
    """The parts of one example. A part is a dict: ids; sees, the parts that all of it sees; at, the position of its first token;
    learn, how many of its first tokens are given; closing, whether it is a conclusion; planned, how many tokens behind the given
    ones are a plan or say again what a child is to do."""

    def __init__(self):
        self.parts = []

    def add(self, ids, sees, at, learn, closing=False, planned=0):
        part = {"ids": ids, "sees": sees, "at": at, "learn": learn, "closing": closing}
        self.parts.append(part | {"planned": planned})
        return len(self.parts) - 1

    def end(self, part):
        return self.parts[part]["at"] + len(self.parts[part]["ids"])


def fork(text: Text, tree: Tree, part: int, numbered, room: int):
    """Adds the children of a plan at the end of `part`, and returns `(parts, found)`: all parts of theirs that what follows
    sees, and for each child its number and its solution. numbered: pairs of a number and kinds of first steps; `room`: positions
    that a child has."""
    sees, at = text.parts[part]["sees"] + [part], text.end(part)
    parts, found = [], []
    for number, kinds in numbered:
        start, entry = child_start(number), entry_ids(tree, kinds)
        if len(kinds) > STEPS:
            listed = entries(kinds, 2)
            plan = entry + plan_ids(tree, listed, f"{number}.")
            child = text.add(start + plan, sees, at, len(start), planned=len(plan))
            inner = [(f"{number}.{i + 1}", k) for i, k in enumerate(listed)]
            under, solved = fork(
                text, tree, child, inner, room - len(text.parts[child]["ids"]) - 45
            )
            ids, steps = concluded_ids(solved)
            ids = CONCLUSION + ids + said_ids(number, steps) + [LINE, ID["</Path>"]]
            after = max(text.end(p) for p in under)
            rest = text.add(ids, sees + [child] + under, after, len(CONCLUSION), closing=True)
            parts += [child, *under, rest]
        else:
            ids, steps = search_ids(tree, kinds)
            ids = start + entry + ids + said_ids(number, steps) + [LINE, ID["</Path>"]]
            if len(ids) > room:
                ids, steps = ids[:room], None
            parts.append(text.add(ids, sees, at, len(start), planned=len(entry)))
        found.append((number, steps))
    return parts, found


def prompt_ids(text: str, suffix: str = SUFFIX):
    return [ID[BOS]] + encode(text + suffix, IDS)


def example(numbers, target, room: int, phrasing: int, sequential: bool):
    """Returns a training example. room: positions that a child, or the only path, has."""
    tree, text = Tree(numbers, target), Text()
    prompt = prompt_ids(problem_text(numbers, target, phrasing), "" if sequential else SUFFIX)
    kinds = first_steps(tree)
    if sequential:
        ids, steps = search_ids(tree, kinds)
        ids += ([SOLVED] + solution_ids(steps) if steps else [NOT_SOLVED]) + answer_ids(steps)
        text.add(prompt + ids[:room], [], 0, len(prompt))
        return text.parts
    count = min(max(-(-len(kinds) // STEPS), CHILDREN[0]), CHILDREN[1])
    listed = entries(kinds, count)
    begin = prompt + [ID["<Think>"]]
    plan = plan_ids(tree, listed, "")
    first = text.add(begin + plan, [], 0, len(begin), planned=len(plan))
    parts, found = fork(text, tree, first, [(str(i + 1), k) for i, k in enumerate(listed)], room)
    ids, steps = concluded_ids(found)
    ids = CONCLUSION + ids + [LINE, ID["</Think>"]] + answer_ids(steps)
    text.add(ids, [first, *parts], max(text.end(p) for p in parts), len(CONCLUSION), closing=True)
    return text.parts


def collate(examples):
    """Makes a batch of examples: tokens, positions, thought, target (-100 where nothing is learned), kind (0 given, 1 search, 2 plans,
    first steps and what a child found, on which all depends, 3 conclusions, which are few and choose among children) and real as [batch, n]; mask [batch, 1, n, n], True = seen. Padding follows each example."""
    n = max(sum(len(p["ids"]) for p in e) for e in examples)
    shape = (len(examples), n)
    tokens, positions, kind = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    target, real = torch.full(shape, -100), torch.zeros(shape, dtype=torch.bool)
    mask = torch.eye(n, dtype=torch.bool).repeat(len(examples), 1, 1)
    for row, parts in enumerate(examples):
        starts, at = [], 0
        for p in parts:
            starts.append(at)
            stop, learn = at + len(p["ids"]), max(1, p["learn"])
            tokens[row, at:stop] = torch.tensor(p["ids"])
            positions[row, at:stop] = torch.arange(p["at"], p["at"] + stop - at)
            kind[row, at:stop] = 3 if p["closing"] else 1
            kind[row, at + learn - 1 : at + learn - 1 + p["planned"]] = 2
            for i, token in enumerate(p["ids"]):
                if token == TRY:
                    kind[row, at + i : at + i + 3] = 2
                if token == FOUND and not p["closing"]:
                    kind[row, at + i - LAST : stop] = 2
            target[row, at + learn - 1 : stop - 1] = torch.tensor(p["ids"][learn:])
            for start, end in p.get("unlearned", ()):
                target[row, at + start - 1 : at + end - 1] = -100
            real[row, at:stop] = True
            mask[row, at:stop, at:stop] = torch.ones(stop - at, stop - at, dtype=torch.bool).tril()
            for seen in p["sees"]:
                mask[row, at:stop, starts[seen] : starts[seen] + len(parts[seen]["ids"])] = True
            at = stop
    return {
        "tokens": tokens,
        "positions": positions,
        "thought": torch.zeros(shape, dtype=torch.long),
        "target": target,
        "kind": kind,
        "real": real,
        "mask": mask[:, None],
    }


def without_thoughts(state, config):
    """Returns weights that compute the same for thought 0, with empty thought tables: row 0 goes into the biases of K and V."""
    state = {name: tensor.clone() for name, tensor in state.items()}
    for layer in range(config["num_hidden_layers"]):
        attn = f"model.layers.{layer}.self_attn"
        row = state[f"{attn}.seg_embeddings.weight"]
        for name in ("k_proj", "v_proj"):
            state[f"{attn}.{name}.bias"] += row[0].repeat(config["num_key_value_heads"])
        row.zero_()
    return state


class Forks:
    """An endless seeded stream of batches of up to `size` tokens; batch i depends only on (seed, i). A quarter of the examples is sequential."""

    PER_POOL = 24

    def __init__(self, seed: int, size: int):
        self.seed, self.size = seed, size
        self.pool, self.pool_id = [], None

    def draw(self, rng: random.Random):
        phrasing = 0 if rng.random() < 0.6 else rng.randrange(len(PHRASINGS))
        sequential = rng.random() < 0.25
        # Most children have room for their whole search; some are cut, as by a budget.
        room = rng.randint(90, 280) if rng.random() < 0.3 else 300
        if sequential:
            room = rng.randint(90, 640)
        return example(*training_problem(rng), room, phrasing, sequential)

    def fill(self, pool_id: int):
        rng, made, tokens = random.Random(f"{self.seed}-{pool_id}"), [], 0
        while tokens < self.size * (self.PER_POOL + 4):
            made.append(self.draw(rng))
            tokens += min(self.size, sum(len(p["ids"]) for p in made[-1]))
        made.sort(key=lambda e: sum(len(p["ids"]) for p in e))
        batches, count = [[]], 0
        for e in made:  # of at most `size` tokens, so there are enough of them; a longer example has one of its own
            n = sum(len(p["ids"]) for p in e)
            if batches[-1] and count + n > self.size:
                batches.append([])
                count = 0
            batches[-1].append(e)
            count += n
        rng.shuffle(batches)
        self.pool, self.pool_id = batches[: self.PER_POOL], pool_id

    def batch(self, i: int):
        if self.pool_id != i // self.PER_POOL:
            self.fill(i // self.PER_POOL)
        return collate(self.pool[i % self.PER_POOL])


BUDGET, TEMPERATURE = (
    640,
    0.3,
)  # positions of the longest way through a text, and the sampling temperature


def write(checkpoint, out, kind="Q8_0"):
    """Writes a checkpoint as GGUF, without thought tables."""
    state = torch.load(checkpoint, map_location="cpu")
    weights = without_thoughts(state["model"], state["config"])
    scope = SCOPE.replace("plays one game", "splits its own search in one game")
    name = "Braid Numbers Multiverse"
    export(weights, state["config"], out, kind, 1, BUDGET, TEMPERATURE, scope, name, VOCABULARY)


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument(
        "--start",
        required=True,
        help="exported GGUF of a model that thinks in parallel, or a checkpoint (.pt) of this training",
    )
    p.add_argument("--out", default="out/multiverse")
    p.add_argument("--steps", type=int, default=1500)
    p.add_argument("--rate", type=float, default=3e-3)
    p.add_argument(
        "--minutes", type=float, help="stop this call after as many minutes; the next one resumes"
    )
    p.add_argument("--size", type=int, default=2500, help="tokens per step and worker")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--workers", type=int, default=min(8, os.cpu_count() or 1))
    a = p.parse_args()
    out = Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    start = Path(a.start) if a.start.endswith(".pt") else out / "start.pt"
    if not start.exists():
        state, config = read(a.start)
        torch.save({"model": without_thoughts(state, config), "config": config}, start)
    launch(
        {
            "out": str(out / "base"),
            "steps": a.steps,
            "rate": a.rate,
            "decay": 1.0,
            "seed": a.seed,
            "start": str(start),
            "size": a.size,
            "minutes": a.minutes,
            "summary_weight": 6.0,
        },
        a.workers,
        Forks,
    )
    for kind in ("F32", "Q8_0"):
        write(out / "base" / "last.pt", out / f"braid-numbers-multiverse-{kind}.gguf", kind)


if __name__ == "__main__":
    main()
