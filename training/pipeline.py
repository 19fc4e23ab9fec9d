"""Runs the whole recipe: short examples, whole searches, rounds on the model's own paths, evaluation, export. Every stage resumes.

python pipeline.py --out out
"""

import argparse
import json
import os
from functools import partial
from pathlib import Path

import torch

from evaluate import measure
from export import export
from data import HERE, Stream, half_short, read_jsonl, short
from selfplay import Mixed, collect
from train import launch


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--out", default="out")
    p.add_argument(
        "--start",
        help="checkpoint or exported GGUF: start from it with the model's own paths, in place of the first two stages",
    )
    p.add_argument(
        "--short-steps",
        type=int,
        default=500,
        help="steps on short examples that mostly begin well",
    )
    p.add_argument(
        "--steps", type=int, default=1500, help="further steps, half of them on whole searches"
    )
    p.add_argument(
        "--own-steps",
        default="600,1500",
        help="steps of each round on the model's own paths, which are half of its examples",
    )
    p.add_argument(
        "--own-count", type=int, default=2500, help="sampled examples for each of those rounds"
    )
    p.add_argument("--size", type=int, default=2500, help="tokens per step and worker")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--n", type=int, default=1000, help="held-out problems to evaluate on")
    p.add_argument(
        "--workers",
        type=int,
        default=1 if torch.cuda.is_available() else min(8, os.cpu_count() or 1),
    )
    a = p.parse_args()
    out = Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    common = {"size": a.size, "minutes": None, "summary_weight": 6.0}

    def stage(name, steps, rate, decay, seed, start, make):
        launch(
            {
                "out": str(out / name),
                "steps": steps,
                "rate": rate,
                "decay": decay,
                "seed": seed,
                "start": start,
            }
            | common,
            a.workers,
            partial(Stream, make=make),
        )
        return str(out / name / "last.pt")

    final = a.start
    if not final:
        final = stage("short", a.short_steps, 4e-3, 0.0, a.seed, None, short)
        final = stage("base", a.steps, 4e-3, 0.95, a.seed + 1, final, half_short)
    for i, steps in enumerate(map(int, a.own_steps.split(","))):
        pool = out / f"own{i}.pt"
        if not pool.exists():
            torch.save(collect(final, a.own_count, a.seed + 2 + i, a.workers, 0.6), pool)
        final = stage(f"own{i}", steps, 3e-3, 1.0, a.seed + 2 + i, final, Mixed(str(pool), 0.5))
    state = torch.load(final, map_location="cpu")
    for kind in ("F32", "Q8_0"):
        export(state["model"], state["config"], out / f"braid-numbers-{kind}.gguf", kind)
    table = measure(final, read_jsonl(HERE / "data" / "heldout4.jsonl")[: a.n], workers=a.workers)
    (out / "table.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
