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
    std::unordered_set<int32_t> stops, ends, pauses;
    Utf8Joiner joiner; // a stream that continues this one reports a character split at its end
    size_t forcedDone = 0;
    int32_t reported = 0;
    int64_t reserve = 0;  // reserved cells that are left
    int32_t position = 0; // of the next token
    // The logits that the next token is drawn from: a row of the context after a step in which the stream took part,
    // otherwise `tail`.
    std::shared_ptr<std::vector<float>> tail;
    float * logits = nullptr;
    LogitScan scan;      // of `logits`
    bool filled = false; // its cells are in place
    bool paused = false;
    bool waiting = false; // for the others of its merged group
    bool ended = false;
    // Set when the last token is chosen; takes effect once that token's cell is in the cache.
    const char * closing = nullptr;
    bool pausing = false; // likewise
    // State of the current step.
    int32_t token = -1; // -1: no token, and the stream ends
    bool sampled = false;
    bool counted = false; // `record` holds it
    bool again = false;   // it is a silent token
    TokenRecord record;
    // The mean of the members' log-probabilities; only the first member of a merged group has it.
    std::vector<float> mean;
    LogitScan meanScan;

    explicit Stream(StreamParams params)
        : p(std::move(params))
        , sampler(p.sampler, p.grammar)
        , stops(p.stops.begin(), p.stops.end())
        , ends(p.ends.begin(), p.ends.end())
        , pauses(p.pauses.begin(), p.pauses.end())
        , reserve(p.cells) {
        for (int32_t id : p.history) sampler.remember(id);
    }
    // Returns whether its next token is a silent one.
    bool silent() const { return forcedDone < (size_t) p.silent; }
    // Returns whether it could take part in a step.
    bool ready() const { return filled && !paused && !ended; }
    // Copies the row that the next token is drawn from, since the context's is about to be overwritten.
    void hold(int32_t vocabSize) {
        if (!logits || tail) return;
        tail = std::make_shared<std::vector<float>>(logits, logits + vocabSize);
        logits = tail->data();
    }
    void hold(std::shared_ptr<std::vector<float>> row) {
        tail = std::move(row);
        logits = tail ? tail->data() : nullptr;
    }
};
