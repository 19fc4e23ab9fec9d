// The state of a sequence that decodes: a path or a summary.
#pragma once
#include "sampler.h"
#include "stream-params.h"
#include "token.h"
#include "utf8.h"
#include <unordered_set>

struct Stream {
    StreamParams p;
    Sampler sampler;
    std::unordered_set<int32_t> stops;
    Utf8Joiner joiner; // a stream that continues this one reports a character split at its end
    size_t forcedDone = 0;
    int32_t reported = 0;
    int64_t reserve = 0;  // reserved cells that are left
    int32_t position = 0; // of the next token
    // The logits that the next token is drawn from: a kept tail at first, then a row of the context.
    std::shared_ptr<std::vector<float>> tail;
    float * logits = nullptr;
    // Set when the last token is chosen; takes effect once that token's cell is in the cache.
    const char * closing = nullptr;
    bool ended = false;
    // State of the current step.
    int32_t token = -1; // -1: no token, and the stream ends
    bool sampled = false;
    bool counted = false; // `record` holds it
    TokenRecord record;

    explicit Stream(StreamParams params)
        : p(std::move(params))
        , sampler(p.sampler)
        , stops(p.stops.begin(), p.stops.end())
        , reserve(p.cells) {
        for (int32_t id : p.history) sampler.accept(id);
    }
};
