"""The whole recipe: short examples, whole searches, one round on the model's own paths, evaluation, export. Every stage resumes.

python pipeline.py --out out
"""

import argparse
import json
import os
from pathlib import Path

import torch

from evaluate import measure
from export import export
from data import HERE, half_short, read_jsonl, short
from selfplay import Mixed, collect
from train import launch


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default="out")
    p.add_argument("--short-steps", type=int, default=500, help="on short examples that mostly begin well")
    p.add_argument("--steps", type=int, default=1500, help="half of them on whole searches")
    p.add_argument("--own-steps", type=int, default=900, help="half of them on the model's own paths")
    p.add_argument("--own-count", type=int, default=3000, help="sampled examples for the last stage")
    p.add_argument("--size", type=int, default=2500, help="tokens a step and worker")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--n", type=int, default=1000, help="held-out problems to evaluate on")
    p.add_argument("--workers", type=int, default=1 if torch.cuda.is_available() else min(8, os.cpu_count() or 1))
    a = p.parse_args()
    out = Path(a.out)
    common = {"size": a.size, "minutes": None}
    weights = {stage: str(out / stage / "last.pt") for stage in ("short", "base", "own")}
    launch({"out": str(out / "short"), "steps": a.short_steps, "rate": 4e-3, "decay": 0.0, "seed": a.seed, "start": None} | common, a.workers, short)
    launch({"out": str(out / "base"), "steps": a.steps, "rate": 4e-3, "decay": 0.95, "seed": a.seed + 1, "start": weights["short"]} | common,
           a.workers, half_short)  # fmt: skip
    pool = out / "own.pt"
    if not pool.exists():
        torch.save(collect(weights["base"], a.own_count, a.seed, a.workers, 1.0), pool)
    launch({"out": str(out / "own"), "steps": a.own_steps, "rate": 2e-3, "decay": 1.0, "seed": a.seed + 2, "start": weights["base"]} | common,
           a.workers, Mixed(str(pool), 0.5))  # fmt: skip
    final = weights["own"]
    state = torch.load(final, map_location="cpu")
    for kind in ("F32", "Q8_0"):
        export(state["model"], state["config"], out / f"braid-numbers-{kind}.gguf", kind)
    table = measure(str(final), read_jsonl(HERE / "data" / "heldout4.jsonl")[: a.n], workers=a.workers)
    (out / "table.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
