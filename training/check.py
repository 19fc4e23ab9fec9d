"""Checks an answer of the numbers game: an expression over the given numbers, each used exactly once, with exact arithmetic."""

import ast
import operator
import re
from collections import Counter
from fractions import Fraction

BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def boxed(text: str):
    """Returns the content of the last \\boxed{...} that has no braces inside, or None."""
    found = re.findall(r"\\boxed\{([^{}]*)\}", text)
    return found[-1] if found else None


def value(expression: str):
    """Returns `(value, numbers used)` of + - * / over whole numbers in parentheses, or None for anything else."""
    used = []

    def walk(node):
        if isinstance(node, ast.Constant) and type(node.value) is int:
            used.append(node.value)
            return Fraction(node.value)
        if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            return BINARY[type(node.op)](walk(node.left), walk(node.right))
        raise ValueError

    if len(expression) > 200 or not re.fullmatch(r"[0-9+\-*/() ]*", expression):
        return None
    try:
        return walk(ast.parse(expression.strip(), mode="eval").body), used
    except (ValueError, SyntaxError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def correct(expression, numbers, target) -> bool:
    result = value(expression) if expression else None
    return result is not None and result[0] == target and Counter(result[1]) == Counter(numbers)
