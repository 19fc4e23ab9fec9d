// How many tokens of a prefill are computed between two steps.
#pragma once
#include <algorithm>
#include <cstddef>

class Pace {
public:
    // Milliseconds that a chunk aims at beside streams. The longest of a long prefill takes about half as long again,
    // and shall take at most 250 ms on a CPU.
    static constexpr double TARGET_MS = 150;
    // Tokens of the first chunk beside streams.
    static constexpr size_t FIRST = 32;
    // Fewer tokens take about as long, since every chunk reads all weights: where one token took longer than the target,
    // chunks of one would only make a prompt wait for as many steps as it has tokens.
    static constexpr size_t LEAST = 8;

    // Returns the most tokens of the next chunk. `beside`: streams wait for it.
    size_t next(bool beside, size_t batch) const {
        if (!beside) return batch;
        const double fits = msPerToken > 0 ? TARGET_MS / msPerToken : (double) FIRST;
        const size_t most = std::max(FIRST, 2 * last); // a larger chunk may be slower per token
        return std::min(batch, std::max(LEAST, (size_t) std::min<double>(fits, (double) most)));
    }
    // Records what a chunk took. Less than `most`, such as a prefill's last tokens, says little about the speed.
    void note(size_t tokens, size_t most, double ms, bool beside) {
        if (tokens < most && ms < TARGET_MS) return;
        if (tokens == 0) return;
        msPerToken = ms / (double) tokens;
        last = beside ? tokens : 0;
    }

private:
    double msPerToken = 0; // 0: unknown
    size_t last = 0;       // tokens of the last chunk beside streams
};
