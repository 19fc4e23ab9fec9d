"""The engine and this code agree: `braid score` on two-phase sequences against float32 logits."""

import json
import random
import subprocess
from pathlib import Path

import pytest
import torch

from data import collate, training_problem
from export import export, read
from model import Config, Model, blocked
from teacher import example, thoughts
from tokenizer import VOCABULARY

ROOT = Path(__file__).parents[2]
COUNT = 50


def weights(which):
    """Returns `(state, config)`: those of the bundled model as its file stores them, or random ones."""
    if which == "random":
        torch.manual_seed(3)
        model = Model(Config(vocab_size=len(VOCABULARY)))
        for layer in model.model.layers:
            torch.nn.init.normal_(layer.self_attn.seg_embeddings.weight, std=0.5)
        return model.state_dict(), model.config.to_dict()
    entries = json.loads((ROOT / "models" / "manifest.json").read_text())["models"]
    return read(next(ROOT / "models" / e["file"] for e in entries if "file" in e))


@torch.inference_mode()
def logprobs(model, e):
    """Returns the log-probability of each token of prompt, paths and summary under the two-phase rules; None for the first token of prompt and summary."""
    b = collate([e])
    hidden = model.hidden(
        b["tokens"],
        b["positions"],
        b["thought"],
        blocked(b["prompt"], b["paths"], b["length"], b["summary_mask"]),
    )
    at = torch.log_softmax(model.lm_head(hidden)[0].float(), -1)
    lx, joined = len(e["prompt"]), b["prompt"] + b["paths"] * b["length"]

    def part(start, ids, before):
        rows = [before] + list(range(start, start + len(ids) - 1))
        return [None if row is None else at[row, i].item() for row, i in zip(rows, ids)]

    return {
        "prompt": part(0, e["prompt"], None),
        "paths": [part(lx + i * b["length"], p, lx - 1) for i, p in enumerate(e["paths"])],
        "summary": part(joined, e["summary"], None),
    }


def score(file, e, tmp_path):
    request = tmp_path / "score.json"
    request.write_text(
        json.dumps(
            {
                "prompt": e["prompt"],
                "paths": [{"thought": t, "tokens": p} for t, p in zip(e["thoughts"], e["paths"])],
                "summary": e["summary"],
            }
        )
    )
    flags = ["--kv-type", "f32", "--flash-attn", "off", "--threads", "1", "--device", "cpu"]
    done = subprocess.run(
        ["node", ROOT / "scripts" / "braid.mjs", "score", request, "--model", file, *flags],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("which", ["random", "bundled"])
def test_score_agrees_with_the_training_code(which, tmp_path):
    state, config = weights(which)
    model = Model(Config(**config))
    model.load_state_dict(state)
    model.eval()
    export(state, config, tmp_path / "f32.gguf", "F32")
    rng, worst, compared = random.Random(50), 0.0, 0
    for i in range(COUNT):
        e = example(
            *training_problem(rng),
            thoughts(i % 8 + 1, rng),
            rng,
            rng.randint(30, 120),
            rng.choice(["first", "half", "last"]),
            i % 6,
        )
        ours, theirs = logprobs(model, e), score(tmp_path / "f32.gguf", e, tmp_path)
        parts = [
            ("prompt", ours["prompt"], theirs["prompt"]),
            ("summary", ours["summary"], theirs["summary"]),
        ]
        parts += [
            (f"path {t}", a, b) for t, a, b in zip(e["thoughts"], ours["paths"], theirs["paths"])
        ]
        for name, mine, their in parts:
            assert len(mine) == len(their), name
            for a, token in zip(mine, their):
                if a is None:
                    assert token["logprob"] is None, name
                else:
                    worst, compared = max(worst, abs(a - token["logprob"])), compared + 1
    print(f"{COUNT} sequences, {compared} tokens: largest difference {worst:.2e}")
    assert compared > 10_000 and worst < 1e-3
