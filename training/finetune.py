"""Teaches parallel thinking to a Hugging Face Qwen2-shaped model from JSONL lines of {problem, paths, summary}.

python finetune.py --model FOLDER --data FILE.jsonl --out FOLDER
FOLDER holds config.json, *.safetensors and tokenizer.json. Adds the control tokens and thought tables that the model lacks (rows of
the tables start at zero). The result is a folder of the same kind in the released ParaThinker layout
(`self_attn.seg_embeddings.weight`). Defaults are the paper's: learning rate 1e-5 constant, 3 epochs, weight decay 0.05, clip 0.5,
and with probability 0.3 two middle paths take the names of unused tokens.
"""

import argparse
import json
import random
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer

from data import read_jsonl
from model import Config, Model, masked, two_phase_mask

TEMPLATE = (
    "<｜User｜>{problem} You FIRST think about the reasoning process as an internal monologue and then summarize the reasoning process "
    "to get the final answer. The summary process MUST BE enclosed within <summary> </summary> tags. The final answer MUST BE put in "
    "\\boxed{}.<｜Assistant｜><think>"
)


def load_folder(folder, pairs: int, thoughts: int):
    """Loads `(model, tokenizer, config.json)` with control tokens for `pairs` paths and tables of `thoughts` rows."""
    folder = Path(folder)
    raw = json.loads((folder / "config.json").read_text())
    if raw.get("model_type") != "qwen2":
        raise SystemExit(
            f"{folder}: model_type is {raw.get('model_type')!r}, this trainer knows qwen2 only"
        )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    control = [t.format(i) for i in range(1, pairs + 1) for t in ("<think{}>", "</think{}>")] + [
        "<summary>",
        "</summary>",
    ]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in control])
    state = {}
    for file in sorted(folder.glob("*.safetensors")):
        state |= load_file(file)
    embedding = state["model.embed_tokens.weight"]
    size = max(embedding.shape[0], tokenizer.get_vocab_size())
    heads = raw["num_attention_heads"]
    theta = raw.get("rope_theta") or raw.get("rope_parameters", {}).get("rope_theta", 10000.0)
    config = Config(
        vocab_size=size,
        hidden_size=raw["hidden_size"],
        num_hidden_layers=raw["num_hidden_layers"],
        num_attention_heads=heads,
        num_key_value_heads=raw.get("num_key_value_heads", heads),
        intermediate_size=raw["intermediate_size"],
        head_dim=raw.get("head_dim") or raw["hidden_size"] // heads,
        thoughts=thoughts,
        rope_theta=theta,
        rms_norm_eps=raw["rms_norm_eps"],
        tie_word_embeddings=raw.get("tie_word_embeddings", False),
    )
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        if name in state and state[name].shape[0] < size:  # new tokens start at the mean of the old
            more = state[name].float().mean(0, keepdim=True).repeat(size - state[name].shape[0], 1)
            state[name] = torch.cat((state[name], more.to(state[name].dtype)))
    model = Model(config)
    missing, unexpected = model.load_state_dict(
        {k: v.float() for k, v in state.items()}, strict=False
    )
    wrong = [
        k
        for k in missing
        if "seg_embeddings" not in k and not (k == "lm_head.weight" and config.tie_word_embeddings)
    ]
    if wrong or unexpected:
        raise SystemExit(
            f"{folder}: weights do not fit: missing {wrong[:3]}, unexpected {unexpected[:3]}"
        )
    return model, tokenizer, raw | {"vocab_size": size, "num_thoughts": thoughts}


