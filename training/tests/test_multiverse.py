"""Multiverse's form of the game: what is written, at which positions, and who sees what."""

import json
import random
import subprocess
from pathlib import Path

import pytest
import torch

from check import boxed, correct
from data import training_problem
from model import Config, Model, masked
from multiverse import (
    CHILDREN,
    CONCLUSION,
    ID,
    MANY,
    PARALLEL,
    SUFFIX,
    VOCABULARY,
    Forks,
    child_start,
    collate,
    example,
    first_steps,
    prompt_ids,
    without_thoughts,
    write,
)
from teacher import Tree
from test_train import TINY

ROOT = Path(__file__).parents[2]


def text_of(ids):
    return "".join(
        t if isinstance(t, str) else t.decode("latin1") for t, _ in (VOCABULARY[i] for i in ids)
    )


def some(count, seed=1, room=300, wanted=lambda e: True):
    rng, found = random.Random(seed), []
    while len(found) < count:
        numbers, target = training_problem(rng)
        e = example(numbers, target, room, 0, False)
        if wanted(e):
            found.append((numbers, target, e))
    return found


nested = lambda e: any(len(p["sees"]) == 2 and not p["closing"] for p in e)  # noqa: E731


def test_the_vocabulary_renames_control_tokens_only():
    assert len(VOCABULARY) == len(PARALLEL)
    for (new, kind), (old, before) in zip(VOCABULARY, PARALLEL):
        assert (new, kind) == (old, before) or before == "control"
    texts = [t for t, _ in VOCABULARY]
    assert len(set(texts)) == len(texts)
    for name in ("Think", "Parallel", "Goal", "Outline", "Path", "Conclusion"):
        assert VOCABULARY[ID[f"<{name}>"]][1] == VOCABULARY[ID[f"</{name}>"]][1] == "control"
    assert text_of(prompt_ids("Make 24 from 1, 2, 3 and 4.")[1:]).endswith("4." + SUFFIX)


def test_plans_children_and_conclusions():
    for numbers, target, e in some(60):
        first, last = e[0], e[-1]
        plan = text_of(first["ids"])
        count = plan.count("<Outline>")
        kinds = first_steps(Tree(numbers, target))
        assert CHILDREN[0] <= count <= CHILDREN[1] and plan.endswith("</Goal>")
        assert len(kinds) > 15 or not nested(e)
        assert nested(e) or len(set(Tree(numbers, target).first.values())) < MANY
        for i in range(count):
            assert any(p["ids"][: p["learn"]] == child_start(str(i + 1)) for p in e)
        said, closing = text_of(last["ids"]), text_of(last["ids"][: last["learn"]])
        assert closing == text_of(CONCLUSION) == "<Conclusion>\n"
        answer = boxed(said)
        assert correct(answer, numbers, target) if answer else "No path solved it." in said
        children = [text_of(p["ids"]) for p in e[1:-1]]
        # One that is cut within its statement found nothing.
        solved = any(" solved it:" in t and t.endswith("</Path>") for t in children)
        assert solved == (answer is not None)


def test_positions_follow_the_engine_rule():
    for _, _, e in some(8) + some(3, wanted=nested):
        for p in e:
            if p["closing"]:
                assert p["at"] == max(e[i]["at"] + len(e[i]["ids"]) for i in p["sees"])
            elif p["sees"]:
                parent = e[p["sees"][-1]]
                assert p["at"] == parent["at"] + len(parent["ids"])


@torch.inference_mode()
def test_nobody_sees_a_sibling_and_a_conclusion_sees_all():
    torch.manual_seed(2)
    model = Model(Config(vocab_size=len(VOCABULARY), **TINY)).eval()

    def hidden(parts):
        b = collate([parts])
        out = model.hidden(b["tokens"], b["positions"], b["thought"], masked(b["mask"]))[0]
        at, rows = 0, []
        for p in parts:
            rows.append(out[at : at + len(p["ids"])])
            at += len(p["ids"])
        return rows

    for _, _, e in some(2) + some(1, wanted=nested):
        rows = hidden(e)
        for i, p in enumerate(e):
            alone = [e[j] for j in p["sees"]] + [p]
            known = [alone.index(e[j]) for j in p["sees"]]
            moved = [
                q | {"sees": [k for k, j in zip(known, p["sees"]) if j in q["sees"]]} for q in alone
            ]
            torch.testing.assert_close(hidden(moved)[-1], rows[i], atol=1e-4, rtol=1e-4)
        changed = [dict(p, ids=list(p["ids"])) for p in e]
        changed[1]["ids"][-1] = ID["<|spare0|>"]
        after = hidden(changed)
        assert torch.equal(after[2], rows[2]) or 1 in e[2]["sees"]
        assert not torch.allclose(after[-1], rows[-1], atol=1e-6)


@torch.inference_mode()
def test_thought_zero_goes_into_the_biases():
    torch.manual_seed(4)
    config = Config(vocab_size=len(VOCABULARY), **TINY)
    old, new = Model(config).eval(), Model(config).eval()
    for layer in old.model.layers:
        torch.nn.init.normal_(layer.self_attn.seg_embeddings.weight)
    new.load_state_dict(without_thoughts(old.state_dict(), config.to_dict()))
    b = collate([some(1)[0][2]])
    both = [m(b["tokens"], b["positions"], b["thought"], masked(b["mask"])) for m in (old, new)]
    torch.testing.assert_close(*both, atol=1e-4, rtol=1e-4)


def test_batches_depend_on_their_number_only():
    one, other = Forks(3, 900), Forks(3, 900)
    later = other.batch(30)
    assert torch.equal(one.batch(30)["tokens"], later["tokens"])
    assert not torch.equal(one.batch(31)["tokens"], later["tokens"])
    assert later["target"].max() >= 0 and later["mask"].shape[-1] == later["tokens"].shape[1]


@pytest.mark.parametrize("size", [900, 2500])
def test_a_pool_has_every_batch(size):
    forks = Forks(1, size)
    for pool in range(3):
        forks.fill(pool)
        assert len(forks.pool) == forks.PER_POOL
        tokens = [sum(len(part["ids"]) for e in batch for part in e) for batch in forks.pool]
        assert all(n <= size for n, batch in zip(tokens, forks.pool) if len(batch) > 1)


@pytest.mark.skipif(
    not (ROOT / "node_modules").exists(), reason="the engine is not installed: run npm ci"
)
def test_the_engine_knows_the_form(tmp_path):
    config = Config(vocab_size=len(VOCABULARY), **TINY)
    torch.save({"model": Model(config).state_dict(), "config": config.to_dict()}, tmp_path / "m.pt")
    write(tmp_path / "m.pt", tmp_path / "m.gguf")
    run = subprocess.run(
        ["node", "scripts/braid.mjs", "model", str(tmp_path / "m.gguf"), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run.stdout)["forks"] == "multiverse"
