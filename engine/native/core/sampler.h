// The sampler of a stream. It applies penalties and masks to the row of logits, then draws from the softmax. If the
// distribution is truncated, it runs llama.cpp's sampler chain over the tokens that can still be drawn.
#pragma once
#include "grammar.h"
#include "llama.h"
#include "logits.h"
#include "stream-params.h"
#include <memory>
#include <random>
#include <vector>

class Sampler {
public:
    // `grammar`: what may be drawn; null: everything.
    Sampler(const SamplerParams & params, std::shared_ptr<Grammar> grammar);

    // Draws a token; returns -1 if no token is left. `logits` (n values) is changed during the call and then restored;
    // `scan` must be its scan.
    llama_token sample(float * logits, int n, LogitScan & scan,
                       const std::vector<llama_token> & masked);
    // Records a token for the repetition penalty.
    void remember(llama_token id);
    // Records the token that was chosen, sampled or forced; returns false if the grammar does not allow it. `answer`: the
    // grammar applies to it.
    bool accept(llama_token id, bool answer);
    bool restricted() const { return grammar != nullptr; }

private:
    SamplerParams params;
    const std::shared_ptr<Grammar> grammar;
    std::unique_ptr<llama_sampler, decltype(&llama_sampler_free)>
        chain; // null if nothing is truncated
    std::mt19937 random;
    std::vector<llama_token> window; // ring buffer of the last tokens
    size_t next = 0;
    std::vector<llama_token_data> candidates;
    std::vector<Ranked> changed;
    std::vector<float> allowed; // logits

    // Fills in `candidates` with few more tokens than the truncation keeps; returns whether they are sorted.
    bool truncate(const float * logits, int n, const LogitScan & scan);
    llama_token drawAllowed(const float * logits, int n);
    llama_token draw(const float * logits, int n, const LogitScan & scan);
};
