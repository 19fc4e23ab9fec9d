"""Prints the ids that Hugging Face's `tokenizers` gives. Reads JSON {"tokenizer": path, "plain": path, "strings": [...]} on stdin;
writes [[ids with control tokens, ids without], ...] to stdout. In the plain one every control token is marked special."""

import json
import sys

from tokenizers import Tokenizer

job = json.load(sys.stdin)
tokenizer = Tokenizer.from_file(job["tokenizer"])
plain = Tokenizer.from_file(job["plain"])
plain.encode_special_tokens = True
pairs = zip(
    tokenizer.encode_batch(job["strings"], add_special_tokens=False),
    plain.encode_batch(job["strings"], add_special_tokens=False),
)
json.dump([[a.ids, b.ids] for a, b in pairs], sys.stdout)
