"""Writes golden.json: prompts as Hugging Face transformers renders and tokenizes them (`apply_chat_template`).

Run it in an environment of its own, from the root of the repository:

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install transformers==5.24.0 tokenizers==0.23.3 jinja2==3.1.6
    /tmp/golden/bin/python test/prompt/golden/make.py

Each model has its real chat template (templates/) and a tiny tokenizer of its kind, trained here once and kept:
- `bpe`: byte-level BPE, split as Qwen 2 splits;
- `spm`: SentencePiece's BPE with bytes, a space in front of each text (Llama 2, Mistral, Phi-3, Zephyr);
- `spm-bare`: the same without that space (Gemma).

What Braid does by its own rules is done here, too: a system message that a template refuses or omits stands before the
first message; an earlier thought that a template would repeat is left out.
"""

import json
from pathlib import Path

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
DATE = "2026-01-01"  # the test puts it in place of today's date, too
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SAMPLE = [
    "What is 2 + 3? Think step by step, and put the answer into \\boxed{}.",
    "Answer in one sentence. The answer is 5, since adding three to two gives five.",
    "solve hello world again and again",
    "Knowledge cutoff: reasoning effort low high. You are a helpful assistant.",
    "Wie gro\u00df ist die Zahl? \u4eca\u5929\u5929\u6c14\u5f88\u597d\u3002 caf\u00e9",
] * 4

# name: kind, tokens that llama.cpp calls control tokens, tokens that it calls user-defined, whether BOS is asked for
MODELS = {
    "chatml": ("bpe", ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], [], False),
    "llama-2": ("spm", ["<s>", "</s>"], [], True),
    "llama-3": (
        "bpe",
        [
            "<|begin_of_text|>",
            "<|eot_id|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eom_id|>",
        ],
        [],
        True,
    ),
    "mistral": ("spm", ["<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]"], [], True),
    "phi-3": (
        "spm",
        ["<s>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|endoftext|>"],
        [],
        False,
    ),
    "gemma": (
        "spm-bare",
        ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"],
        ["<h1>", "\n\n"],
        True,
    ),
    "qwen3": (
        "bpe",
        ["<|endoftext|>", "<|im_end|>", "<|im_start|>"],
        ["<think>", "</think>", "<tool_response>"],
        False,
    ),
    "deepseek-r1": (
        "bpe",
        ["<\uff5cbegin\u2581of\u2581sentence\uff5c>", "<\uff5cend\u2581of\u2581sentence\uff5c>"],
        ["<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>", "<think>", "</think>"],
        True,
    ),
    "smollm3": (
        "bpe",
        ["<|begin_of_text|>", "<|im_end|>", "<|im_start|>"],
        ["<think>", "</think>"],
        False,
    ),
    "gpt-oss": (
        "bpe",
        [
            "<|startoftext|>",
            "<|return|>",
            "<|start|>",
            "<|end|>",
            "<|message|>",
            "<|channel|>",
            "<|call|>",
        ],
        [],
        False,
    ),
    "zephyr": ("spm", ["<s>", "</s>"], [], True),
    "hunyuan": (
        "bpe",
        [
            "<\uff5chy_begin_of_sentence:opensource\uff5c>",
            "<\uff5chy_eos:opensource\uff5c>",
            "<\uff5chy_User:opensource\uff5c>",
            "<\uff5chy_Assistant:opensource\uff5c>",
            "<\uff5creasoning_mode:opensource\uff5c>",
            "<think:opensource>",
            "</think:opensource>",
        ],
        [],
        True,
    ),
}

THOUGHT = "Two and three, so I add them."
HARMONY = ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>")
MARKS = {"gpt-oss": HARMONY, "hunyuan": ("<think:opensource>", "</think:opensource>")}


def letters() -> dict[int, str]:
    """GPT-2's printable stand-ins for the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(rest)}


def train(kind: str, corpus: list[str]) -> dict:
    """Returns the ordinary tokens of a tokenizer, and its merges or scores."""
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(QWEN2), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        trainer = trainers.BpeTrainer(
            vocab_size=480, initial_alphabet=list(letters().values()), show_progress=False
        )
        tokenizer.train_from_iterator(corpus, trainer)
        model = json.loads(tokenizer.to_str())["model"]
        tokens = sorted(model["vocab"], key=model["vocab"].get)
        return {"tokens": tokens, "merges": [" ".join(pair) for pair in model["merges"]]}
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("(?=\u2581)"), "isolated")
    alphabet = [chr(c) for c in range(33, 127)] + ["\u2581"]
    trainer = trainers.BpeTrainer(
        vocab_size=260, initial_alphabet=alphabet, limit_alphabet=100, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    vocabulary = json.loads(tokenizer.to_str())["model"]["vocab"]
    learned = sorted(vocabulary, key=vocabulary.get)
    merged = [one for one in learned if len(one) > 1]
    single = [one for one in learned if len(one) == 1]
    # As SentencePiece: <unk> first, then the bytes, the learned pieces, and the characters at the end.
    tokens = ["<unk>", *(f"<0x{b:02X}>" for b in range(256)), *merged, *single]
    scores = [0.0] * 257 + [-float(i) for i in range(len(merged) + len(single))]
    return {"tokens": tokens, "scores": scores}


def spm_merges(tokens: list[str], scores: list[float]) -> list[tuple[str, str]]:
    """Returns the merges that SentencePiece's scores stand for (as transformers derives them)."""
    rank = {token: -score for token, score in zip(tokens[257:], scores[257:])}
    pairs = [
        (rank[token], (token[:at], token[at:]))
        for token in rank
        for at in range(1, len(token))
        if token[:at] in rank and token[at:] in rank
    ]
    return [pair for _, pair in sorted(pairs)]


