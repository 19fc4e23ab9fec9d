"""A Qwen2-shaped decoder with thought tables, and the two-phase attention that joins its paths.

Qwen2: RMSNorm before attention and MLP, grouped-query attention with biased q, k, v, rotary positions
(rotate-half), SwiGLU, tied embeddings. Added: every layer has a table T[thoughts, head_dim]; a token of thought
j has K = RoPE(k + T[j]) and V = v + T[j], the same row for all KV heads. Row 0 belongs to prompt and summary.

Parameters have the names of Hugging Face's Qwen2 (`seg_embeddings` as in the ParaThinker release), so a
state dict of either side loads into the other.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    vocab_size: int
    hidden_size: int = 256
    num_hidden_layers: int = 7
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    intermediate_size: int = 800
    head_dim: int = 64
    thoughts: int = 17
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-6
    tie_word_embeddings: bool = True

    to_dict = asdict


class RMSNorm(nn.Module):
    def __init__(self, size: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


class Seg(nn.Module):
    """Holds the thought table; a separate module only to match the released model's parameter name."""

    def __init__(self, thoughts: int, head_dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(thoughts, head_dim))


def rotate(x, cos, sin):
    """Applies rotary positions in the rotate-half layout. x: [..., tokens, heads, head_dim]; cos, sin: [..., tokens, 1, head_dim]."""
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-b, a), dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.c = c
        self.q_proj = nn.Linear(c.hidden_size, c.num_attention_heads * c.head_dim)
        self.k_proj = nn.Linear(c.hidden_size, c.num_key_value_heads * c.head_dim)
        self.v_proj = nn.Linear(c.hidden_size, c.num_key_value_heads * c.head_dim)
        self.o_proj = nn.Linear(c.num_attention_heads * c.head_dim, c.hidden_size, bias=False)
        self.seg_embeddings = Seg(c.thoughts, c.head_dim)

    def forward(self, x, cos, sin, thought, attend):
        """x: [batch, tokens, hidden]; thought: [batch, tokens] row ids; attend(q, k, v) joins [batch, tokens, heads, head_dim]."""
        b, n, _ = x.shape
        q = self.q_proj(x).view(b, n, -1, self.c.head_dim)
        k = self.k_proj(x).view(b, n, -1, self.c.head_dim)
        v = self.v_proj(x).view(b, n, -1, self.c.head_dim)
        t = F.embedding(thought, self.seg_embeddings.weight).to(k.dtype).unsqueeze(2)
        q = rotate(q, cos, sin)
        k = rotate(k + t, cos, sin)
        return self.o_proj(attend(q, k, v + t).reshape(b, n, -1))


class MLP(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.gate_proj = nn.Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.up_proj = nn.Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.down_proj = nn.Linear(c.intermediate_size, c.hidden_size, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.input_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.mlp = MLP(c)

    def forward(self, x, cos, sin, thought, attend):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, thought, attend)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.num_hidden_layers))
        self.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)


