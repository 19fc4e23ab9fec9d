#include "fill.h"
#include "attention.h"
#include "batch.h"
#include "clock.h"
#include "log.h"
#include "measure.h"
#include "threads.h"
#include <algorithm>

void checkPrefill(const Context & context, const PrefillParams & p) {
    context.requireSequence(p.seq, "seq");
    require(!p.tokens.empty(), "bad-request", "tokens must hold at least one id");
    context.model->requireTokens(p.tokens, "tokens");
    require(p.spans.empty() || context.attention(), "bad-combination",
            "Spans need a context made with attention");
    require((p.spans.empty() || p.spans.front() >= 0) &&
                std::is_sorted(p.spans.begin(), p.spans.end()),
            "out-of-range", "spans must ascend from 0");
    checkMeasure(p.measure);
}

static PrefillParams checked(const Context & context, PrefillParams params) {
    checkPrefill(context, params);
    return params;
}

Fill::Fill(Context & context, PrefillParams params)
    : c(context)
    , p(checked(context, std::move(params)))
    , largest((size_t) (p.report ? std::min(c.batchSize(), c.outputs) : c.batchSize()))
    , batch(std::make_unique<Batch>((int32_t) std::min(largest, p.tokens.size())))
    , scans(p.report ? std::min(largest, p.tokens.size()) : 0) {}

Fill::~Fill() = default;

void Fill::begin() {
    start = c.lastPosition(p.seq) + 1;
    c.setThought(p.seq, p.thought);
    if (c.attention()) c.attention()->begin(p.spans, p.tokens.size());
    if (p.report) reportFirst();
}

bool Fill::advance(size_t most, const StopFlag & stop) {
    const auto started = Clock::now();
    if (stop.raised()) cancel();
    if (start < 0) begin();
    const size_t end =
        std::min(p.tokens.size(), added + std::min(largest, std::max<size_t>(1, most)));
    compute(end, stop);
    if (p.report) reportAfter(end);
    if (end == p.tokens.size()) c.keepTail(p.seq, p.tail ? c.logits(batch->size() - 1) : nullptr);
    last = end - added;
    added = end;
    out.ms += msSince(started);
    return added == p.tokens.size();
}

PrefillResult Fill::result() {
    if (p.report) out.tokens.back().text += joiner.flush();
    if (!p.spans.empty()) out.attention = c.attention()->result();
    return std::move(out);
}

void Fill::undo() {
    if (start >= 0) c.takeBack(p.seq, start);
}

void Fill::cancel() {
    undo();
    throw CodedError("cancelled", "Prefill was cancelled");
}

void Fill::compute(size_t end, const StopFlag & stop) {
    batch->clear();
    for (size_t k = added; k < end; k++)
        batch->add(p.tokens[k], start + (int32_t) k, p.seq,
                   p.report || (p.tail && k + 1 == p.tokens.size()));
    if (c.attention()) c.attention()->at(added);
    engineLog::clear();
    // All tokens of the batch belong to this prefill, so a cancel may abort the step.
    const Step outcome = c.compute(*batch, &stop);
    if (c.attention()) c.attention()->pause();
    if (outcome == Step::DONE) return;
    if (outcome == Step::ABORTED) cancel();
    undo();
    if (outcome == Step::NO_CELLS)
        throw CodedError("out-of-cells", "The context is too small for these " +
                                             std::to_string(p.tokens.size()) + " tokens");
    throw CodedError("decode-failed", "Prefill failed: " + engineLog::lastError());
}

void Fill::record(int32_t id, const float * logits, const LogitScan & scan) {
    TokenRecord r;
    r.id = id;
    r.text = joiner.push(c.model->tokenBytes(id));
    r.forced = true;
    if (logits && scan.finite()) measureToken(r, p.measure, *c.model, logits, scan);
    out.tokens.push_back(std::move(r));
}

// Records the first token, which is measured by the sequence's tail, if there is one.
void Fill::reportFirst() {
    const auto tail = c.tail(p.seq);
    LogitScan scan;
    if (tail) scanLogits(c.threads(), {{tail->data(), &scan, p.measure.any()}}, c.model->vocabSize);
    record(p.tokens[0], tail ? tail->data() : nullptr, scan);
}

// Records the tokens after those of the chunk up to `end`: each row of logits measures the next token.
void Fill::reportAfter(size_t end) {
    std::vector<LogitRow> rows;
    for (size_t k = added; k < end && k + 1 < p.tokens.size(); k++)
        rows.push_back({c.logits((int32_t) (k - added)), &scans[k - added], p.measure.any()});
    scanLogits(c.threads(), rows, c.model->vocabSize);
    for (size_t k = 0; k < rows.size(); k++)
        record(p.tokens[added + k + 1], rows[k].logits, scans[k]);
}

Prefill::Prefill(std::shared_ptr<Context> within, PrefillParams params,
                 std::shared_ptr<const StopFlag> stop, std::function<void(size_t)> onProgress,
                 std::function<void(std::exception_ptr, PrefillResult)> done)
    : Task({params.seq}, params.seq)
    , context(std::move(within))
    , fill(*context, std::move(params))
    , stop(std::move(stop))
    , onProgress(std::move(onProgress))
    , done(std::move(done)) {}

bool Prefill::advance(size_t most) {
    const bool over = fill.advance(most, *stop);
    if (onProgress) onProgress(fill.done());
    return over;
}

void Prefill::finish(std::exception_ptr error) {
    context->refreshInfo();
    if (error) {
        fill.undo();
        done(error, {});
    } else
        done(nullptr, fill.result());
}
