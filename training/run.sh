#!/usr/bin/env bash
# Environment, held-out problems, training, evaluation, export. Every stage resumes or is skipped when it is done.
#   BRAID_VENV   folder of the virtual environment   BRAID_OUT   folder of checkpoints (default: out)
set -euo pipefail
cd "$(dirname "$0")"
venv="${BRAID_VENV:-.venv}"
out="${BRAID_OUT:-out}"
if ! "$venv/bin/python" -c "import torch, gguf, regex, safetensors, pytest" 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r requirements.txt
fi
exec "$venv/bin/python" pipeline.py --out "$out" "$@"
