// One sequence that decodes: a path or a summary.
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
    Utf8Joiner joiner; // a character that the stream's end splits is told by whoever thinks on
    size_t forcedDone = 0;
    int32_t reported = 0;
    int64_t reserve = 0;  // cells that are left of its own
    int32_t position = 0; // of its next token
    // Logits its next token is drawn from: a kept tail at first, then a row of the context.
    std::shared_ptr<std::vector<float>> tail;
    float * logits = nullptr;
    // Decided when its last token was chosen; takes effect once that token's cell is in the cache.
    const char * closing = nullptr;
    bool ended = false;
    // Of the step under way.
    int32_t token = -1; // -1: none, and the stream ends
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