class Model(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.config = c
        self.model = Body(c)
        self.lm_head = nn.Linear(c.hidden_size, c.vocab_size, bias=False)
        if c.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight
        self.apply(self._init)
        for layer in self.model.layers:  # residual branches start small
            for p in (layer.self_attn.o_proj, layer.mlp.down_proj):
                nn.init.normal_(p.weight, std=0.02 / (2 * c.num_hidden_layers) ** 0.5)

    @staticmethod
    def _init(m):
        if isinstance(m, nn.Linear):
            nn.init.normal_(m.weight, std=m.weight.shape[1] ** -0.5)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
        elif isinstance(m, nn.Embedding):
            nn.init.normal_(m.weight, std=0.04)

    def rope(self, positions):
        """Returns cos and sin [..., tokens, 1, head_dim] of integer positions, in float32."""
        c = self.config
        freq = c.rope_theta ** (
            -torch.arange(0, c.head_dim, 2, device=positions.device, dtype=torch.float32)
            / c.head_dim
        )
        angle = positions[..., None].float() * freq
        angle = torch.cat((angle, angle), dim=-1).unsqueeze(-2)
        return angle.cos(), angle.sin()

    def hidden(self, tokens, positions, thought, attend):
        """Returns the final hidden states [batch, tokens, hidden]. `attend` is one function for all layers, or a list with one per layer."""
        cos, sin = self.rope(positions)
        x = self.model.embed_tokens(tokens)
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
            cos, sin = cos.to(dtype), sin.to(dtype)
        for i, layer in enumerate(self.model.layers):
            x = layer(x, cos, sin, thought, attend[i] if isinstance(attend, list) else attend)
        return self.model.norm(x)

    def forward(self, tokens, positions, thought, attend):
        """Returns logits [batch, tokens, vocab]."""
        return self.lm_head(self.hidden(tokens, positions, thought, attend))


def attention(q, k, v, mask=None, causal=False):
    """Computes grouped-query attention. q: [b, n, heads, d]; k, v: [b, m, kv heads, d]; mask: broadcast to [b, 1, n, m], True = seen.

    The query heads of a group are laid side by side along the token axis, so K and V are never repeated.
    """
    b, n, h, d = q.shape
    kv = k.shape[2]
    g = h // kv
    q = q.view(b, n, kv, g, d).permute(0, 2, 3, 1, 4).reshape(b, kv, g * n, d)
    if causal:
        mask = torch.ones(n, k.shape[1], dtype=torch.bool, device=q.device).tril(k.shape[1] - n)
    if mask is not None:
        mask = mask.repeat(*([1] * (mask.dim() - 2)), g, 1)
    out = F.scaled_dot_product_attention(q, k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask)
    return out.view(b, kv, g, n, d).permute(0, 3, 1, 2, 4).reshape(b, n, h, d)


def two_phase_mask(thought, phase, valid=None):
    """Returns the two-phase mask as one square matrix, [batch, 1, n, n], True = seen.

    thought: [batch, n] thought ids; phase: [batch, n], 0 prompt, 1 path, 2 summary. A prompt or path token sees the prompt
    and its own thought up to itself; a summary token sees everything up to itself. The tokens are in the order prompt, paths, summary.
    """
    n = thought.shape[1]
    before = torch.ones(n, n, dtype=torch.bool, device=thought.device).tril()
    own = (thought[:, :, None] == thought[:, None, :]) & (phase[:, :, None] == phase[:, None, :])
    prompt = (phase == 0)[:, None, :]
    summary = (phase == 2)[:, :, None]
    seen = before & (own | prompt | summary)
    if valid is not None:
        seen = seen & valid[:, None, :]
        seen = seen | torch.eye(n, dtype=torch.bool, device=thought.device)
    return seen[:, None]


def masked(mask):
    """Returns an `attend` over one square mask: for any layout, slow."""
    return lambda q, k, v: attention(q, k, v, mask)


def blocked(prompt: int, paths: int, length: int, summary_mask):
    """Returns an `attend` for a batch whose rows are [prompt | paths x length | summary] with equal lengths: the same result as the
    square two-phase mask, without the work for pairs that never see each other.

    summary_mask: [batch, 1, summary, all tokens of the row], True = seen (padding inside paths must be hidden here;
    padding after the last token of a path does not affect the paths themselves).
    """
    joined = prompt + paths * length

    def attend(q, k, v):
        b, _, h, d = q.shape
        kv = k.shape[2]

        def rows(x, heads):  # [b, paths * length, heads, d] -> [b * paths, length, heads, d]
            return x[:, prompt:joined].reshape(b * paths, length, heads, d)

        def with_prompt(x):
            first = (
                x[:, None, :prompt]
                .expand(b, paths, prompt, kv, d)
                .reshape(b * paths, prompt, kv, d)
            )
            return torch.cat((first, rows(x, kv)), dim=1)

        out0 = attention(q[:, :prompt], k[:, :prompt], v[:, :prompt], causal=True)
        out1 = attention(rows(q, h), with_prompt(k), with_prompt(v), causal=True)
        out2 = attention(q[:, joined:], k, v, summary_mask)
        return torch.cat((out0, out1.reshape(b, paths * length, h, d), out2), dim=1)

    return attend
