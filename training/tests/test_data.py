"""Teacher and data: verified solutions, slices that cover everything, and a held-out set that stays out."""

import random
from itertools import combinations

import data
from check import boxed, correct, value
from data import Stream, heldout_keys, training_problem
from evaluate import path_solves
from game import key
from teacher import SLICES, Tree, example, path_ids, thoughts
from tokenizer import ID, decode, encode, prompt_ids, problem_text, PHRASINGS


def independent(numbers, target):
    """Returns whether some expression over all numbers makes the target: set partition over Fractions, without code of the teacher."""
    from fractions import Fraction
    from functools import lru_cache

    @lru_cache(None)
    def made(chosen):
        if len(chosen) == 1:
            return frozenset([Fraction(numbers[chosen[0]])])
        out = set()
        for size in range(1, len(chosen)):
            for left in combinations(chosen, size):
                right = tuple(i for i in chosen if i not in left)
                for a in made(left):
                    for b in made(right):
                        out |= {a + b, a - b, a * b} | ({a / b} if b else set())
        return frozenset(out)

    return Fraction(target) in made(tuple(range(len(numbers))))


def test_solutions_are_right_and_problems_solvable():
    rng = random.Random(11)
    solved = 0
    for _ in range(60):
        numbers, target = training_problem(rng)
        assert independent(numbers, target)
        e = example(numbers, target, thoughts(8, rng), rng, 200, "first", 0)
        text = decode(e["summary"])
        problem = {"numbers": list(numbers), "target": target}
        if e["solved"]:
            solved += 1
            assert correct(boxed(text), numbers, target), text
            named = int(text.split("Path ")[1].split()[0])
            path = e["paths"][e["thoughts"].index(named)]
            assert path_solves({"paths": [path], "ended": [True]}, problem)
        else:
            assert boxed(text) is None
    assert solved > 40


def test_every_line_of_a_path_is_true_arithmetic():
    rng = random.Random(5)
    for _ in range(20):
        numbers, target = training_problem(rng)
        tree = Tree(numbers, target)
        ids, steps = path_ids(tree, rng.randint(1, 16), rng, False, 5000)
        assert bool(steps) == bool(tree.viable)  # the whole tree is searched
        for line in decode(ids).split("\n"):
            if not line or "Solved" in line:
                continue
            left, made = line.removeprefix("Try ").split("|")[0].split("=")
            assert value(left.strip())[0] == int(made)


def test_slices_of_the_first_eight_thoughts_part_all_first_steps():
    kinds = [k for s in SLICES[:8] for k in s]
    assert len(kinds) == len(set(kinds)) == 24
    assert {k for s in SLICES[8:] for k in s} == set(kinds)


def test_no_heldout_problem_in_training():
    forbidden = heldout_keys()
    assert len(forbidden) == 1000
    stream = Stream(3, 600)
    for pool in range(2):
        stream.fill(pool)
        for e in (e for b in stream.pool for e in b):
            assert key(e["numbers"], e["target"]) not in forbidden


def test_the_guard_skips_what_is_held_out(monkeypatch):
    first = key(*training_problem(random.Random(0)))
    monkeypatch.setattr(data, "heldout_keys", lambda: {first})
    assert key(*training_problem(random.Random(0))) != first


def test_a_stream_is_a_function_of_seed_and_index():
    a, b = Stream(9, 500), Stream(9, 500)
    later = b.batch(60)["tokens"]
    a.batch(0)
    assert (a.batch(60)["tokens"].tolist()) == later.tolist()


def test_prompt_text_round_trips_and_numbers_are_single_tokens():
    for i in range(len(PHRASINGS)):
        text = problem_text((13, 15, 18, 20), 66, i)
        ids = encode(text)
        assert decode(ids) == text
        assert all(ID[str(n)] in ids for n in (13, 15, 18, 20, 66))
    for text in ("<think2> </summary> é 12345  x\n\n\t'Tis", ""):
        assert decode(encode(text)) == text
        assert not set(encode(text)) & {ID["<think2>"], ID["</summary>"]}
    assert prompt_ids("1")[0] == ID["<|begin|>"]
