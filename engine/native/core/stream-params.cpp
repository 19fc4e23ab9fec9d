#include "stream-params.h"
#include <unordered_set>

static void checkSampler(const SamplerParams & p) {
    // NaN is refused, since comparisons with it are false.
    require(p.temperature >= 0 && p.temperature <= SamplerParams::MAX_TEMPERATURE, "out-of-range",
            "temperature must be between 0 and 10");
    require(p.topP >= 0 && p.topP <= 1, "out-of-range", "topP must be between 0 and 1");
    require(p.minP >= 0 && p.minP <= 1, "out-of-range", "minP must be between 0 and 1");
    require(p.repetitionPenalty >= SamplerParams::MIN_PENALTY &&
                p.repetitionPenalty <= SamplerParams::MAX_PENALTY,
            "out-of-range", "repetitionPenalty must be between 0.1 and 10");
    require(p.topK >= 0 && p.topK <= SamplerParams::MAX_TOP_K, "out-of-range",
            "topK must be between 0 and 1000000");
    require(p.repetitionWindow >= 0 && p.repetitionWindow <= SamplerParams::MAX_WINDOW,
            "out-of-range", "repetitionWindow must be between 0 and 65536");
}

static void checkPart(const Context & context, const StreamParams & p, const StreamPart & part) {
    context.model->requireTokens(part.tokens, "parts");
    require(part.thought >= -1, "out-of-range", "thought must be at least -1");
    if (part.from == -1) return;
    context.requireSequence(part.from, "from");
    require(part.start >= 0, "out-of-range", "start must be at least 0");
    require(part.end >= -1, "out-of-range", "end must be at least -1");
    require(part.end == -1 || part.end >= part.start, "out-of-range", "end must be at least start");
    require(part.from != p.seq, "bad-request", "A stream cannot read its own sequence");
}

void checkStream(const Context & context, const StreamParams & p) {
    const Model & model = *context.model;
    require(p.id >= 0, "out-of-range", "id must be at least 0");
    context.requireSequence(p.seq, "seq");
    require(p.thought >= -1, "out-of-range", "thought must be at least -1");
    require(p.budget >= 1, "out-of-range", "budget must be at least 1");
    require(p.group >= 0, "out-of-range", "group must be at least 0");
    model.requireTokens(p.forced, "forced");
    model.requireTokens(p.masked, "masked");
    model.requireTokens(p.stops, "stops");
    model.requireTokens(p.ends, "ends");
    model.requireTokens(p.pauses, "pauses");
    model.requireTokens(p.history, "history");
    require(p.silent >= 0 && (size_t) p.silent <= p.forced.size(), "out-of-range",
            "silent must be between 0 and the number of forced tokens");
    require(p.endToken >= -1 && p.endToken < model.vocabSize, "out-of-range",
            "endToken is outside the vocabulary");
    require(p.cells >= 0, "out-of-range", "cells must be at least 0");
    checkSampler(p.sampler);
    std::unordered_set<int32_t> moved;
    for (const StreamPart & part : p.parts) {
        checkPart(context, p, part);
        if (part.place == StreamPart::MOVE)
            require(moved.insert(part.from).second, "bad-request",
                    "A sequence can be moved once per stream");
    }
    if (p.branchFrom == -1) return;
    context.requireSequence(p.branchFrom, "branch.from");
    require(p.branchEnd >= 1, "out-of-range", "branch.end must be at least 1");
    require(p.branchFrom != p.seq, "bad-request", "A stream cannot branch from its own sequence");
}
