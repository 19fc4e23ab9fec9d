// The sampler of a stream. It applies penalties and masks to the row of logits, then draws from the softmax. If the
// distribution is truncated, it runs llama.cpp's sampler chain over the tokens that can still be drawn.
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

    // Draws a token; returns -1 if no token is left. `logits` (n values) is changed during the call and then restored;
    // `scan` must be its scan.
    llama_token sample(float * logits, int n, LogitScan & scan,
                       const std::vector<llama_token> & masked);
    // Records the token that was chosen, sampled or forced, for the repetition penalty.
    void accept(llama_token id);

private:
    SamplerParams params;
    std::unique_ptr<llama_sampler, decltype(&llama_sampler_free)>
        chain; // null if nothing is truncated
    std::mt19937 random;
    std::vector<llama_token> window; // ring buffer of the last tokens
    size_t next = 0;
    std::vector<llama_token_data> candidates;
    std::vector<Ranked> changed;

    llama_token draw(const float * logits, int n, const LogitScan & scan);
};
