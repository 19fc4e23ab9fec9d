"""Runs the two-phase procedure in batches, with a KV cache: what the engine does, for many problems at once.

Phase 1: every path starts after the prompt with its own control token, and all paths of a problem advance in lockstep. Phase 2:
the summary reads the cells that the paths left. Used to evaluate and to collect a model's own paths.
"""

import torch
import torch.nn.functional as F

from tokenizer import EOS, END_SUMMARY, ID, PATHS, SUMMARY, VOCABULARY

STOPS = [ID[f"</think{i}>"] for i in range(1, PATHS + 1)] + [ID[END_SUMMARY], ID[EOS]]
FORBIDDEN = [i for i, (_, kind) in enumerate(VOCABULARY) if kind == "control" and i not in STOPS]


class Cells:
    """Holds K and V of every layer: lists of [rows, kv heads, capacity, head_dim]; `seen` [rows, capacity] marks the cells in use."""

    def __init__(self, model, rows: int, capacity: int, device, dtype):
        c = model.config
        shape = (rows, c.num_key_value_heads, capacity, c.head_dim)
        self.k = [
            torch.zeros(shape, device=device, dtype=dtype) for _ in range(c.num_hidden_layers)
        ]
        self.v = [
            torch.zeros(shape, device=device, dtype=dtype) for _ in range(c.num_hidden_layers)
        ]
        self.seen = torch.zeros(rows, capacity, dtype=torch.bool, device=device)
        self.used = 0

    def keep(self, rows):
        self.k = [k[rows] for k in self.k]
        self.v = [v[rows] for v in self.v]
        self.seen = self.seen[rows]


def forward(model, cells, tokens, positions, thought):
    """Decodes tokens [rows, n] (all rows alike) into the cells and returns the logits [rows, vocab] of the last one."""
    n, start = tokens.shape[1], cells.used
    stop = start + n
    cells.seen[:, start:stop] = True
    cells.used = stop
    mask = cells.seen[:, None, None, :stop].expand(-1, 1, n, stop)
    if n > 1:
        before = torch.ones(n, stop, dtype=torch.bool, device=tokens.device).tril(start)
        mask = mask & before

    def reader(layer):
        def attend(q, k, v):
            b, _, h, d = q.shape
            kv = k.shape[2]
            cells.k[layer][:, :, start:stop] = k.transpose(1, 2)
            cells.v[layer][:, :, start:stop] = v.transpose(1, 2)
            g = h // kv
            q = q.view(b, n, kv, g, d).permute(0, 2, 3, 1, 4).reshape(b, kv, g * n, d)
            keys, values = cells.k[layer][:, :, :stop], cells.v[layer][:, :, :stop]
            out = F.scaled_dot_product_attention(
                q, keys, values.to(q.dtype), attn_mask=mask.repeat(1, 1, g, 1)
            )
            return out.view(b, kv, g, n, d).permute(0, 3, 1, 2, 4).reshape(b, n, h, d)

        return attend

    hidden = model.hidden(
        tokens, positions, thought, [reader(i) for i in range(model.config.num_hidden_layers)]
    )
    return model.lm_head(hidden[:, -1]).float()


def choose(logits, temperature: float, generator):
    if temperature <= 0:
        return logits.argmax(-1)
    return torch.multinomial(F.softmax(logits / temperature, -1), 1, generator=generator)[:, 0]


