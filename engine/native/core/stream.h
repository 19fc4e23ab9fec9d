// One sequence that decodes: a path or a summary.
#pragma once
#include "sampler.h"
#include "token.h"
#include <unordered_set>

// What a sequence holds before its stream begins, in order: cells that it shares with another one, or tokens to be decoded.
struct StreamPart {
    int32_t from = -1, end = -1; // all of `from`, or its positions below `end`
    int32_t thought = 0;         // of `tokens`
    std::vector<llama_token> tokens;
};

struct StreamParams {
    int32_t id, seq, thought, silent, budget, endToken, group;
    int32_t branchFrom = -1, branchEnd = 0;
    int64_t cells = 0; // kept for this stream alone
    std::vector<StreamPart> parts;
    std::vector<llama_token> forced, masked, history;
    std::vector<llama_token> stops;
    SamplerParams sampler;
};

struct Stream {
    StreamParams p;
    Sampler sampler;
    std::unordered_set<llama_token> stops;
    Utf8Joiner joiner; // a character that the stream's end splits is told by whoever thinks on
    size_t forcedDone = 0;
    int32_t reported = 0;
    int64_t reserve = 0;    // cells that are left of its own
    llama_pos position = 0; // of its next token
    // Logits its next token is drawn from: a kept tail at first, then a row of the context.
    std::shared_ptr<std::vector<float>> tail;
    float * logits = nullptr;
    // Decided when its last token was chosen; takes effect once that token's cell is in the cache.
    const char * closing = nullptr;
    bool ended = false;
    // Of the step under way.
    llama_token token = -1; // -1: none, and the stream ends
    bool sampled = false;
    bool counted = false; // `record` holds it
    TokenRecord record;

    explicit Stream(StreamParams params)
        : p(std::move(params))
        , sampler(p.sampler)
        , stops(p.stops.begin(), p.stops.end())
        , reserve(p.cells) {
        for (llama_token id : p.history) sampler.accept(id);
    }
};
