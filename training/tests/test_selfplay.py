"""The audit of a model's own paths: the teacher's paths are legal to the end, and damage is found at its place."""

import random

import pytest

from data import collate, training_problem
from selfplay import audit, learn
from teacher import Tree, ending_ids, example, path_ids
from tokenizer import ID, decode, problem_text


def paths(count, seed=6):
    rng = random.Random(seed)
    for _ in range(count):
        numbers, target = training_problem(rng)
        tree, thought = Tree(numbers, target), rng.randint(1, 16)
        yield (
            rng,
            tree,
            thought,
            *path_ids(tree, thought, rng, rng.random() < 0.5, rng.choice([50, 120, 900])),
        )


def test_the_teacher_is_legal():
    for _, tree, thought, ids, steps in paths(80):
        did = audit(tree, thought, ids)
        assert did["legal"] == len(ids) and did["steps"] == steps and did["wanted"] is None
        assert [c[0] for c in did["choices"]] == [i for i, t in enumerate(ids) if t == ID["\nTry"]]


def test_damage_is_found_where_it_is_and_what_belonged_there():
    known = 0
    for rng, tree, thought, ids, _ in paths(80):
        place = rng.randrange(7, len(ids))
        damaged = ids[:place] + [ID[" No path solved it."]] + ids[place + 1 :]
        did = audit(tree, thought, damaged)
        assert did["legal"] == place and did["steps"] is None
        if did["wanted"] is not None:
            known += did["wanted"] == ids[place]
    assert known > 60


def test_a_missed_solution_is_learned():
    rng = random.Random(4)
    while True:
        numbers, target = training_problem(rng)
        tree = Tree(numbers, target)
        ids, steps = path_ids(tree, 1, rng, True, 200)
        if steps:
            break
    at = len(ids) - len(ending_ids(steps, 1))
    went_on = ids[:at] + [ID["\nTry"]]  # past the last step that made the target
    made = learn(
        {"problem": problem_text(numbers, target), "numbers": numbers, "target": target},
        [1],
        {"paths": [went_on], "ended": [False]},
    )
    batch = collate([made])
    place = len(made["prompt"]) + at  # the token before the departure
    assert batch["tokens"][0, place + 1] == ID["\nTry"] and batch["target"][0, place] == ids[at]


@pytest.mark.parametrize("honest", [True, False])
def test_the_summary_is_made_for_the_paths_as_they_are(honest):
    rng = random.Random(2)
    seen = 0
    while seen < 15:
        numbers, target = training_problem(rng)
        e = example(numbers, target, [1, 2, 3], rng, 150, "first", 0)
        if not e["solved"]:
            continue
        seen += 1
        found = [p[1:] for p in e["paths"]]
        ended = [p[-1] == ID[f"</think{t}>"] for t, p in zip([1, 2, 3], found)]
        if not honest:  # the winner claims a sum that is wrong
            for i in range(3):
                if ended[i]:
                    found[i] = found[i][:-2] + [ID[" = 9"], found[i][-1]]
        problem = {"problem": problem_text(numbers, target), "numbers": numbers, "target": target}
        made = learn(problem, [1, 2, 3], {"paths": found, "ended": ended})
        assert ("boxed" in decode(made["summary"])) == honest
        if honest:
            assert made["summary"] == e["summary"]
        else:
            assert any(
                ranges and ranges[-1][1] == len(p)
                for ranges, p in zip(made["no_loss"].values(), made["paths"])
            )
