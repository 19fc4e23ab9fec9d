#include "logits.h"
#include "threads.h"
#include <algorithm>
#include <cmath>
#include <cstring>

// On x86 Linux, GCC and Clang compile several versions and pick the widest at load time.
#if defined(__x86_64__) && defined(__linux__) && (defined(__GNUC__) || defined(__clang__))
#define WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDE
#endif

WIDE static float maxOf(const float * x, int n) {
    float m = -INFINITY;
    for (int i = 0; i < n; i++) m = x[i] > m ? x[i] : m;
    return m;
}

// Computes, with d = (x - max) * scale, sums[0] = sum of e^d and sums[1] = sum of d e^d.
// 2^f is a polynomial on [-0.5, 0.5] with a relative error below 2e-7; the integer exponent is added to the float's
// bits.
WIDE static void expSums(const float * x, int n, float max, float scale, float * sums) {
    float z = 0, t = 0;
    for (int i = 0; i < n; i++) {
        float d = (x[i] - max) * scale;
        d = d > -87.0f ? d : -87.0f;
        const float y = d * 1.44269504f;
        const int32_t whole = (int32_t) (y - 0.5f); // rounds to nearest, since y <= 0
        const float f = y - (float) whole;
        float p = 1.54035304e-4f;
        p = p * f + 1.33335581e-3f;
        p = p * f + 9.61812911e-3f;
        p = p * f + 5.55041087e-2f;
        p = p * f + 2.40226507e-1f;
        p = p * f + 6.93147181e-1f;
        p = p * f + 1.0f;
        int32_t e;
        std::memcpy(&e, &p, 4);
        e += whole * (1 << 23);
        float v;
        std::memcpy(&v, &e, 4);
        z += v;
        t += v * d;
    }
    sums[0] = z;
    sums[1] = t;
}

void LogitScan::resize(int n) {
    blockMax.resize((n + LOGIT_BLOCK - 1) / LOGIT_BLOCK);
    parts.resize((n + LOGIT_PART - 1) / LOGIT_PART);
}

void LogitScan::scanPart(const float * logits, int n, int part, bool sums) {
    const int start = part * LOGIT_PART, count = std::min(LOGIT_PART, n - start);
    Part p{-INFINITY, 0, 0};
    for (int i = 0; i < count; i += LOGIT_BLOCK) {
        const float m = maxOf(logits + start + i, std::min(LOGIT_BLOCK, count - i));
        blockMax[(start + i) / LOGIT_BLOCK] = m;
        p.max = std::max(p.max, m);
    }
    if (sums && std::isfinite(p.max)) {
        float zt[2];
        expSums(logits + start, count, p.max, 1, zt);
        p.z = zt[0];
        p.t = zt[1];
    }
    parts[part] = p;
}

void scanLogits(Threads & threads, const std::vector<LogitRow> & rows, int n) {
    for (const LogitRow & row : rows) row.scan->resize(n);
    const int parts = (n + LOGIT_PART - 1) / LOGIT_PART;
    threads.each((int) rows.size() * parts, [&](int i) {
        const LogitRow & row = rows[i / parts];
        row.scan->scanPart(row.logits, n, i % parts, row.sums);
    });
    for (const LogitRow & row : rows) row.scan->refreshMax();
}

void meanLogProbs(Threads & threads, const std::vector<LogitRow> & rows, int n,
                  std::vector<float> & mean) {
    mean.resize(n);
    std::vector<float> logZ;
    for (const LogitRow & row : rows) logZ.push_back(row.scan->sums().logZ);
    const float share = 1 / (float) rows.size();
    threads.each((n + LOGIT_PART - 1) / LOGIT_PART, [&](int part) {
        const int start = part * LOGIT_PART, end = std::min(n, start + LOGIT_PART);
        std::fill(mean.begin() + start, mean.begin() + end, 0.0f);
        for (size_t row = 0; row < rows.size(); row++)
            for (int i = start; i < end; i++) mean[i] += (rows[row].logits[i] - logZ[row]) * share;
    });
}

LogitSums LogitScan::sums() const {
    float m = -INFINITY;
    for (const Part & p : parts) m = std::max(m, p.max);
    double z = 0, t = 0;
    for (const Part & p : parts) {
        if (p.z == 0) continue;
        const double apart = (double) p.max - m, weight = std::exp(apart);
        z += weight * p.z;
        t += weight * (p.t + apart * p.z);
    }
    const double logZ = std::log(z);
    return {(float) (logZ + m), (float) std::max(0.0, logZ - t / z)};
}