@torch.inference_mode()
def solve(
    model,
    prompts,
    thoughts,
    budget,
    temperature,
    rule="first",
    generator=None,
    shared_positions=True,
    summary_budget=64,
):
    """Runs P = len(thoughts) paths and a summary for every prompt (lists of ids of one length).

    A path ends with its first stop token (replaced by its own end token) or after `budget` tokens. Phase 1 of a problem ends when
    the first, half or the last of its paths has ended; the others are cut and get no end token. shared_positions=False puts the
    paths one after another instead (a control). Returns a dict per problem: paths (ids without the opening token), ended (by a
    stop token), summary (ids).
    """
    device = next(model.parameters()).device
    dtype = (
        torch.get_autocast_dtype(device.type)
        if torch.is_autocast_enabled(device.type)
        else torch.float32
    )
    count, lx, total = len(thoughts), len(prompts[0]), len(prompts)
    needed = {"first": 1, "half": (count + 1) // 2, "last": count}[rule]
    prompt = torch.tensor(prompts, device=device)
    first = Cells(model, total, lx, device, dtype)
    forward(
        model,
        first,
        prompt,
        torch.arange(lx, device=device).expand(total, lx),
        torch.zeros_like(prompt),
    )
    cells = Cells(model, total * count, lx + budget + 1, device, dtype)
    for mine, theirs in zip(cells.k + cells.v, first.k + first.v):
        mine[:, :, :lx] = theirs.repeat_interleave(count, 0)
    cells.seen[:, :lx] = True
    cells.used = lx
    thought = torch.tensor(thoughts, device=device).repeat(total)
    own_end = torch.tensor([ID[f"</think{t}>"] for t in thoughts], device=device).repeat(total)
    step_ids = torch.tensor([ID[f"<think{t}>"] for t in thoughts], device=device).repeat(total)
    offset = (
        torch.arange(count, device=device).repeat(total) * (0 if shared_positions else budget + 1)
        + lx
    )
    alive = torch.ones(total * count, dtype=torch.bool, device=device)
    real = alive.clone()  # whether the token decoded next belongs to a path
    stops = torch.zeros(len(VOCABULARY), dtype=torch.bool, device=device)
    stops[STOPS] = True
    which = torch.arange(total, device=device)  # problem of each remaining group of rows
    written = torch.full((total * count, budget), -1, device=device)
    results, stash = [None] * total, [None] * total
    for step in range(budget + 1):
        logits = forward(
            model, cells, step_ids[:, None], (offset + step)[:, None], thought[:, None]
        )
        cells.seen[:, cells.used - 1] = real  # rows that have ended are still decoded, but not seen
        done = (~alive).view(-1, count).sum(1) >= needed
        if step == budget:
            done |= True
        if done.any():
            for g in done.nonzero()[:, 0].tolist():
                part = slice(g * count, (g + 1) * count)
                seen = cells.seen[part, : cells.used].clone()
                if step < budget:  # the last token that a cut path sampled is dropped
                    seen[alive[part], cells.used - 1] = False
                e = int(which[g])
                lengths = (seen[:, lx:].sum(1) - 1).tolist()
                paths = [written[g * count + i, : lengths[i]].tolist() for i in range(count)]
                results[e] = {
                    "paths": paths,
                    "ended": [bool(p) and p[-1] == int(own_end[i]) for i, p in enumerate(paths)],
                }
                stash[e] = (
                    seen,
                    [k[part, :, : cells.used].clone() for k in cells.k],
                    [v[part, :, : cells.used].clone() for v in cells.v],
                )
            left = (~done).nonzero()[:, 0]
            if not len(left):
                break
            keep = (left[:, None] * count + torch.arange(count, device=device)).flatten()
            which = which[left]
            cells.keep(keep)
            thought, own_end, offset, alive, written, logits = (
                x[keep] for x in (thought, own_end, offset, alive, written, logits)
            )
        logits[:, FORBIDDEN] = -torch.inf
        token = choose(logits, temperature, generator)
        ends = stops[token] & alive
        token = torch.where(stops[token], own_end, token)
        written[alive, step] = token[alive]
        real = alive.clone()
        alive &= ~ends
        step_ids = token
    return summarise(
        model,
        results,
        stash,
        count,
        lx,
        shared_positions,
        budget,
        temperature,
        generator,
        summary_budget,
        dtype,
    )


def summarise(
    model, results, stash, count, lx, shared, budget, temperature, generator, summary_budget, dtype
):
    """Runs phase 2 over the stashed cells; fills results[i]["summary"]."""
    total, device = len(results), stash[0][0].device
    longest = max(s[0].shape[1] for s in stash) - lx
    width = lx + count * longest
    cells = Cells(model, total, width + summary_budget + 1, device, dtype)
    position = torch.zeros(total, dtype=torch.long, device=device)
    for e, (seen, ks, vs) in enumerate(stash):
        n = seen.shape[1] - lx
        cells.seen[e, :lx] = True
        for i in range(count):
            at = slice(lx + i * longest, lx + i * longest + n)
            cells.seen[e, at] = seen[i, lx:]
            for layer in range(len(ks)):
                cells.k[layer][e, :, at] = ks[layer][i, :, lx:]
                cells.v[layer][e, :, at] = vs[layer][i, :, lx:]
        for layer in range(len(ks)):
            cells.k[layer][e, :, :lx] = ks[layer][0, :, :lx]
            cells.v[layer][e, :, :lx] = vs[layer][0, :, :lx]
        lengths = seen[:, lx:].sum(1)
        position[e] = lx + (
            int(lengths.max()) if shared else (count - 1) * (budget + 1) + int(lengths[-1])
        )
    cells.used = width
    ids = torch.full((total,), ID[SUMMARY], device=device)
    out, open_ = (
        torch.full((total, summary_budget), -1, device=device),
        torch.ones(total, dtype=torch.bool, device=device),
    )
    for step in range(summary_budget):
        logits = forward(
            model,
            cells,
            ids[:, None],
            (position + step)[:, None],
            torch.zeros(total, 1, dtype=torch.long, device=device),
        )
        logits[:, FORBIDDEN] = -torch.inf
        ids = choose(logits, temperature, generator)
        out[open_, step] = ids[open_]
        open_ &= ids != ID[END_SUMMARY]
        if not open_.any():
            break
    for e, r in enumerate(results):
        r["summary"] = [i for i in out[e].tolist() if i >= 0]
    return results
