// Statistics of rows of logits, vectorised and spread over threads: they are computed for every token of every path.
#pragma once
#include <cstdint>
#include <vector>

class Threads;

constexpr int LOGIT_BLOCK = 256;
constexpr int LOGIT_PART = 32 * LOGIT_BLOCK;

struct LogitSums {
    float logZ;    // log of the sum of exp(logit)
    float entropy; // nats
};

struct LogitScan {
    // Maxima of blocks of LOGIT_BLOCK logits, which make argmax and top-k cheap.
    std::vector<float> blockMax;
    float max = 0;

    // false: no finite maximum (NaN or -inf everywhere).
    bool finite() const;
    // Index of the first maximum.
    int argmax(const float * logits, int n) const;
    // Recomputes the block of index i after its logit changed.
    void refresh(const float * logits, int n, int i);
    void refreshMax();
    // As they were when the row was scanned with `sums`.
    LogitSums sums() const;

    // Of LOGIT_PART logits, against their own maximum m: short float sums are exact enough.
    struct Part {
        float max;
        float z; // sum of e^(x - m)
        float t; // sum of (x - m) e^(x - m)
    };
    std::vector<Part> parts;
    void resize(int n);
    void scanPart(const float * logits, int n, int part, bool sums);
};

struct LogitRow {
    const float * logits;
    LogitScan * scan;
};

// Fills the scans of rows of n logits; with `sums` their sums too. The result does not depend on the number of threads.
void scanLogits(Threads & threads, const std::vector<LogitRow> & rows, int n, bool sums);

// Logits that lie so far below the largest, in units of the temperature, hold less than 1e-10 of the mass even together.
constexpr float NEGLIGIBLE = 35;

// The index at which the cumulative softmax at `temperature` passes u, from 0 up to 1.
int drawLogit(const float * logits, int n, const LogitScan & scan, float temperature, double u);

struct Ranked {
    int32_t id;
    float logit;
};

// The k largest logits, largest first; ties to the lower id.
std::vector<Ranked> topLogits(const float * logits, int n, const LogitScan & scan, int k);
