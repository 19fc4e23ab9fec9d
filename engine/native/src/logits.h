// Statistics of one row of logits, vectorised: they are computed for every token of every path.
#pragma once
#include <cstdint>
#include <vector>

constexpr int LOGIT_BLOCK = 256;

// Maxima of blocks of LOGIT_BLOCK logits, which make argmax and top-k cheap.
struct LogitScan {
    std::vector<float> blockMax;
    float max = 0;

    // false: no finite maximum (NaN or -inf everywhere).
    bool scan(const float * logits, int n);
    // Index of the first maximum.
    int argmax(const float * logits, int n) const;
    // Recomputes the block of index i after its logit changed.
    void refresh(const float * logits, int n, int i);
    void refreshMax();
};

struct LogitSums {
    float logZ;    // log of the sum of exp(logit)
    float entropy; // nats
};

LogitSums logitSums(const float * logits, int n, float max);

struct Ranked {
    int32_t id;
    float logit;
};

// The k largest logits, largest first; ties to the lower id.
std::vector<Ranked> topLogits(const float * logits, int n, const LogitScan & scan, int k);
