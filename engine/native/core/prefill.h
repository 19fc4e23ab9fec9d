// Adds given tokens to a sequence.
#pragma once
#include "context.h"
#include "token.h"

struct PrefillParams {
    int32_t seq;
    int32_t thought = -1; // row of the thought tables; -1: none
    std::vector<int32_t> tokens;
    bool report = false; // whether to return a record per token
    Measure measure;
    std::vector<int32_t> spans; // see AttentionSums
};

struct PrefillResult {
    std::vector<TokenRecord> tokens; // with `report`
    std::vector<float> attention;    // with `spans`: [tokens][spans], row-major
    double ms = 0;
};

// Errors: bad-request, bad-combination, out-of-range.
void checkPrefill(const Context & context, const PrefillParams & params);

// Adds all tokens or, on failure, none. Raising `stop` ends it within a step. `onProgress` gets the number of tokens
// added. Errors: those of checkPrefill, out-of-cells, cancelled, decode-failed.
PrefillResult prefill(Context & context, const PrefillParams & params, const StopFlag & stop,
                      const std::function<void(size_t)> & onProgress);
