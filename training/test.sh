#!/usr/bin/env bash
# `npm run test:training`: the trainer's tests; arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")"
source ./env.sh
exec "$python" -B -m pytest -q -p no:cacheprovider tests "$@"
