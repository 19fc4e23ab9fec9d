"""Enters an exported file into models/manifest.json as a bundled model, with the results that `braid eval` measured.

python manifest.py --model ../models/braid-numbers-q8_0.gguf --results main/results.json votes/results.json --command "braid eval ..."
"""

import argparse
import hashlib
import json
from pathlib import Path

from data import HELDOUT_SEED

KEYS = ("strategy", "paths", "budget", "vote", "n", "correct", "accuracy", "low", "high")
# By the name of the file. The first bundled model of the manifest is that of runs that name none; an entry keeps its place.
ENTRIES = {
    "braid-numbers-q8_0.gguf": {
        "id": "braid-numbers",
        "name": "Braid Numbers",
        "source": "trained from nothing by training/ (npm run train)",
        "goodFor": {
            "en": "Seeing native parallel thinking in the first minute: it plays one game, a target out of four numbers",
            "zh": "在第一分钟里体验原生并行思考：它只玩一个游戏，用四个数凑出目标数",
        },
        "parallel": True,
    },
    "braid-numbers-multiverse-q8_0.gguf": {
        "id": "braid-numbers-multiverse",
        "name": "Braid Numbers Multiverse",
        "source": "trained from Braid Numbers by training/multiverse.py",
        "goodFor": {
            "en": "Seeing how a model splits its own search, as Multiverse does: it plays the same game of four numbers",
            "zh": "观察模型如何像 Multiverse 那样自己拆分搜索：它玩同一个四数游戏",
        },
        "parallel": False,
    },
}


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--model", required=True)
    p.add_argument(
        "--results",
        required=True,
        nargs="+",
        help="results.json of braid eval; the cells of several files are combined",
    )
    p.add_argument("--command", required=True, help="command that gave these results")
    p.add_argument("--seed", type=int, default=1, help="seed of the training data")
    a = p.parse_args()
    file = Path(a.model)
    results = [json.loads(Path(r).read_text()) for r in a.results]
    entry = ENTRIES[file.name] | {
        "file": file.name,
        "sizeBytes": file.stat().st_size,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "licence": "MIT",
        "data": {
            "trainingSeed": a.seed,
            "heldoutSeed": HELDOUT_SEED,
            "heldout": "training/data/heldout4.jsonl",
        },
        "measured": {
            "command": a.command,
            "cells": [{k: c[k] for k in KEYS if k in c} for r in results for c in r["cells"]],
        },
    }
    manifest = file.parent / "manifest.json"
    models = {m["id"]: m for m in json.loads(manifest.read_text())["models"]}
    models[entry["id"]] = entry
    lines = ",\n".join("    " + json.dumps(m, ensure_ascii=False) for m in models.values())
    manifest.write_text('{\n  "models": [\n' + lines + "\n  ]\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
