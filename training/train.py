"""Trains from nothing on two-phase sequences; resumes from its last checkpoint and gives the same losses as without a stop.

python train.py --out out/base --minutes 90
The loss is on paths and summary. Muon optimises the matrices inside the layers, AdamW the rest. The learning rate warms up, stays, and
falls to zero over the last --decay share of the steps.
"""

import argparse
import json
import math
import os
import socket
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F

from data import Stream
from evaluate import load
from model import Config, Model, blocked, masked
from teacher import SOLVED
from tokenizer import VOCABULARY


def number_features(entry):
    """Returns the value of a vocabulary entry that is a number, else None."""
    text = entry[0] if isinstance(entry[0], str) else entry[0].decode("latin1")
    digits = text.lstrip("\n =|")
    return int(digits) if digits.isascii() and digits.isdigit() else None


def start_numbers(embedding):
    """Initialises number tokens with waves of their value (several periods) and of its logarithm, the same for every form
    of a number: sums and products are rotations of those waves, so arithmetic is learned sooner."""
    hidden = embedding.shape[1]
    generator = torch.Generator().manual_seed(7)
    periods = [
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        10,
        11,
        12,
        13,
        15,
        17,
        19,
        20,
        25,
        32,
        40,
        50,
        64,
        100,
        128,
        200,
        256,
    ]
    log_periods = [0.1, 0.17, 0.3, 0.5, 0.9, 1.5, 2.5, 4, 6, 10]
    basis = torch.randn(2 * (len(periods) + len(log_periods)), hidden, generator=generator)
    basis /= basis.shape[0] ** 0.5
    with torch.no_grad():
        for i, entry in enumerate(VOCABULARY):
            n = number_features(entry)
            if n is None:
                continue
            angles = [2 * math.pi * n / p for p in periods] + [
                2 * math.pi * math.log(n + 0.5) / p for p in log_periods
            ]
            waves = torch.tensor([f(a) for a in angles for f in (math.sin, math.cos)])
            embedding[i] = 0.7 * embedding[i] + 0.05 * waves @ basis


