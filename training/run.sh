#!/usr/bin/env bash
# Environment, training, evaluation, export. Every stage resumes or is skipped when it is done.
#   BRAID_VENV   folder of the virtual environment   BRAID_OUT   folder of checkpoints (default: out)
set -euo pipefail
cd "$(dirname "$0")"
source ./env.sh
exec "$python" pipeline.py --out "${BRAID_OUT:-out}" "$@"
