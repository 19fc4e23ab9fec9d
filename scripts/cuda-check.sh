#!/usr/bin/env bash
# For a machine with an NVIDIA GPU: fetches the CUDA backend, then runs the parity tests on the GPU and the benchmark.
#   npm run cuda:check -- [12|13] [DEVICE]
set -euo pipefail
cd "$(dirname "$0")/.."
command -v nvidia-smi >/dev/null || { echo 'No NVIDIA driver: nvidia-smi was not found.' >&2; exit 1; }
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv
npm run cuda -- ${1:+"$1"}
BRAID_TEST_BACKEND=CUDA npx vitest run test/parity/gpu.test.ts
npm run bench -- --device "${2:-CUDA0}" --threads 4 --only decode,join,cost,memory