def optimizers(model, rate, decay):
    """Returns Muon for matrices inside the layers, and AdamW at a third of the rate for embeddings, thought tables, norms and biases."""
    inside = [
        p
        for n, p in model.model.layers.named_parameters()
        if p.dim() == 2 and "seg_embeddings" not in n
    ]
    chosen = {id(p) for p in inside}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(
            inside, lr=rate, weight_decay=decay, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(rest, lr=rate / 3, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def batch_loss(model, batch, summary_weight: float):
    """Returns the weighted mean cross entropy, and the unweighted sums and counts of paths and summaries for the log."""
    if "mask" in batch:
        attend = masked(batch["mask"])
    else:
        attend = blocked(batch["prompt"], batch["paths"], batch["length"], batch["summary_mask"])
    hidden = model.hidden(batch["tokens"], batch["positions"], batch["thought"], attend)
    target = batch["target"]
    every = torch.where(batch["kind"] == 2, summary_weight, 1.0)
    every[batch["kind"] == 3] = 4 * summary_weight
    every[target == SOLVED] = 4.0  # rare, and everything depends on it
    every[:, :-3][target[:, 3:] == SOLVED] = 4.0  # its operator too
    pick = target >= 0
    weight, summary = every[pick], batch["kind"][pick] >= 2
    loss = F.cross_entropy(model.lm_head(hidden[pick]).float(), target[pick], reduction="none")
    parts = torch.stack(
        [loss[~summary].sum(), (~summary).sum(), loss[summary].sum(), summary.sum()]
    ).detach()
    return (loss * weight).sum() / weight.sum(), parts


def save(path, model, optims, step, options, seconds):
    """Writes a checkpoint atomically: a stop in the middle leaves the previous one."""
    state = {
        "model": model.state_dict(),
        "config": model.config.to_dict(),
        "optims": [o.state_dict() for o in optims],
        "step": step,
        "options": options,
        "seconds": seconds,
    }
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


def rate_at(step, steps, warmup, decay):
    if step < warmup:
        return (step + 1) / warmup
    left = (steps - step) / max(1, int(steps * decay))
    return min(1.0, max(0.0, left))


def share(model, extra):
    """Averages the gradients over all workers and sums the `extra` numbers, in one exchange."""
    params = [p for p in model.parameters() if p.grad is not None]
    flat = torch.cat([p.grad.flatten() for p in params] + [extra])
    dist.all_reduce(flat)
    start = 0
    for p in params:
        p.grad.copy_(flat[start : start + p.numel()].view_as(p) / dist.get_world_size())
        start += p.numel()
    return flat[start:]


def train(
    out,
    stream,
    steps,
    rate=4e-3,
    weight_decay=0.05,
    warmup=50,
    decay=0.3,
    summary_weight=6.0,
    save_every=100,
    config=None,
    start=None,
    minutes=None,
    seed=1,
    rank=0,
    workers=1,
    threads=0,
    progress=True,
    stop_at=None,
):
    """Trains to `steps` (or until `minutes` of this call are over) and returns the losses of this call by step.

    With several workers, each takes every `workers`-th batch; gradients are averaged at every step. On a CPU, one thread per worker is
    faster than many threads in one worker, and tolerates other load.
    """
    if threads:
        torch.set_num_threads(threads)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if workers > 1:
        dist.init_process_group(
            "gloo",
            init_method=f"tcp://127.0.0.1:{os.environ['BRAID_PORT']}",
            rank=rank,
            world_size=workers,
        )
    torch.manual_seed(seed)
    model = Model(config or Config(vocab_size=len(VOCABULARY)))
    if config is None:
        start_numbers(model.model.embed_tokens.weight)
    model.to(device)
    optims = optimizers(model, rate, weight_decay)
    first, seconds = 0, 0.0
    latest = out / "last.pt"
    if latest.exists():
        state = torch.load(latest, map_location=device)
        model.load_state_dict(state["model"])
        for o, s in zip(optims, state["optims"]):
            o.load_state_dict(s)
        first, seconds = state["step"], state["seconds"]
        if rank == 0:
            print(f"resumed at step {first}", flush=True)
    elif start:
        model.load_state_dict(load(start).state_dict())
    options = {
        "rate": rate,
        "steps": steps,
        "decay": decay,
        "size": stream.size,
        "seed": stream.seed,
        "workers": workers,
    }
    losses, began, mark, sums = [], time.time(), time.time(), torch.zeros(6)
    for step in range(first, steps):
        batch = {
            k: v.to(device) if torch.is_tensor(v) else v
            for k, v in stream.batch(step * workers + rank).items()
        }
        for o, part in zip(optims, (1.0, 1 / 3)):
            for g in o.param_groups:
                g["lr"] = part * rate * rate_at(step, steps, warmup, decay)
        with torch.autocast(device.type, torch.bfloat16):
            loss, parts = batch_loss(model, batch, summary_weight)
        loss.backward()
        over = bool(minutes) and time.time() - began > minutes * 60
        numbers = torch.cat(
            (parts, torch.tensor([float(batch["real"].sum()), float(over)], device=device))
        )
        if workers > 1:
            numbers = share(model, numbers)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in optims:
            o.step()
            o.zero_grad()
        losses.append(loss.item())
        sums += numbers.cpu()
        over = numbers[5] > 0 or step + 1 == stop_at
        if (step + 1) % 50 == 0 or step + 1 == steps or over:
            now = time.time()
            entry = {
                "step": step + 1,
                "path_loss": round((sums[0] / sums[1]).item(), 4),
                "summary_loss": round((sums[2] / sums[3].clamp(min=1)).item(), 4),
                "tokens_per_s": round(sums[4].item() / (now - mark)),
                "minutes": round((seconds + now - began) / 60, 1),
            }
            if rank == 0 and progress:
                with open(out / "log.jsonl", "a", encoding="utf-8") as log:
                    log.write(json.dumps(entry) + "\n")
                done = int(30 * (step + 1) / steps)
                print(
                    f"[{'#' * done}{'.' * (30 - done)}] {step + 1}/{steps} paths {entry['path_loss']:.4f} summary "
                    f"{entry['summary_loss']:.4f} {entry['tokens_per_s']} tokens/s {entry['minutes']} min",
                    flush=True,
                )
            mark, sums = now, torch.zeros(6)
        if rank == 0 and ((step + 1) % save_every == 0 or step + 1 == steps or over):
            save(latest, model, optims, step + 1, options, seconds + time.time() - began)
        if over:
            break
    if workers > 1:
        dist.barrier()
        dist.destroy_process_group()
    return losses


def worker(rank, options, workers, stream=Stream):
    a = argparse.Namespace(**options)
    train(
        a.out,
        stream(a.seed, a.size),
        a.steps,
        a.rate,
        decay=a.decay,
        summary_weight=a.summary_weight,
        start=a.start,
        minutes=a.minutes,
        seed=a.seed,
        rank=rank,
        workers=workers,
        threads=1 if workers > 1 else 0,
    )


def launch(options, workers, stream=Stream):
    """Runs `worker` once, or in several processes on this machine. stream(seed, size) makes the batches."""
    if workers == 1:
        return worker(0, options, 1, stream)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        os.environ["BRAID_PORT"] = str(s.getsockname()[1])
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.multiprocessing.spawn(worker, (options, workers, stream), nprocs=workers)


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--out", required=True)
    p.add_argument("--steps", type=int, default=6000)
    p.add_argument(
        "--minutes",
        type=float,
        help="stop this call after this many minutes; the next call resumes",
    )
    p.add_argument("--rate", type=float, default=4e-3)
    p.add_argument(
        "--decay",
        type=float,
        default=0.3,
        help="share of the steps over which the rate falls to zero",
    )
    p.add_argument(
        "--summary-weight",
        type=float,
        default=6.0,
        help="weight of a summary token in the loss; a path token weighs 1",
    )
    p.add_argument("--size", type=int, default=2500, help="tokens per step and worker")
    p.add_argument("--seed", type=int, default=1, help="seed of the data and the weights")
    p.add_argument("--start", help="checkpoint or exported GGUF whose weights to start from")
    p.add_argument(
        "--workers",
        type=int,
        default=1 if torch.cuda.is_available() else min(8, os.cpu_count() or 1),
    )
    a = vars(p.parse_args())
    launch(a, a.pop("workers"))


if __name__ == "__main__":
    main()
