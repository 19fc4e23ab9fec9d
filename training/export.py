"""Writes a checkpoint as GGUF: a stock qwen2 file plus thought tables, control tokens and the parathinker.* defaults.

python export.py --checkpoint out/base/last.pt --type Q8_0 --out model.gguf
Matrices are stored as asked; one-dimensional tensors and thought tables stay F32.
"""

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
import torch

from teacher import BUDGET, TEMPERATURE
from tokenizer import BOS, EOS, ID, MERGES, VOCABULARY, letters_of

SCOPE = (
    "This small model plays one game: make a target from 10 to 100 out of four numbers from 1 to 20, each used once, "
    "with + - * /. For other problems use a bigger model."
)
NAMES = {
    "input_layernorm.weight": "attn_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.q_proj.bias": "attn_q.bias",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.k_proj.bias": "attn_k.bias",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.v_proj.bias": "attn_v.bias",
    "self_attn.o_proj.weight": "attn_output.weight",
    "self_attn.seg_embeddings.weight": "attn_thought_embd.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}


def gguf_name(name: str) -> str:
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    if name == "lm_head.weight":
        return "output.weight"
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{NAMES[rest]}"


def export(
    state,
    config,
    out,
    kind="Q8_0",
    paths=8,
    budget=BUDGET,
    temperature=TEMPERATURE,
    scope=SCOPE,
    name="Braid Numbers",
    vocabulary=VOCABULARY,
):
    """state: name -> tensor in Hugging Face's names; config: dict of model.Config. With another vocabulary than the default, the model is
    written without thought tables."""
    parallel = vocabulary is VOCABULARY
    w = gguf.GGUFWriter(str(out), "qwen2")
    w.add_name(name)
    w.add_license("MIT")
    w.add_description(scope)
    w.add_context_length(4096)
    w.add_embedding_length(config["hidden_size"])
    w.add_block_count(config["num_hidden_layers"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(config["num_attention_heads"])
    w.add_head_count_kv(config["num_key_value_heads"])
    w.add_key_length(config["head_dim"])
    w.add_value_length(config["head_dim"])
    w.add_rope_freq_base(config["rope_theta"])
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_file_type(
        gguf.LlamaFileType.MOSTLY_Q8_0 if kind == "Q8_0" else gguf.LlamaFileType.ALL_F32
    )
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("llama-bpe")
    w.add_token_list([letters_of(e) for e in vocabulary])
    w.add_token_types(
        [gguf.TokenType.CONTROL if e[1] == "control" else gguf.TokenType.NORMAL for e in vocabulary]
    )
    w.add_token_merges(MERGES)
    w.add_bos_token_id(ID[BOS])
    w.add_eos_token_id(ID[EOS])
    w.add_add_bos_token(True)
    w.add_add_eos_token(False)
    if parallel:
        w.add_uint32("parathinker.paths", paths)
    w.add_uint32("parathinker.budget", budget)
    w.add_float32("parathinker.temperature", temperature)
    w.add_string("parathinker.scope", scope)
    for key, tensor in state.items():
        if key == "lm_head.weight" and config["tie_word_embeddings"]:
            continue
        if "seg_embeddings" in key and not parallel:
            continue
        data = tensor.detach().to(torch.float32).cpu().numpy()
        target = gguf_name(key)
        if kind == "Q8_0" and data.ndim == 2 and "thought" not in target:
            q = gguf.GGMLQuantizationType.Q8_0
            w.add_tensor(target, gguf.quants.quantize(data, q), raw_dtype=q)
        else:
            w.add_tensor(target, np.ascontiguousarray(data))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def read(path):
    """Reads `(state, config)` from a file written by `export`, with the weights as llama.cpp sees them (dequantised)."""
    reader = gguf.GGUFReader(path)
    get = lambda key: reader.get_field(key).contents()  # noqa: E731
    found = {
        t.name: torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type).copy())
        for t in reader.tensors
    }
    layers = get("qwen2.block_count")
    names = ["model.embed_tokens.weight", "model.norm.weight"]
    names += [f"model.layers.{i}.{n}" for i in range(layers) for n in NAMES]
    state = {n: found[gguf_name(n)] for n in names}
    state["lm_head.weight"] = found.get("output.weight", state["model.embed_tokens.weight"])
    return state, {
        "vocab_size": len(get("tokenizer.ggml.tokens")),
        "hidden_size": get("qwen2.embedding_length"),
        "num_hidden_layers": layers,
        "num_attention_heads": get("qwen2.attention.head_count"),
        "num_key_value_heads": get("qwen2.attention.head_count_kv"),
        "intermediate_size": get("qwen2.feed_forward_length"),
        "head_dim": get("qwen2.attention.key_length"),
        "thoughts": found["blk.0.attn_thought_embd.weight"].shape[0],
        "rope_theta": get("qwen2.rope.freq_base"),
        "rms_norm_eps": get("qwen2.attention.layer_norm_rms_epsilon"),
        "tie_word_embeddings": "output.weight" not in found,
    }


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--type", default="Q8_0", choices=["Q8_0", "F32"])
    p.add_argument("--paths", type=int, default=8)
    p.add_argument("--budget", type=int, default=BUDGET)
    p.add_argument("--temperature", type=float, default=TEMPERATURE)
    a = p.parse_args()
    state = torch.load(a.checkpoint, map_location="cpu")
    export(state["model"], state["config"], a.out, a.type, a.paths, a.budget, a.temperature)
    print(
        json.dumps({"file": a.out, "bytes": Path(a.out).stat().st_size, "step": state.get("step")})
    )


if __name__ == "__main__":
    main()
