"""The numbers game: rules, search tree and problems.

A problem is a tuple of numbers (1 to 20) and a target (10 to 100). A step joins two of the numbers
at hand with + - * / into a new one; every number is used exactly once. Steps stay within the positive
integers: a difference is larger minus smaller and never zero, a quotient is exact and never by one.
Every problem can be solved under these rules. The search leaves out results above MAX_NUMBER: the tree shrinks by
21 %, and 1.5 % of the problems lose their only solutions.
"""

import random
from functools import lru_cache
from itertools import combinations

MAX_NUMBER = 120
OPS = "+-*/"
MIN_TARGET, MAX_TARGET, LARGEST = 10, 100, 20


def join(a: int, op: str, b: int, most: int = MAX_NUMBER):
    """Returns the step `(left, op, right, result)` that joins a and b with op, or None if the rules forbid it.

    Sums and products keep the given order; differences and quotients put the larger number first.
    """
    if op == "+":
        left, right, result = a, b, a + b
    elif op == "*":
        left, right, result = a, b, a * b
    else:
        left, right = max(a, b), min(a, b)
        if op == "-":
            result = left - right
        else:
            result = left // right if right > 1 and left % right == 0 else 0
    return (left, op, right, result) if 0 < result <= most else None


@lru_cache(maxsize=200_000)
def nearest_step(a: int, b: int, target: int):
    """Returns the step that joins the last two numbers and comes nearest to the target (of equally near ones, the first in OPS), or
    None if no step is allowed. It makes the target if any step does."""
    made = [step for step in (join(a, op, b) for op in OPS) if step]
    return min(made, key=lambda step: abs(step[3] - target)) if made else None


def steps_from(numbers: tuple, most: int = MAX_NUMBER):
    """Returns all steps from `numbers` in canonical order, as `(i, j, op index, step, rest)`; no step is listed twice.

    Pairs come in the order of their places, operators in the order of OPS. `rest` are the untouched numbers in order.
    """
    seen, out = set(), []
    for i, j in combinations(range(len(numbers)), 2):
        rest = tuple(n for k, n in enumerate(numbers) if k != i and k != j)
        for o, op in enumerate(OPS):
            step = join(numbers[i], op, numbers[j], most)
            if step and (step, rest) not in seen:
                seen.add((step, rest))
                out.append((i, j, o, step, rest))
    return out


def solutions_after(numbers: tuple, target: int):
    """Returns, for three numbers (result first), the second steps in canonical order, each with the nearest last step. Leaves out
    second steps after which no last step is allowed."""
    pairs = [
        (step, nearest_step(step[3], rest[0], target))
        for _, _, _, step, rest in steps_from(numbers)
    ]
    return [(step, last) for step, last in pairs if last]


def solvable(numbers: tuple, target: int) -> bool:
    """Returns whether some order of steps makes the target from all numbers; intermediate results may have any size."""
    if len(numbers) == 2:
        last = nearest_step(numbers[0], numbers[1], target)
        return last is not None and last[3] == target
    return any(
        solvable((step[3],) + rest, target) for _, _, _, step, rest in steps_from(numbers, 10**9)
    )


def random_problem(rng: random.Random, count: int = 4):
    """Returns a solvable problem `(numbers, target)`: numbers in random order, both drawn uniformly; unsolvable draws are discarded."""
    while True:
        numbers = tuple(rng.randint(1, LARGEST) for _ in range(count))
        target = rng.randint(MIN_TARGET, MAX_TARGET)
        if solvable(numbers, target):
            return numbers, target


def key(numbers, target):
    """Returns a key that is equal for problems that are the same up to the order of their numbers."""
    return tuple(sorted(numbers)), target


def combine(steps) -> str:
    """Returns the expression that three or more steps spell, with parentheses around every inner step.

    Each step's operands are earlier results or plain numbers. A value made by an earlier step and not yet
    used is taken first; the latest one wins.
    """
    made = []  # (value, expression) of unused results
    text = ""
    for left, op, right, result in steps:
        parts = []
        for value in (left, right):
            match = next((m for m in reversed(made) if m[0] == value), None)
            if match:
                made.remove(match)
            parts.append(f"({match[1]})" if match else str(value))
        text = f"{parts[0]} {op} {parts[1]}"
        made.append((result, text))
    return text
