// Statistics of rows of logits. They are vectorised and multithreaded, since every token of every path needs them.
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

    // Returns false if there is no finite maximum (all NaN or -inf).
    bool finite() const;
    // Returns the index of the first maximum.
    int argmax(const float * logits, int n) const;
    // Recomputes the block that contains logit i, after that logit changed.
    void refresh(const float * logits, int n, int i);
    void refreshMax();
    // Returns the sums as of the scan with `sums`.
    LogitSums sums() const;

    // Sums over LOGIT_PART logits relative to their maximum m; short float sums are exact enough.
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
    bool sums; // whether the scan includes sums
};

// Scans rows of n logits. The result does not depend on the number of threads.
void scanLogits(Threads & threads, const std::vector<LogitRow> & rows, int n);

// Sets `mean` to the mean of the rows' log-probabilities. The scans must be the rows' and include sums.
void meanLogProbs(Threads & threads, const std::vector<LogitRow> & rows, int n,
                  std::vector<float> & mean);

// Logits at least this far below the maximum, in units of the temperature, hold less than 1e-10 of the mass together.
constexpr float NEGLIGIBLE = 35;

// Returns the index at which the cumulative softmax at `temperature` exceeds u, 0 <= u < 1.
int drawLogit(const float * logits, int n, const LogitScan & scan, float temperature, double u);

struct Ranked {
    int32_t id;
    float logit;
};

// Returns the k largest logits, or all that are greater than -inf, in descending order; ties go to the lower id.
std::vector<Ranked> topLogits(const float * logits, int n, const LogitScan & scan, int k);

// Returns the fewest of the largest logits that hold at least the share `p` of the softmax, at least one, in descending
// order; ties go to the lower id.
std::vector<Ranked> nucleus(const float * logits, int n, const LogitScan & scan, float p);
