"""Runs one job inside the Python interpreter and reports each outcome to the host.

The host (python.ts) gives four files: 0 is what the current input holds, 1 and 2 collect what the
program prints, 10 holds the job as JSON, 11 takes one outcome per write, 12 takes marks that say
where a call or an input begins and ends. A program can write to them, too, and so change its own
outcomes and nothing else.

Values become text so that equal values give equal text. What counts as equal follows Python's `==`
(True == 1 == 1.0, dicts and sets without order, an OrderedDict equals a dict, a named tuple equals
a tuple), with these differences: NaN equals NaN, iterators and views are compared by what they yield,
and objects of the program's own classes by class name and attributes. Floats are written in full: who
compares the texts (results.ts) allows for their last digits. What could be told apart only by its
address has no text, and the call abstains.
"""

import array
import ast
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
# This many items count of an iterator that yields more than the above.
ENDLESS = 200


class TimeUp(BaseException):
    """A call or an input has used its share of the time."""


class Incomparable(Exception):
    """A value has no text to compare by: the code and the name of why (wording.ts)."""


class Abstains(Incomparable):
    """The same, for a reason that says nothing about the program."""


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
    # Above, floats are not exact.
    return str(int(x)) if x.is_integer() and abs(x) < 2**53 else repr(x)


def in_order(text):
    """Returns a sort key by which numbers come first, by value: their last digits may differ."""
    try:
        return (0, float(text), "")
    except ValueError:
        return (1, 0.0, text)


def finish(value):
    """Runs a coroutine or an async generator to its end, as far as that goes without an event loop."""
    if isinstance(value, types.AsyncGeneratorType):
        items = []
        while len(items) <= MAX_ITEMS:
            try:
                items.append(finish(value.__anext__()))
            except StopAsyncIteration:
                return items
        raise Incomparable("returns-items", str(MAX_ITEMS))
    if not hasattr(type(value), "__await__"):
        return value
    try:
        next(value.__await__())
    except StopIteration as end:
        return end.value
    raise Abstains("lacks-event-loop")


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
            is_real = abs(value.imag) <= 1e-9 * max(1, abs(value))
            return self.take(real if is_real else f"complex({real}, {imaginary})")
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
            raise Abstains("returns-function")
        if hasattr(type(value), "__next__"):
            return self.yielded(value)
        name = type(value).__name__
        if isinstance(value, BaseException):
            return self.row(f"{name}(", value.args, ")")
        if type(value).__module__ not in ("program", "__main__"):
            text = str(value)[:MAX_TEXT]
            if " at 0x" in text or " object " in text and text.startswith("<"):
                raise Abstains("returns-object", name)
            return self.take(f"{name}:{text}")
        attributes = vars_of(value)
        if not attributes:
            raise Abstains("returns-object", name)
        return self.pairs(f"{name}{{", attributes.items(), "}")

    def row(self, opening, items, closing, ordered=True):
        texts = []
        self.collect(items, texts)
        return opening + ", ".join(texts if ordered else sorted(texts, key=in_order)) + closing

    def collect(self, items, texts):
        for item in items:
            if len(texts) == MAX_ITEMS:
                raise Incomparable("returns-items", str(MAX_ITEMS))
            texts.append(self.of(item))
            self.take(", ")

    def yielded(self, items):
        texts, left = [], self.left
        try:
            self.collect(items, texts)
        except Incomparable as limit:
            if len(texts) < ENDLESS or isinstance(limit, Abstains):
                raise
            texts[ENDLESS:] = ["..."]
            self.left = left - sum(map(len, texts))
        return "iterator[" + ", ".join(texts) + "]"

    def pairs(self, opening, items, closing):
        texts = []
        for key, item in items:
            name = self.of(key)
            texts.append((in_order(name), name + ": " + self.of(item)))
            self.take(":, ")
        return opening + ", ".join(text for _, text in sorted(texts)) + closing


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

    def fileno(self):
        return STDIN

    def readinto(self, into):
        data = os.read(STDIN, len(into))
        into[: len(data)] = data
        return len(data)


def output(file):
    return io.TextIOWrapper(
        io.BufferedWriter(Out(file)), encoding="utf-8", errors="backslashreplace"
    )


def standard_input(binary=False):
    file = io.BufferedReader(In())
    return file if binary else io.TextIOWrapper(file, encoding="utf-8", errors="replace")


open_file, stat_file = io.open, os.fstat


def open_(file, mode="r", *rest, **named):
    """Opens standard input and output, which are not files here; all else is refused."""
    name = os.fspath(file) if hasattr(file, "__fspath__") else file
    if name in (STDIN, "/dev/stdin") and "r" in mode:
        return standard_input("b" in mode)
    if name in (STDOUT, "/dev/stdout") and "b" not in mode:
        return output(STDOUT)
    return open_file(file, mode, *rest, **named)


def fstat(file):
    """Tells how much can be read from standard input: enough."""
    if file != STDIN:
        return stat_file(file)
    return os.stat_result((0, 0, 0, 0, 0, 0, 1 << 18, 0, 0, 0))


builtins.open = io.open = open_
os.fstat = fstat


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
    sys.stdin = sys.__stdin__ = standard_input()
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
        kind = "abstained" if isinstance(error, Abstains) else "error"
        return {kind: dict(zip(("code", "name"), error.args))}
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


class Watched:
    """Calls a function, and tells how it changed its arguments."""

    def __init__(self, function):
        self.function = function
        self.calls = []

    def __call__(self, *args, **named):
        given = {**dict(enumerate(args, 1)), **named}
        kinds = (list, dict, set, bytearray, collections.deque)
        given = {name: value for name, value in given.items() if isinstance(value, kinds)}
        self.calls.append((given, {name: Text().of(value) for name, value in given.items()}))
        return self.function(*args, **named)

    def changed(self):
        """Returns the text of the changed argument; of several or a later one, by place or name."""
        if len(self.calls) != 1:
            return None
        [(given, before)] = self.calls
        changed = {name: value for name, value in given.items() if Text().of(value) != before[name]}
        if not changed:
            return None
        return Text().of(changed[1] if list(changed) == [1] else changed)


def run():
    job = json.loads(read_all(JOB))
    signal.signal(signal.SIGALRM, on_alarm)
    code = None

    def execute(space):
        nonlocal code
        if code is None:
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            code = builtins.compile(job["program"], "<program>", "exec", flags, True)
        finish(eval(code, space))

    def call(expression):
        space = fresh("program")
        execute(space)
        name, bracket, _ = expression.partition("(")
        watched = Watched(space[name]) if bracket and callable(space.get(name)) else None
        text = Text()
        value = finish(eval(expression, space, {name: watched} if watched else {}))
        changed = watched.changed() if value is None and watched else None
        return ("value", text.of(value)) if changed is None else ("changed", changed)

    def main():
        try:
            execute(fresh("__main__"))
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
