// One path's sampler: penalties and masks on the row itself, then a draw from the softmax; where the distribution is
// truncated, llama.cpp's own sampler chain over the tokens that can still be drawn.
#pragma once
#include "llama.h"
#include "logits.h"
#include "stream-params.h"
#include <memory>
#include <random>
#include <vector>

class Sampler {
public:
    explicit Sampler(const SamplerParams & params);

    // Draws a token. `logits` (n values) is changed during the call and restored; `scan` belongs to it.
    // -1: no token is left.
    llama_token sample(float * logits, int n, LogitScan & scan,
                       const std::vector<llama_token> & masked);
    // The token that was chosen, sampled or forced: the repetition penalty sees it.
    void accept(llama_token id);

private:
    SamplerParams params;
    std::unique_ptr<llama_sampler, decltype(&llama_sampler_free)>
        chain; // null: nothing is truncated
    std::mt19937 random;
    std::vector<llama_token> window; // ring of the last tokens
    size_t next = 0;
    std::vector<llama_token_data> candidates;
    std::vector<Ranked> changed;

    llama_token draw(const float * logits, int n, const LogitScan & scan);
};
