"""Writes models/manifest.json for an exported file and the table that evaluate.py measured of it.

python manifest.py --model ../models/braid-numbers-q8_0.gguf --table out/final-eval.json
"""

import argparse
import hashlib
import json
from pathlib import Path

from data import HELDOUT_SEED
from export import SCOPE


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True)
    p.add_argument("--table", required=True, help="JSON of evaluate.py --out")
    p.add_argument("--seed", type=int, default=1, help="of the training data")
    p.add_argument("--command", required=True, help="the command that made the table")
    a = p.parse_args()
    file = Path(a.model)
    entry = {
        "name": "Braid Numbers",
        "file": file.name,
        "source": "trained from nothing by training/ (npm run train)",
        "bytes": file.stat().st_size,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "licence": "MIT",
        "scope": SCOPE,
        "data": {"trainingSeed": a.seed, "heldoutSeed": HELDOUT_SEED, "heldout": "training/data/heldout4.jsonl"},
        "measured": json.loads(Path(a.table).read_text()) | {"command": a.command},
    }
    (file.parent / "manifest.json").write_text(json.dumps({"models": [entry]}, indent=2) + "\n")


if __name__ == "__main__":
    main()
