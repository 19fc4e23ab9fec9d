// A reported token and its measurements.
#pragma once
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

struct TokenRecord {
    int32_t id;
    std::string text;
    float logprob = NAN;    // NAN if there is none
    float entropy = NAN;    // nats
    float confidence = NAN; // minus the mean log-probability of the likeliest tokens
    bool forced = false;
    struct Alternative {
        int32_t id;
        std::string text;
        float logprob;
    };
    std::vector<Alternative> alternatives;
    std::vector<float> members; // log-probability in each member of a merged group, in order
};

// What to measure for every token.
struct Measure {
    bool logprobs = false;
    int32_t alternatives = 0; // 0..MAX_ALTERNATIVES
    bool confidence = false;
    static constexpr int32_t MAX_ALTERNATIVES = 20;
    static constexpr int32_t CONFIDENCE_TOP =
        20; // tokens that a confidence is the mean of (arXiv 2508.15260)

    bool any() const { return logprobs || alternatives > 0 || confidence; }
};
