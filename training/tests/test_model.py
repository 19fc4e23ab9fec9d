"""The two-phase mask and the shared positions, compared with references that use neither."""

import random

import torch

from data import collate, training_problem
from model import Config, Model, blocked, masked, rotate, two_phase_mask
from sample import FORBIDDEN, solve
from teacher import example
from tokenizer import ID, VOCABULARY

TINY = dict(
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    intermediate_size=48,
    head_dim=8,
)


def tiny(seed=0):
    torch.manual_seed(seed)
    model = Model(Config(vocab_size=len(VOCABULARY), **TINY))
    for layer in model.model.layers:
        torch.nn.init.normal_(layer.self_attn.seg_embeddings.weight)
        for p in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj):
            torch.nn.init.normal_(p.bias)
    return model.double()


def some_examples(paths, count=3, rule="last", seed=4):
    rng = random.Random(seed)
    ids = sorted(rng.sample(range(1, 17), paths))
    return [example(*training_problem(rng), ids, rng, 60, rule, 0) for _ in range(count)]


def by_hand(model, e):
    """Returns the logits of a whole example, token by token with Python loops: the table of docs/method.md written out, without masks or batches."""
    c, lx = model.config, len(e["prompt"])
    tokens = [(t, i, 0, "prompt") for i, t in enumerate(e["prompt"])]
    for path, thought in zip(e["paths"], e["thoughts"]):
        tokens += [(t, lx + i, thought, "path") for i, t in enumerate(path)]
    largest = max(position for _, position, _, _ in tokens)
    tokens += [(t, largest + 1 + i, 0, "summary") for i, t in enumerate(e["summary"])]

    def sees(i, j):
        if j > i:
            return False
        _, _, mine, kind = tokens[i]
        _, _, other, other_kind = tokens[j]
        return (
            kind == "summary"
            or other_kind == "prompt"
            or (kind == other_kind == "path" and mine == other)
        )

    x = [model.model.embed_tokens.weight[t] for t, *_ in tokens]
    for layer in model.model.layers:
        a = layer.self_attn
        qs, ks, vs = [], [], []
        for (_, position, thought, _), h in zip(tokens, x):
            n = layer.input_layernorm(h)
            row = a.seg_embeddings.weight[thought]
            cos, sin = (t.double() for t in model.rope(torch.tensor([position])))
            qs.append(rotate(a.q_proj(n).view(1, -1, c.head_dim), cos, sin)[0])
            ks.append(rotate((a.k_proj(n).view(1, -1, c.head_dim) + row), cos, sin)[0])
            vs.append(a.v_proj(n).view(-1, c.head_dim) + row)
        out = []
        for i, h in enumerate(x):
            seen = [j for j in range(len(tokens)) if sees(i, j)]
            heads = []
            for head in range(c.num_attention_heads):
                group = head * c.num_key_value_heads // c.num_attention_heads
                keys = torch.stack([ks[j][group] for j in seen])
                values = torch.stack([vs[j][group] for j in seen])
                heads.append(torch.softmax(keys @ qs[i][head] / c.head_dim**0.5, 0) @ values)
            h = h + a.o_proj(torch.cat(heads))
            out.append(h + layer.mlp(layer.post_attention_layernorm(h)))
        x = out
    return model.lm_head(torch.stack([model.model.norm(h) for h in x]))


def pack(batch, row, logits):
    """Returns the rows of a batch's logits without padding."""
    return logits[row][batch["real"][row]]


@torch.inference_mode()
def test_mask_and_positions_agree_with_the_loop():
    model = tiny()
    examples = some_examples(3, count=2)
    examples = [
        dict(e, paths=[p[:14] for p in e["paths"][:2]] + [e["paths"][2][:9]]) for e in examples
    ]
    batch = collate(examples)
    fast = model(
        batch["tokens"],
        batch["positions"],
        batch["thought"],
        blocked(batch["prompt"], batch["paths"], batch["length"], batch["summary_mask"]),
    )
    square = model(
        batch["tokens"],
        batch["positions"],
        batch["thought"],
        masked(two_phase_mask(batch["thought"], batch["kind"], batch["real"])),
    )
    for row, e in enumerate(examples):
        slow = by_hand(model, e)
        assert torch.allclose(pack(batch, row, fast), slow, atol=1e-5)  # RoPE's angles are float32
        assert torch.allclose(pack(batch, row, square), slow, atol=1e-5)


@torch.inference_mode()
def test_a_path_does_not_see_another_path():
    model = tiny()
    (e,) = some_examples(2, count=1)
    changed = dict(e, paths=[e["paths"][0], [e["paths"][1][0]] + e["paths"][1][:0:-1]])
    logits = []
    for item in (e, changed):
        b = collate([item])
        logits.append(
            model(
                b["tokens"],
                b["positions"],
                b["thought"],
                blocked(b["prompt"], b["paths"], b["length"], b["summary_mask"]),
            )
        )
    prompt, length = len(e["prompt"]), b["length"]
    assert torch.equal(logits[0][:, : prompt + length], logits[1][:, : prompt + length])
    assert not torch.allclose(
        logits[0][:, prompt + 2 * length :], logits[1][:, prompt + 2 * length :]
    )


@torch.inference_mode()
def test_the_sampler_reads_the_cells_that_training_describes():
    """Greedy decoding step by step gives the tokens that one forward over the finished sequence ranks first."""
    model = tiny(3)
    model.lm_head.weight[[ID[f"</think{i}>"] for i in range(1, 17)]] *= (
        1.7  # paths end early enough to be seen
    )
    examples = some_examples(4, count=6, seed=8)
    model = model.float()
    for rule in ("first", "half", "last"):
        found = solve(
            model, [e["prompt"] for e in examples], [1, 2, 5, 16], 24, 0.0, rule, summary_budget=12
        )
        assert any(any(r["ended"]) for r in found)
        for e, r in zip(examples, found):
            finished = sum(r["ended"])
            longest = max(map(len, r["paths"]))
            assert finished >= {"first": 1, "half": 2, "last": 4}[rule] or longest == 24
            whole = {
                "prompt": e["prompt"],
                "thoughts": [1, 2, 5, 16],
                "summary": [ID["<summary>"]] + r["summary"],
                "paths": [[ID[f"<think{t}>"]] + p for t, p in zip([1, 2, 5, 16], r["paths"])],
            }
            b = collate([whole])
            logits = model(
                b["tokens"],
                b["positions"],
                b["thought"],
                blocked(b["prompt"], b["paths"], b["length"], b["summary_mask"]),
            )
            logits[..., FORBIDDEN] = -torch.inf
            learn = b["target"] >= 0
            best = logits[learn].argmax(-1)
            own_end = torch.tensor(
                [
                    i in {ID[f"</think{t}>"] for t in range(1, 17)}
                    for i in b["target"][learn].tolist()
                ]
            )
            assert torch.equal(best[~own_end], b["target"][learn][~own_end])
