"""Runs one job inside the Python interpreter and reports each outcome to the host.

The host (python.ts) gives four files: 0 is what the current input holds, 1 and 2 collect what the
program prints, 10 holds the job as JSON, 11 takes one outcome per write, 12 takes marks that say
where a call or an input begins and ends. A program can write to them, too, and so change its own
outcomes and nothing else.

Values become text so that equal values give equal text. What counts as equal follows Python's `==`
(True == 1 == 1.0, dicts and sets without order, an OrderedDict equals a dict, a named tuple equals
a tuple), with these differences: floats are rounded to nine significant digits, numbers within 1e-9 of
an integer are that integer, NaN equals NaN, iterators and views are compared by what they yield, and
objects of the program's own classes by class name and attributes.
"""

import array
import builtins
import collections
import enum
import errno
import io
import json
import math
import os
import random
import signal
import sys
import types

STDIN, STDOUT, STDERR, JOB, OUTCOMES, MARKS = 0, 1, 2, 10, 11, 12
MAX_TEXT = 65_536
MAX_ITEMS = 10_000
MAX_DEPTH = 60


class TimeUp(BaseException):
    """A call or an input has used its share of the time."""


class Incomparable(Exception):
    """A value has no text to compare by: the code and the name of why (wording.ts)."""


running = False


def on_alarm(_signal, _frame):
    if running:
        raise TimeUp


def integer(n):
    # Decimal digits take quadratic time.
    return str(n) if n.bit_length() < 10_000 else hex(n)


def number(x):
    """Returns the text of a real number of any type."""
    if isinstance(x, int):
        return integer(int(x))
    try:
        x = float(x)
    except OverflowError:
        return integer(int(x))
    if math.isnan(x):
        return "nan"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    if abs(x) < 1e-12:
        return "0"
    whole = round(x)
    if abs(x - whole) <= 1e-9 * abs(x):
        return integer(whole)
    return format(x, ".9g")


class Text:
    """Writes the text of a value; raises Incomparable if there is none or it is too long."""

    def __init__(self):
        self.left = MAX_TEXT
        self.inside = set()

    def of(self, value):
        text = self.plain(value)
        if text is None:
            if id(value) in self.inside or len(self.inside) > MAX_DEPTH:
                raise Incomparable("returns-deep")
            self.inside.add(id(value))
            text = self.nested(value)
            self.inside.discard(id(value))
        return text

    def take(self, text):
        self.left -= len(text)
        if self.left < 0:
            raise Incomparable("returns-long")
        return text

    def plain(self, value):
        if value is None or value is Ellipsis or value is NotImplemented:
            return self.take(repr(value))
        if isinstance(value, enum.Enum) and not isinstance(value, int):
            return self.take(f"{type(value).__name__}.{value.name}")
        if isinstance(value, int) and value.bit_length() > 200_000:
            raise Incomparable("returns-long")
        if isinstance(value, (int, float)):
            return self.take(number(value))
        if isinstance(value, complex):
            real, imaginary = number(value.real), number(value.imag)
            return self.take(real if imaginary == "0" else f"complex({real}, {imaginary})")
        if isinstance(value, (str, bytes, bytearray)):
            if len(value) > MAX_TEXT:
                raise Incomparable("returns-long")
            return self.take(
                repr(bytes(value)) if isinstance(value, bytearray) else self.string(value)
            )
        for name, kind in (("decimal", "Decimal"), ("fractions", "Fraction")):
            module = sys.modules.get(name)
            if module is not None and isinstance(value, getattr(module, kind)):
                return self.take(number(value))
        return None

    def string(self, value):
        return str.__repr__(value) if isinstance(value, str) else bytes.__repr__(value)

    def nested(self, value):
        if isinstance(value, list):
            return self.row("[", value, "]")
        if isinstance(value, tuple):
            return self.row("(", value, ",)" if len(value) == 1 else ")")
        if isinstance(value, dict):
            return self.pairs("{", value.items(), "}")
        if isinstance(value, (set, frozenset, type({}.keys()), type({}.items()))):
            return self.row("{", value, "}", ordered=False) if value else "set()"
        if isinstance(value, range):
            return self.row("range[", value, "]")
        if isinstance(value, collections.deque):
            return self.row("deque[", value, "]")
        if isinstance(value, array.array):
            return self.row("array[", value, "]")
        if isinstance(value, type({}.values())):
            return self.row("values[", value, "]")
        if isinstance(value, (type, types.ModuleType)) or callable(value) and not vars_of(value):
            raise Incomparable("returns-function")
        if hasattr(type(value), "__next__"):
            return self.row("iterator[", value, "]")
        if type(value).__module__ not in ("program", "__main__"):
            return self.take(f"{type(value).__name__}:{str(value)[:MAX_TEXT]}")
        return self.pairs(f"{type(value).__name__}{{", vars_of(value).items(), "}")

    def row(self, opening, items, closing, ordered=True):
        texts = []
        for item in items:
            if len(texts) == MAX_ITEMS:
                raise Incomparable("returns-items", str(MAX_ITEMS))
            texts.append(self.of(item))
            self.take(", ")
        return opening + ", ".join(texts if ordered else sorted(texts)) + closing

    def pairs(self, opening, items, closing):
        texts = []
        for key, item in items:
            texts.append(self.of(key) + ": " + self.of(item))
            self.take(":, ")
        return opening + ", ".join(sorted(texts)) + closing