def sequence(line, tokenizer, template, pairs, rng, limit):
    """Returns ids, positions, thought ids, phases and targets of one line, flattened in the layout of docs/method.md."""
    ids = list(range(1, len(line["paths"]) + 1))
    spare = [i for i in range(len(ids) + 1, pairs + 1)]
    if len(ids) >= 4 and len(spare) >= 2 and rng.random() < 0.3:
        for place, name in zip(
            sorted(rng.sample(range(1, len(ids) - 1), 2)), sorted(rng.sample(spare, 2))
        ):
            ids[place] = name
    token = tokenizer.token_to_id

    def plain(text):  # the text of a user or a path is never parsed into control tokens
        pieces = tokenizer.encode_special_tokens
        tokenizer.encode_special_tokens = True
        out = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = pieces
        return out

    before, _, after = template.partition("{problem}")
    prompt = (
        tokenizer.encode(before, add_special_tokens=False).ids
        + plain(line["problem"])
        + tokenizer.encode(after, add_special_tokens=False).ids
    )
    paths = [
        [token(f"<think{i}>")] + plain(p)[:limit] + [token(f"</think{i}>")]
        for i, p in zip(ids, line["paths"])
    ]
    summary = [token("<summary>")] + plain(line["summary"]) + [token("</summary>")]
    start = len(prompt)
    parts = (
        [(prompt, 0, 0, 0)]
        + [(p, start, i, 1) for p, i in zip(paths, ids)]
        + [(summary, start + max(map(len, paths)), 0, 2)]
    )
    tokens, positions, thought, phase, target = [], [], [], [], []
    for part, position, row, kind in parts:
        tokens += part
        positions += range(position, position + len(part))
        thought += [row] * len(part)
        phase += [kind] * len(part)
        target += (part[1:] + [-100]) if kind else [-100] * len(part)
    return [torch.tensor([x]) for x in (tokens, positions, thought, phase, target)]


def finetune(
    model,
    lines,
    tokenizer,
    template,
    pairs,
    epochs=3,
    rate=1e-5,
    limit=16384,
    seed=1,
    progress=True,
):
    """Trains on one line per step; returns the loss of every step."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device).train()
    optim = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.05)
    rng, losses = random.Random(seed), []
    for epoch in range(epochs):
        order = list(range(len(lines)))
        rng.shuffle(order)
        for i in order:
            tokens, positions, thought, phase, target = (
                t.to(device) for t in sequence(lines[i], tokenizer, template, pairs, rng, limit)
            )
            with torch.autocast(device.type, torch.bfloat16):
                logits = model(tokens, positions, thought, masked(two_phase_mask(thought, phase)))
            loss = F.cross_entropy(logits[0].float(), target[0])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optim.step()
            optim.zero_grad()
            losses.append(loss.item())
            if progress and len(losses) % 10 == 0:
                print(
                    f"epoch {epoch + 1}/{epochs} step {len(losses)}/{epochs * len(lines)} loss {losses[-1]:.4f}",
                    flush=True,
                )
    return losses


def save_folder(model, tokenizer, raw, source, out):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        state.pop("lm_head.weight")
    save_file(state, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(raw | {"torch_dtype": "float32"}, indent=1) + "\n")
    tokenizer.save(str(out / "tokenizer.json"))
    for extra in ("tokenizer_config.json", "generation_config.json", "merges.txt", "vocab.json"):
        if (Path(source) / extra).exists():
            shutil.copy(Path(source) / extra, out / extra)


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--model", required=True)
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--epochs", type=int, default=3)
    p.add_argument("--rate", type=float, default=1e-5)
    p.add_argument("--paths", type=int, default=8, help="pairs of control tokens")
    p.add_argument("--thoughts", type=int, default=32, help="rows of the thought tables")
    p.add_argument("--limit", type=int, default=16384, help="tokens per path")
    p.add_argument(
        "--template",
        help="prompt with {problem}; default: the released model's if its tags are in the vocabulary",
    )
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    model, tokenizer, raw = load_folder(a.model, a.paths, a.thoughts)
    template = a.template or (
        TEMPLATE if tokenizer.token_to_id("<｜User｜>") is not None else "{problem}"
    )
    finetune(
        model, read_jsonl(a.data), tokenizer, template, a.paths, a.epochs, a.rate, a.limit, a.seed
    )
    save_folder(model, tokenizer, raw, a.model, a.out)


if __name__ == "__main__":
    main()
