"""The whole recipe: base training, one round on the model's own paths, evaluation, export. Every stage resumes.

python pipeline.py --out out
"""

import argparse
import json
import os
from pathlib import Path

import torch

from evaluate import measure
from export import export
from data import HERE, read_jsonl
from selfplay import Mixed, collect
from train import launch


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default="out")
    p.add_argument("--steps", type=int, default=6000, help="of the base training, at a constant rate")
    p.add_argument("--own-steps", type=int, default=2500, help="of the second stage, with a falling rate")
    p.add_argument("--own-count", type=int, default=4000, help="sampled examples for the second stage")
    p.add_argument("--size", type=int, default=2500, help="tokens a step and worker")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--n", type=int, default=1000, help="held-out problems to evaluate on")
    p.add_argument("--workers", type=int, default=1 if torch.cuda.is_available() else min(8, os.cpu_count() or 1))
    a = p.parse_args()
    out = Path(a.out)
    common = {"size": a.size, "minutes": None}
    launch({"out": str(out / "base"), "steps": a.steps, "rate": 4e-3, "decay": 0.0, "seed": a.seed, "start": None} | common, a.workers)
    pool = out / "own.pt"
    if not pool.exists():
        torch.save(collect(out / "base" / "last.pt", a.own_count, a.seed, a.workers, 1.0), pool)
    launch({"out": str(out / "own"), "steps": a.own_steps, "rate": 4e-3, "decay": 1.0, "seed": a.seed + 1,
            "start": str(out / "base" / "last.pt")} | common, a.workers, Mixed(str(pool), 0.5))  # fmt: skip
    final = out / "own" / "last.pt"
    state = torch.load(final, map_location="cpu")
    for kind in ("F32", "Q8_0"):
        export(state["model"], state["config"], out / f"braid-numbers-{kind}.gguf", kind)
    table = measure(str(final), read_jsonl(HERE / "data" / "heldout4.jsonl")[: a.n], workers=a.workers)
    (out / "table.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
