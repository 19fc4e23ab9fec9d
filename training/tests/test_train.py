"""A stop and a resume change nothing; an export contains what the checkpoint contains."""

import gguf
import numpy as np
import torch

from data import Stream
from export import export, gguf_name, read
from model import Config, Model
from tokenizer import ID, VOCABULARY
from train import train

TINY = dict(
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    intermediate_size=64,
    head_dim=16,
)


def run(folder, steps, upto=None):
    config = Config(vocab_size=len(VOCABULARY), **TINY)
    return train(
        folder,
        Stream(2, 400),
        steps,
        warmup=4,
        config=config,
        save_every=3,
        progress=False,
        stop_at=upto,
    )


def test_resume_gives_the_same_loss_curve(tmp_path):
    whole = run(tmp_path / "whole", 9)
    first = run(tmp_path / "parts", 9, upto=6)
    second = run(tmp_path / "parts", 9)
    assert len(first) == 6 and len(second) == 3
    assert np.allclose(first + second, whole, atol=1e-6)
    assert whole[-1] < whole[0]


def test_export_round_trip(tmp_path):
    torch.manual_seed(1)
    config = Config(vocab_size=len(VOCABULARY), **TINY)
    model = Model(config)
    for layer in model.model.layers:
        torch.nn.init.normal_(layer.self_attn.seg_embeddings.weight)
    for kind in ("F32", "Q8_0"):
        path = tmp_path / f"{kind}.gguf"
        export(
            model.state_dict(), config.to_dict(), path, kind, paths=8, budget=99, temperature=0.5
        )
        reader = gguf.GGUFReader(path)
        found = {t.name: t for t in reader.tensors}
        expected = {gguf_name(n): p for n, p in model.state_dict().items() if n != "lm_head.weight"}
        assert set(found) == set(expected)
        for name, tensor in expected.items():
            t = found[name]
            values = gguf.quants.dequantize(t.data, t.tensor_type).reshape(tensor.shape)
            exact = kind == "F32" or tensor.dim() == 1 or "thought" in name
            assert (t.tensor_type == gguf.GGMLQuantizationType.F32) == exact
            assert np.allclose(
                values, tensor.numpy(), atol=0 if exact else float(tensor.abs().max()) / 100
            )
        thought = found["blk.1.attn_thought_embd.weight"]
        assert list(thought.shape) == [config.head_dim, config.thoughts]
        state, read_config = read(path)
        again = Model(Config(**read_config))
        again.load_state_dict(state)
        assert all(
            torch.allclose(a, b, atol=float(a.detach().abs().max()) / 100)
            for a, b in zip(model.parameters(), again.parameters())
        )
        get = lambda k: reader.get_field(k).contents()  # noqa: E731
        assert get("general.architecture") == "qwen2" and get("tokenizer.ggml.pre") == "llama-bpe"
        assert (
            get("parathinker.paths") == 8
            and get("parathinker.budget") == 99
            and abs(get("parathinker.temperature") - 0.5) < 1e-6
        )
        tokens, types = get("tokenizer.ggml.tokens"), get("tokenizer.ggml.token_type")
        assert len(tokens) == len(set(tokens)) == len(VOCABULARY)
        for text in ("<think1>", "</think16>", "<summary>", "</summary>"):
            assert tokens[ID[text]] == text and types[ID[text]] == gguf.TokenType.CONTROL
