"""A tokenizer with one token per number, which llama.cpp reads as a byte-level BPE (`llama-bpe`, `ignore_merges`).

User text is split by llama-bpe's pattern; a piece that is a vocabulary entry is one token, any other piece becomes its bytes
(there is one merge, two spaces, since the format requires a list). Path and summary text is written in larger tokens that
carry their own separators ("\n20", " -", " 18", " = 2", " | 13"): the pattern never produces those from user text. So the
text of a path stays readable while a line costs five tokens.
"""

import regex

from game import MAX_NUMBER

PATHS = 16
BOS, EOS, SUMMARY, END_SUMMARY = "<|begin|>", "<|end|>", "<summary>", "</summary>"
PATTERN = regex.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Phrasings of the problem. The last field joins the numbers: "comma", "and" (comma, the last with "and") or "space".
PHRASINGS = [
    ("Make {t} from {n}.", "and"),
    ("Use {n} to make {t}.", "and"),
    ("Using {n}, each once, make {t}.", "and"),
    ("How can I get {t} from {n}?", "and"),
    ("Numbers: {n}. Target: {t}.", "comma"),
    ("{n} = {t}?", "space"),
]


def problem_text(numbers, target, phrasing: int = 0) -> str:
    form, style = PHRASINGS[phrasing]
    words = [str(n) for n in numbers]
    joined = {
        "and": ", ".join(words[:-1]) + " and " + words[-1],
        "comma": ", ".join(words),
        "space": " ".join(words),
    }
    return form.format(t=target, n=joined[style])


def _byte_letters():
    """Returns GPT-2's printable letter for each byte."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters, spare = {}, 0
    for b in range(256):
        if b in keep:
            letters[b] = chr(b)
        else:
            letters[b] = chr(256 + spare)
            spare += 1
    return letters


LETTERS = _byte_letters()


def to_letters(text: str) -> str:
    return "".join(LETTERS[b] for b in text.encode())


def _vocabulary():
    """Returns (text, kind) of every token in the order of its id; kind is "control", "byte" or "text"."""
    entries = [(BOS, "control"), (EOS, "control"), (SUMMARY, "control"), (END_SUMMARY, "control")]
    for i in range(1, PATHS + 1):
        entries += [(f"<think{i}>", "control"), (f"</think{i}>", "control")]
    numbers = [
        form.format(n)
        for form in ("{}", " {}", "\n{}", " = {}", " | {}")
        for n in range(MAX_NUMBER + 1)
    ]
    words = [
        " +",
        " -",
        " *",
        " /",
        "\nTry",
        "\nSolved:",
        " (",
        " Path",
        " solved it:",
        " No path solved it.",
        " \\boxed{",
        "  ",
    ]
    for form, _ in PHRASINGS:
        words += [
            p
            for p in PATTERN.findall(form.replace("{t}", "1").replace("{n}", "1, 1 and 1"))
            if not p.isdigit()
        ]
    words += [
        "make",
        "Use",
        "Find",
        " the",
        " numbers",
        " number",
        " target",
        " with",
        " once",
        " exactly",
        " using",
    ]
    for text in numbers + words:
        if (text, "text") not in entries and len(text.encode()) > 1:
            entries.append((text, "text"))
    for b in range(256):
        entries.append((bytes([b]), "byte"))
    return list(dict.fromkeys(entries))


VOCABULARY = _vocabulary()


def letters_of(entry) -> str:
    """Returns the spelling of a token in the GGUF vocabulary."""
    text, kind = entry
    return text if kind == "control" else LETTERS[text[0]] if kind == "byte" else to_letters(text)


IDS = {letters_of(e): i for i, e in enumerate(VOCABULARY)}
ID = {e[0]: i for i, e in enumerate(VOCABULARY)} | {
    e[0].decode(): i for i, e in enumerate(VOCABULARY) if e[1] == "byte" and e[0][0] < 128
}
MERGES = ["Ġ Ġ"]


def encode(text: str, vocabulary=None) -> list[int]:
    """Encodes user text exactly as llama.cpp does without special tokens; no BOS. vocabulary: ids by spelling, default IDS."""
    known, ids = vocabulary or IDS, []
    for piece in PATTERN.findall(text):
        word = to_letters(piece)
        if word in known:
            ids.append(known[word])
            continue
        i = 0
        while i < len(word):
            two = word[i : i + 2]
            step = 2 if two == "ĠĠ" else 1
            ids.append(known[word[i : i + step]])
            i += step
    return ids


def prompt_ids(text: str) -> list[int]:
    return [ID[BOS]] + encode(text)


def decode(ids, special: bool = False) -> str:
    out = b""
    for i in ids:
        text, kind = VOCABULARY[i]
        if kind != "control":
            out += text if kind == "byte" else text.encode()
        elif special:
            out += text.encode()
    return out.decode("utf-8", "replace")
