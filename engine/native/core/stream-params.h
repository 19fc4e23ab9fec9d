// The parameters of a stream; see StreamOptions of types.ts.
#pragma once
#include "context.h"
#include "grammar.h"

struct SamplerParams {
    float temperature = 0, topP = 1, minP = 0, repetitionPenalty = 1;
    int32_t topK = 0, repetitionWindow = 0;
    uint32_t seed = 0;

    static constexpr int32_t MAX_TOP_K = 1'000'000, MAX_WINDOW = 65536;
    static constexpr float MAX_TEMPERATURE = 10, MIN_PENALTY = 0.1f, MAX_PENALTY = 10;
};

// What a sequence is filled with before its stream begins: cells of another sequence, or tokens to prefill.
struct StreamPart {
    enum Place { SHARED, MOVE, COPY };
    int32_t from = -1;           // -1: `tokens`
    int32_t start = 0, end = -1; // the positions of `from`; -1: up to its last one
    Place place = SHARED;
    int32_t thought = -1; // row for `tokens`; -1: none
    std::vector<int32_t> tokens;
};

struct StreamParams {
    int32_t id, seq;
    int32_t thought = -1; // row of the thought tables; -1: none
    int32_t silent = 0;   // how many of `forced` are not reported
    int32_t budget;
    int32_t endToken = -1; // -1: none
    int32_t group = 0;
    int32_t branchFrom = -1, branchEnd = 0; // -1: no branch
    std::vector<StreamPart> parts;          // in order
    int64_t cells = 0;                      // reserved for this stream
    std::vector<int32_t> forced, masked, stops, ends, pauses, history;
    SamplerParams sampler;
    std::shared_ptr<Grammar> grammar; // of this stream alone; null: it may write anything
};

// Errors: out-of-range, bad-request.
void checkStream(const Context & context, const StreamParams & params);