def build(
    kind: str, trained: dict, control: list[str], defined: list[str]
) -> PreTrainedTokenizerFast:
    vocabulary = {token: i for i, token in enumerate(trained["tokens"])}
    if kind == "bpe":
        tokenizer = Tokenizer(
            models.BPE(vocabulary, [tuple(m.split(" ")) for m in trained["merges"]])
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(QWEN2), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        tokenizer.decoder = decoders.ByteLevel()
    else:
        merges = spm_merges(trained["tokens"], trained["scores"])
        tokenizer = Tokenizer(
            models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
        )
        steps = [normalizers.Replace(" ", "\u2581")]
        if kind == "spm":
            steps.insert(0, normalizers.Prepend("\u2581"))
        tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in control])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in defined])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=control[0], eos_token=control[1]
    )


def chats(name: str, template: str) -> dict[str, dict]:
    opens, closes = MARKS.get(name, ("<think>\n", "\n</think>\n\n"))
    thought = f"{opens}{THOUGHT}{closes}It is 5."
    turns = [["What is 2 + 3?", thought]]
    system = "Answer in one sentence."
    found = {
        "one question": {"problem": 'solve "hello world"'},
        "system": {"system": system, "problem": "What is 2 + 3?"},
        "follow-up": {"turns": turns, "problem": "And 5 + 3?"},
        "system and follow-ups": {
            "system": system,
            "turns": [*turns, ["And 5 + 3?", "It is 8."]],
            "problem": "And 8 + 3?",
        },
        "spaces": {
            "system": " Be brief.\n",
            "problem": "\n\n  caf\u00e9 \u4eca\u5929\u5929\u6c14  \n",
        },
        "code": {"problem": "if (a<b) {\n\treturn a[0]\n}\n\nWhat is `</b>`? {{ messages }}"},
        "commands": {"system": "Be brief. /no_think", "problem": "What is 2 + 3? /no_think"},
    }
    if "enable_thinking" in template:
        for value in (False, True):
            found[f"enable_thinking {value}"] = {
                "turns": turns,
                "problem": "And 5 + 3?",
                "variables": {"enable_thinking": value},
            }
    if "reasoning_effort" in template:
        for value in ("low", "high"):
            found[f"reasoning_effort {value}"] = {
                "turns": turns,
                "problem": "And 5 + 3?",
                "variables": {"reasoning_effort": value},
            }
    return found


def render(tokenizer, template: str, chat: dict) -> tuple[str, list[int]]:
    def apply(system, turns, tokenize):
        messages = [{"role": "system", "content": system}] if system is not None else []
        for problem, answer in turns:
            messages += [
                {"role": "user", "content": problem},
                {"role": "assistant", "content": answer},
            ]
        messages.append({"role": "user", "content": chat["problem"]})
        if system is not None and folded:
            messages = messages[1:]
            messages[0] = {"role": "user", "content": f"{system}\n\n{messages[0]['content']}"}
        return tokenizer.apply_chat_template(
            messages,
            chat_template=template,
            add_generation_prompt=True,
            tokenize=tokenize,
            **({"return_dict": False} if tokenize else {}),
            **chat.get("variables", {}),
        )

    system = chat.get("system")
    kept = chat.get("turns", [])
    without = [
        [problem, answer.rpartition("It is")[1] + answer.rpartition("It is")[2]]
        for problem, answer in kept
    ]
    for folded in (False, True):
        for turns in (kept, without):
            try:
                text = apply(system, turns, False)
            except Exception:  # noqa: BLE001 - the template refuses it
                continue
            if THOUGHT in text or (system is not None and system.split(".")[0].strip() not in text):
                continue
            return text, apply(system, turns, True)
    raise SystemExit("a template refuses everything")


def main() -> None:
    templates = {
        name: (HERE / "templates" / f"{name}.jinja")
        .read_text()
        .replace('strftime_now("%Y-%m-%d")', f'"{DATE}"')
        for name in MODELS
    }
    file = HERE / "golden.json"
    if file.exists():  # training is not repeatable
        kinds = json.loads(file.read_text())["tokenizers"]
    else:
        kinds = {kind: train(kind, [*SAMPLE, *templates.values()]) for kind in ("bpe", "spm")}
    golden = {"date": DATE, "tokenizers": kinds, "models": {}}
    for name, (kind, control, defined, bos) in MODELS.items():
        tokenizer = build(kind, kinds[kind.split("-")[0]], control, defined)
        cases = {}
        for case, chat in chats(name, templates[name]).items():
            text, ids = render(tokenizer, templates[name], chat)
            cases[case] = {"chat": chat, "text": text, "ids": " ".join(map(str, ids))}
        golden["models"][name] = {
            "kind": kind,
            "control": control,
            "defined": defined,
            "bos": bos,
            "cases": cases,
        }
    file.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")


main()
