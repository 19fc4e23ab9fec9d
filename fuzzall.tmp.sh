#!/bin/bash
# fuzzall.tmp.sh OUTDIR
while read -r a; do f="$1/$(echo $a | tr ' ' '_').tsv"; [ -e "$f" ] || flock /tmp/heavy.lock nice -n 5 npx tsx fuzz.tmp.ts "$f" "$a" >> $1/log 2>&1 < /dev/null; done < <(shuf --random-source=<(yes) /tmp/archs.txt)