def vars_of(value):
    """Returns the attributes of an object, those in slots as well."""
    found = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            if hasattr(value, name):
                found[name] = getattr(value, name)
    return found


class Out(io.RawIOBase):
    def __init__(self, file):
        self.file = file

    def writable(self):
        return True

    def write(self, data):
        return os.write(self.file, data)


class In(io.RawIOBase):
    def readable(self):
        return True

    def readinto(self, into):
        data = os.read(STDIN, len(into))
        into[: len(data)] = data
        return len(data)


def output(file):
    return io.TextIOWrapper(
        io.BufferedWriter(Out(file)), encoding="utf-8", errors="backslashreplace"
    )


def message(error):
    kind = type(error).__name__
    try:
        said = str(error)
    except BaseException:
        said = ""
    return f"{kind}: {said[:300]}" if said else kind


def outcome_of(act):
    """Returns what one call or input leads to; `act` returns (key, text)."""
    global running
    sys.stdin = io.TextIOWrapper(io.BufferedReader(In()), encoding="utf-8", errors="replace")
    sys.stdout, sys.stderr = output(STDOUT), output(STDERR)
    try:
        running = True
        key, text = act()
        running = False
        return {key: text}
    except TimeUp:
        return {"error": {"code": "slow"}}
    except ModuleNotFoundError as error:
        running = False
        return {"abstained": {"code": "lacks-module", "name": error.name or message(error)}}
    except (OSError, RuntimeError) as error:
        running = False
        if getattr(error, "errno", None) == errno.ENOSYS or "start new thread" in str(error):
            return {"abstained": None}  # the host knows what was refused
        return {"error": message(error)}
    except Incomparable as error:
        running = False
        return {"error": dict(zip(("code", "name"), error.args))}
    except BaseException as error:
        running = False
        return {"error": message(error)}
    finally:
        running = False
        try:
            sys.stdout.flush()
        except BaseException:
            pass


def fresh(name):
    """Returns a namespace for the program. Its module is registered, as dataclasses expect."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    return module.__dict__


def run():
    job = json.loads(read_all(JOB))
    signal.signal(signal.SIGALRM, on_alarm)
    code = None

    def compiled():
        nonlocal code
        if code is None:
            code = builtins.compile(job["program"], "<program>", "exec", dont_inherit=True)
        return code

    def call(expression):
        space = fresh("program")
        exec(compiled(), space)
        return "value", Text().of(eval(expression, space))

    def main():
        try:
            exec(compiled(), fresh("__main__"))
        except SystemExit as end:
            if end.code not in (None, 0):
                raise
        return "printed", ""

    calls = job["calls"]
    for index in range(job["from"], len(calls) + job["inputs"]):
        step(index, lambda: call(calls[index]) if index < len(calls) else main())


def step(index, act):
    random.seed(0)
    os.write(MARKS, b"begin %d" % index)
    outcome = outcome_of(act)
    os.write(MARKS, b"end")
    os.write(OUTCOMES, json.dumps(outcome).encode())


def read_all(file):
    parts = []
    while part := os.read(file, 65_536):
        parts.append(part)
    return b"".join(parts)
