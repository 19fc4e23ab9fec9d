// Adds given tokens to a sequence, in chunks.
#pragma once
#include "context.h"
#include "logits.h"
#include "task.h"
#include "token.h"
#include "utf8.h"

class Batch;

struct PrefillParams {
    int32_t seq;
    int32_t thought = -1; // row of the thought tables; -1: none
    std::vector<int32_t> tokens;
    bool report = false; // whether to return a record per token
    bool tail = true;    // whether to keep the logits after the last token
    Measure measure;
    std::vector<int32_t> spans; // see AttentionSums
};

struct PrefillResult {
    std::vector<TokenRecord> tokens; // with `report`
    std::vector<float> attention;    // with `spans`: [tokens][spans], row-major
    double ms = 0;                   // of its own chunks
};

// Errors: bad-request, bad-combination, out-of-range.
void checkPrefill(const Context & context, const PrefillParams & params);

// All tokens are added or, on failure, none.
class Fill {
public:
    // Errors: those of checkPrefill.
    Fill(Context & context, PrefillParams params);
    ~Fill();

    // Adds at most `most` tokens; returns true once all are added. Raising `stop` ends it within a step.
    // Errors: out-of-cells, cancelled, decode-failed; out-of-range for a thought without a row.
    bool advance(size_t most, const StopFlag & stop);
    // Removes the tokens that were added.
    void undo();
    size_t done() const { return added; }
    size_t lastChunk() const { return last; }
    size_t size() const { return p.tokens.size(); }
    // Returns the result once all tokens are added.
    PrefillResult result();

private:
    Context & c;
    const PrefillParams p;
    const size_t largest; // tokens of a chunk: with `report`, each needs a row of logits
    int32_t start = -1;   // position of the first token; -1: not begun
    size_t added = 0, last = 0;
    const std::unique_ptr<Batch> batch;
    std::vector<LogitScan> scans;
    Utf8Joiner joiner;
    PrefillResult out;

    void begin();
    [[noreturn]] void cancel();
    void compute(size_t end, const StopFlag & stop);
    void record(int32_t id, const float * logits, const LogitScan & scan);
    void reportFirst();
    void reportAfter(size_t end);
};

// A prefill that was asked for; `onProgress` gets the number of tokens that are added.
class Prefill : public Task {
public:
    // Errors: those of checkPrefill.
    Prefill(std::shared_ptr<Context> context, PrefillParams params,
            std::shared_ptr<const StopFlag> stop, std::function<void(size_t)> onProgress,
            std::function<void(std::exception_ptr, PrefillResult)> done);
    bool computes() const override { return true; }
    bool cancelled() const override { return stop->raised(); }
    bool advance(size_t most) override;
    size_t computed() const override { return fill.lastChunk(); }
    void finish(std::exception_ptr error) override;

private:
    const std::shared_ptr<Context> context;
    Fill fill;
    const std::shared_ptr<const StopFlag> stop;
    const std::function<void(size_t)> onProgress;
    const std::function<void(std::exception_ptr, PrefillResult)> done;
};