int drawLogit(const float * logits, int n, const LogitScan & scan, float temperature, double u) {
    const float scale = 1 / temperature;
    std::vector<float> weights(scan.blockMax.size());
    double total = 0;
    for (size_t b = 0; b < weights.size(); b++) {
        if ((scan.blockMax[b] - scan.max) * scale < -NEGLIGIBLE) continue;
        const int start = (int) b * LOGIT_BLOCK;
        float zt[2];
        expSums(logits + start, std::min(LOGIT_BLOCK, n - start), scan.max, scale, zt);
        total += weights[b] = zt[0];
    }
    double left = u * total;
    int last = -1;
    for (size_t b = 0; b < weights.size(); b++) {
        if (left >= weights[b] && b + 1 < weights.size()) {
            left -= weights[b];
            continue;
        }
        for (int i = (int) b * LOGIT_BLOCK, end = std::min(n, i + LOGIT_BLOCK); i < end; i++) {
            const double weight = std::exp((double) (logits[i] - scan.max) * scale);
            if (weight == 0) continue;
            last = i;
            if ((left -= weight) < 0) return i;
        }
    }
    return last >= 0 ? last : scan.argmax(logits, n);
}

bool LogitScan::finite() const {
    return std::isfinite(max);
}

void LogitScan::refreshMax() {
    max = maxOf(blockMax.data(), (int) blockMax.size());
}

void LogitScan::refresh(const float * logits, int n, int i) {
    const int b = i / LOGIT_BLOCK;
    blockMax[b] = maxOf(logits + b * LOGIT_BLOCK, std::min(LOGIT_BLOCK, n - b * LOGIT_BLOCK));
}

int LogitScan::argmax(const float * logits, int n) const {
    for (size_t b = 0; b < blockMax.size(); b++) {
        if (blockMax[b] != max) continue;
        for (int i = (int) b * LOGIT_BLOCK, end = std::min(n, i + LOGIT_BLOCK); i < end; i++)
            if (logits[i] == max) return i;
    }
    return 0;
}

static bool before(const Ranked & a, const Ranked & b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

std::vector<Ranked> topLogits(const float * logits, int n, const LogitScan & scan, int k) {
    std::vector<Ranked> top;
    const auto least = [&] { return (int) top.size() == k ? top.back().logit : -INFINITY; };
    for (size_t b = 0; b < scan.blockMax.size(); b++) {
        if (!(scan.blockMax[b] > least())) continue;
        for (int i = (int) b * LOGIT_BLOCK, end = std::min(n, i + LOGIT_BLOCK); i < end; i++) {
            if (!(logits[i] > least())) continue;
            const Ranked r{i, logits[i]};
            top.insert(std::upper_bound(top.begin(), top.end(), r, before), r);
            if ((int) top.size() > k) top.pop_back();
        }
    }
    return top;
}

std::vector<Ranked> nucleus(const float * logits, int n, const LogitScan & scan, float p) {
    constexpr float BAND = 1; // only a band of logits is sorted at a time, from the top
    const float floor = scan.max - NEGLIGIBLE;
    double total = 0;
    for (size_t b = 0; b < scan.blockMax.size(); b++) {
        if (scan.blockMax[b] < floor) continue;
        const int start = (int) b * LOGIT_BLOCK;
        float zt[2];
        expSums(logits + start, std::min(LOGIT_BLOCK, n - start), scan.max, 1, zt);
        total += zt[0];
    }
    double left = p * total;
    std::vector<Ranked> kept;
    for (float top = INFINITY, low = scan.max - BAND; kept.empty() || (left > 0 && top > floor);
         top = low, low -= BAND) {
        const size_t first = kept.size();
        for (size_t b = 0; b < scan.blockMax.size(); b++) {
            if (scan.blockMax[b] < low) continue;
            for (int i = (int) b * LOGIT_BLOCK, end = std::min(n, i + LOGIT_BLOCK); i < end; i++)
                if (logits[i] >= low && logits[i] < top) kept.push_back({i, logits[i]});
        }
        std::sort(kept.begin() + first, kept.end(), before);
        for (size_t i = first; i < kept.size(); i++) {
            left -= std::exp((double) kept[i].logit - scan.max);
            if (left > 0) continue;
            kept.resize(i + 1);
            break;
        }
    }
    return kept;
}
