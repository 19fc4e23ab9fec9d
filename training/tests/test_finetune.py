"""Fine-tuning a Hugging Face folder, on a small random Qwen2-shaped model with its own tokenizer."""

import json
import random

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from finetune import finetune, load_folder, save_folder, sequence
from model import Config, Model

LINES = [
    {
        "problem": "What is 3 + 4? <think2>",
        "paths": ["3 and 4 make 7", "count on from 3: 4 5 6 7", "seven", "7 it is"],
        "summary": "All say \\boxed{7}",
    },
    {
        "problem": "What is 2 * 5?",
        "paths": ["2 * 5 = 10", "5 + 5 = 10"],
        "summary": "Both say \\boxed{10}",
    },
]


@pytest.fixture
def folder(tmp_path):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>"],
    )
    tokenizer.train_from_iterator([json.dumps(LINES)], trainer)
    torch.manual_seed(0)
    config = Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        head_dim=8,
        thoughts=1,
    )
    state = {
        k: v
        for k, v in Model(config).state_dict().items()
        if "seg_embeddings" not in k and k != "lm_head.weight"
    }
    tmp_path /= "hf"
    tmp_path.mkdir()
    save_file(state, tmp_path / "model.safetensors")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    raw = {k: v for k, v in config.to_dict().items() if k not in ("thoughts", "head_dim")} | {
        "model_type": "qwen2"
    }
    (tmp_path / "config.json").write_text(json.dumps(raw))
    return tmp_path


def test_loss_falls_and_the_folder_round_trips(folder, tmp_path):
    model, tokenizer, raw = load_folder(folder, pairs=8, thoughts=32)
    losses = finetune(
        model, LINES, tokenizer, "{problem}\n", 8, epochs=25, rate=3e-3, progress=False
    )
    assert sum(losses[-4:]) < 0.5 * sum(losses[:4])
    table = model.model.layers[0].self_attn.seg_embeddings.weight
    assert (
        table[:3].abs().sum() > 0 and table[9:].abs().sum() < 1e-3
    )  # only rows that were used have learned
    save_folder(model, tokenizer, raw, folder, tmp_path / "out")
    saved = load_file(tmp_path / "out" / "model.safetensors")
    assert saved["model.layers.1.self_attn.seg_embeddings.weight"].shape == (32, 8)
    again, tokenizer2, _ = load_folder(tmp_path / "out", pairs=8, thoughts=32)
    assert tokenizer2.token_to_id("<think8>") == tokenizer.token_to_id("<think8>")
    for a, b in zip(model.state_dict().values(), again.state_dict().values()):
        assert torch.equal(a.cpu(), b)


def test_layout_of_a_line(folder):
    _, tokenizer, _ = load_folder(folder, pairs=8, thoughts=32)
    rng = random.Random(0)
    names = set()
    for _ in range(40):
        tokens, positions, thought, phase, target = (
            t[0] for t in sequence(LINES[0], tokenizer, "{problem}", 8, rng, 100)
        )
        prompt = int((phase == 0).sum())
        control = {tokenizer.token_to_id(f"<think{i}>") for i in range(1, 9)}
        assert not control & set(tokens[:prompt].tolist())  # the user's "<think2>" is text
        starts = [i for i, t in enumerate(tokens.tolist()) if t in control]
        assert len(starts) == 4 and (positions[starts] == prompt).all()
        summary = tokens.tolist().index(tokenizer.token_to_id("<summary>"))
        assert positions[summary] == positions[prompt:summary].max() + 1 and thought[summary] == 0
        assert (target[:prompt] == -100).all() and target[-1] == -100
        names.add(tuple(int(thought[s]) for s in starts))
    assert (1, 2, 3, 4) in names and len(names) > 1 and all(n[0] == 1 and n[3] == 4 for n in names)
