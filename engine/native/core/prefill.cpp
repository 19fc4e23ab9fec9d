#include "prefill.h"
#include "attention.h"
#include "batch.h"
#include "clock.h"
#include "log.h"
#include "measure.h"
#include "threads.h"
#include "utf8.h"
#include <algorithm>

namespace {

class Prefill {
public:
    Prefill(Context & context, const PrefillParams & params)
        : c(context)
        , p(params)
        , start(context.lastPosition(params.seq) + 1)
        // With `report`, each token needs a row of logits, so the context's rows limit a step.
        , stepSize(params.report ? std::min(c.batchSize, c.outputs) : c.batchSize)
        , batch((int32_t) stepSize)
        , scans(params.report ? stepSize : 0) {}

    std::vector<TokenRecord> run(const StopFlag & stop,
                                 const std::function<void(size_t)> & onProgress) {
        c.setThought(p.seq, p.thought);
        if (c.attention()) c.attention()->begin(p.spans, p.tokens.size());
        if (p.report) reportFirst();
        for (size_t i = 0; i < p.tokens.size(); i += stepSize) {
            const size_t end = std::min(p.tokens.size(), i + stepSize);
            step(i, end, stop);
            if (p.report) reportAfter(i, end);
            if (end == p.tokens.size()) c.keepTail(p.seq, c.logits(batch.size() - 1));
            if (onProgress) onProgress(end);
        }
        if (p.report) records.back().text += joiner.flush();
        return std::move(records);
    }

private:
    Context & c;
    const PrefillParams & p;
    const int32_t start; // position of the first token
    const size_t stepSize;
    Batch batch;
    std::vector<LogitScan> scans;
    Utf8Joiner joiner;
    std::vector<TokenRecord> records;

    void step(size_t from, size_t end, const StopFlag & stop) {
        batch.clear();
        for (size_t k = from; k < end; k++)
            batch.add(p.tokens[k], start + (int32_t) k, p.seq,
                      p.report || k + 1 == p.tokens.size());
        if (c.attention()) c.attention()->at(from);
        // All tokens of the batch belong to this prefill, and no K-shift is pending.
        switch (stop.raised() ? Step::ABORTED : c.compute(batch, &stop)) {
        case Step::DONE:
            return;
        case Step::NO_CELLS:
            return undo("out-of-cells", "The context is too small for these " +
                                            std::to_string(p.tokens.size()) + " tokens");
        case Step::ABORTED:
            return undo("cancelled", "Prefill was cancelled");
        case Step::FAILED:
            return undo("decode-failed", "Prefill failed: " + engineLog::lastError());
        }
    }

    void undo(const char * code, const std::string & message) {
        c.takeBack(p.seq, start);
        throw CodedError(code, message);
    }

    void record(int32_t id, const float * logits, const LogitScan & scan) {
        TokenRecord r;
        r.id = id;
        r.text = joiner.push(c.model->tokenBytes(id));
        r.forced = true;
        if (logits && scan.finite()) measureToken(r, p.measure, *c.model, logits, scan);
        records.push_back(std::move(r));
    }

    // Records the first token, which is measured by the sequence's tail, if there is one.
    void reportFirst() {
        const auto tail = c.tail(p.seq);
        LogitScan scan;
        if (tail)
            scanLogits(c.threads(), {{tail->data(), &scan}}, c.model->vocabSize, p.measure.any());
        record(p.tokens[0], tail ? tail->data() : nullptr, scan);
    }

    // Records the tokens after those of the step: each row of logits measures the next token.
    void reportAfter(size_t from, size_t end) {
        std::vector<LogitRow> rows;
        for (size_t k = from; k < end && k + 1 < p.tokens.size(); k++)
            rows.push_back({c.logits((int32_t) (k - from)), &scans[k - from]});
        scanLogits(c.threads(), rows, c.model->vocabSize, p.measure.any());
        for (size_t k = 0; k < rows.size(); k++)
            record(p.tokens[from + k + 1], rows[k].logits, scans[k]);
    }
};

} // namespace

void checkPrefill(const Context & context, const PrefillParams & p) {
    context.requireSequence(p.seq, "seq");
    require(!p.tokens.empty(), "bad-request", "tokens must hold at least one id");
    context.model->requireTokens(p.tokens, "tokens");
    require(p.spans.empty() || context.attention(), "bad-combination",
            "Spans need a context made with attention");
    require((p.spans.empty() || p.spans.front() >= 0) &&
                std::is_sorted(p.spans.begin(), p.spans.end()),
            "out-of-range", "spans must ascend from 0");
    require(p.measure.alternatives >= 0 && p.measure.alternatives <= Measure::MAX_ALTERNATIVES,
            "out-of-range", "alternatives must be between 0 and 20");
}

PrefillResult prefill(Context & context, const PrefillParams & params, const StopFlag & stop,
                      const std::function<void(size_t)> & onProgress) {
    const auto started = Clock::now();
    checkPrefill(context, params);
    engineLog::clear();
    PrefillResult result;
    result.tokens = Prefill(context, params).run(stop, onProgress);
    if (!params.spans.empty()) result.attention = context.attention()->result();
    context.refreshInfo();
    result.ms = msSince(started);
    return result;
}
