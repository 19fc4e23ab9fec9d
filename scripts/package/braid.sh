#!/bin/sh
# `braid ...` of an installed Braid: the same command line as in a checkout, on the Node beside this file. It does not need a display.
here=$(dirname "$(readlink -f "$0")")
BRAID_NODE="$here/node"
export BRAID_NODE
exec "$here/node" "$here/../dist/engine/cli/main.js" "$@"
