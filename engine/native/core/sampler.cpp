#include "sampler.h"
#include <algorithm>
#include <cmath>

namespace {

// Up to this k the largest logits are found by the maxima of their blocks.
constexpr int32_t FEW = 256;

bool fewest(const SamplerParams & p) {
    return p.topK > 0 && p.topK <= FEW;
}

} // namespace

Sampler::Sampler(const SamplerParams & p, std::shared_ptr<Grammar> grammar)
    : params(p)
    , grammar(std::move(grammar))
    , chain(nullptr, llama_sampler_free)
    , random(p.seed) {
    if (p.temperature <= 0 || (p.topK <= 0 && p.topP >= 1 && p.minP <= 0)) return;
    llama_sampler_chain_params cp = llama_sampler_chain_default_params();
    cp.no_perf = true;
    chain.reset(llama_sampler_chain_init(cp));
    // As in llama.cpp, truncation uses the model's distribution and temperature is applied last. Its top-k and top-p sort
    // the whole vocabulary if they come first, so `truncate` does what they would do.
    if (p.topK > FEW) llama_sampler_chain_add(chain.get(), llama_sampler_init_top_k(p.topK));
    if (p.topP < 1 && p.topK > 0)
        llama_sampler_chain_add(chain.get(), llama_sampler_init_top_p(p.topP, 1));
    if (p.minP > 0) llama_sampler_chain_add(chain.get(), llama_sampler_init_min_p(p.minP, 1));
    llama_sampler_chain_add(chain.get(), llama_sampler_init_temp(p.temperature));
    // LLAMA_DEFAULT_SEED makes llama.cpp choose a random seed, which a run must never do.
    llama_sampler_chain_add(
        chain.get(), llama_sampler_init_dist(p.seed == LLAMA_DEFAULT_SEED ? 0x9E3779B9u : p.seed));
}

bool Sampler::accept(llama_token id, bool answer) {
    remember(id);
    return !grammar || !answer || grammar->accept(id);
}

void Sampler::remember(llama_token id) {
    if (params.repetitionPenalty == 1 || params.repetitionWindow == 0) return;
    if ((int32_t) window.size() < params.repetitionWindow)
        window.push_back(id);
    else
        window[next] = id;
    next = (next + 1) % params.repetitionWindow;
}

bool Sampler::truncate(const float * logits, int n, const LogitScan & scan) {
    const float spread =
        NEGLIGIBLE * (params.topP < 1 ? std::max(params.temperature, 1.0f) : params.temperature);
    float floor = scan.max - spread;
    candidates.clear();
    if (fewest(params) || (params.topK <= 0 && params.topP < 1)) {
        const auto kept = fewest(params) ? topLogits(logits, n, scan, params.topK)
                                         : nucleus(logits, n, scan, params.topP);
        for (const auto & [id, logit] : kept)
            if (logit >= floor) candidates.push_back({id, logit, 0.0f});
        return true;
    }
    // The chain's own comparison decides; this only spares it what is far below.
    if (params.minP > 0 && params.topP >= 1)
        floor = std::max(floor, scan.max + std::log(params.minP) - 0.01f);
    for (size_t b = 0; b < scan.blockMax.size(); b++) {
        if (scan.blockMax[b] < floor) continue;
        for (int i = (int) b * LOGIT_BLOCK, end = std::min(n, i + LOGIT_BLOCK); i < end; i++)
            if (logits[i] >= floor) candidates.push_back({i, logits[i], 0.0f});
    }
    return false;
}

llama_token Sampler::draw(const float * logits, int n, const LogitScan & scan) {
    if (!scan.finite()) return -1;
    if (params.temperature <= 0) return scan.argmax(logits, n);
    if (!chain) {
        const uint32_t high = random() >> 5,
                       low = random() >> 6; // 53 bits, identical with every standard library
        return drawLogit(logits, n, scan, params.temperature,
                         (high * 67108864.0 + low) / 9007199254740992.0);
    }
    const bool sorted = truncate(logits, n, scan);
    llama_token_data_array array{candidates.data(), candidates.size(), -1, sorted};
    llama_sampler_apply(chain.get(), &array);
    return array.selected < 0 ? -1 : array.data[array.selected].id;
}

llama_token Sampler::drawAllowed(const float * logits, int n) {
    allowed.assign(logits, logits + n);
    grammar->restrict(allowed.data());
    LogitScan scan;
    scan.resize(n);
    for (int part = 0; part < (int) scan.parts.size(); part++)
        scan.scanPart(allowed.data(), n, part, false);
    scan.refreshMax();
    return draw(allowed.data(), n, scan);
}

llama_token Sampler::sample(float * logits, int n, LogitScan & scan,
                            const std::vector<llama_token> & masked) {
    changed.clear();
    if (params.repetitionPenalty != 1) {
        std::vector<llama_token> seen(window);
        std::sort(seen.begin(), seen.end());
        seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
        for (llama_token id : seen) {
            changed.push_back({id, logits[id]});
            logits[id] = logits[id] <= 0 ? logits[id] * params.repetitionPenalty
                                         : logits[id] / params.repetitionPenalty;
        }
    }
    for (llama_token id : masked) {
        changed.push_back({id, logits[id]});
        logits[id] = -INFINITY;
    }
    for (const Ranked & c : changed) scan.refresh(logits, n, c.id);
    if (!changed.empty()) scan.refreshMax();
    llama_token id = draw(logits, n, scan);
    // As in llama.cpp, all tokens are tried only if the one that was drawn is not allowed: what is drawn has the same
    // distribution, and a model that knows the format seldom needs it.
    if (grammar && id >= 0 && !grammar->allows(id)) id = drawAllowed(logits, n);
    for (auto c = changed.rbegin(); c != changed.rend(); ++c) logits[c->id] = c->logit;
    return id;
}
