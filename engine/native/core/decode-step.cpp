// One step of a decode: chooses the next token of each live stream, computes them as one batch and reports the results.
#include "batch.h"
#include "clock.h"
#include "decode.h"
#include "log.h"
#include "measure.h"
#include "stream.h"
#include "threads.h"
#include <algorithm>

// Chooses the stream's next token, forced or sampled; returns false if there is none. Sets `closing` if it is the last.
bool Decode::chooseToken(Stream & s, bool haveLogits) {
    s.counted = true;
    s.sampled = false;
    s.token = -1;
    s.record = TokenRecord{};
    if (s.forcedDone < s.p.forced.size()) {
        s.token = s.p.forced[s.forcedDone++];
        s.counted = s.forcedDone > (size_t) s.p.silent;
        s.record.forced = true;
        return true;
    }
    if (!haveLogits) return false;
    LogitScan drawn = scans[s.p.seq]; // `sample` restores the row but not the scan
    s.token = s.sampler.sample(s.logits, context->model->vocabSize, drawn, s.p.masked);
    if (s.token < 0) return false;
    s.sampled = true;
    if (s.stops.count(s.token)) {
        s.closing = "finished";
        s.record.forced = s.token != s.p.endToken;
        s.token = s.p.endToken;
    }
    return s.token >= 0;
}

// May run on any thread, since it only changes its own stream.
void Decode::choose(Stream & s) {
    const LogitScan & scan = scans[s.p.seq];
    const bool haveLogits = s.logits && scan.finite();
    if (!chooseToken(s, haveLogits)) return;
    s.sampler.accept(s.token);
    if (!s.counted) return;
    s.record.id = s.token;
    if (haveLogits) measureToken(s.record, params.measure, *context->model, s.logits, scan);
    if (++s.reported >= s.p.budget && !s.closing) s.closing = "budget";
}

// Chooses the next token of every live stream; ends streams that have none.
void Decode::chooseAll() {
    std::vector<Stream *> choosing;
    std::vector<LogitRow> rows;
    for (Stream & s : streams) {
        if (s.ended) continue;
        choosing.push_back(&s);
        if (s.logits) rows.push_back({s.logits, &scans[s.p.seq]});
    }
    scanLogits(context->threads(), rows, context->model->vocabSize, params.measure.any());
    context->threads().each((int) choosing.size(), [&](int i) { choose(*choosing[i]); });
    for (Stream * s : choosing) {
        if (s->sampled && result.firstTokenMs == 0) result.firstTokenMs = msSince(started);
        if (s->token >= 0) continue;
        if (s->closing)
            end(*s, s->closing);
        else if (!s->logits)
            end(*s, "failed", "decode-failed", "Nothing to continue from");
        else if (!scans[s->p.seq].finite())
            end(*s, "failed", "decode-failed", "The model's logits are not numbers");
        else
            end(*s, "failed", "decode-failed", "No token is left to sample");
    }
}

// Ends the longest stream, because the context is full despite the reserves.
void Decode::shedOne() {
    Stream * longest = nullptr;
    for (Stream & s : streams)
        if (!s.ended && (!longest || s.position >= longest->position)) longest = &s;
    if (longest) end(*longest, "overflow", "out-of-cells", "The context is full");
}

// Ends the longest streams without a reserve until the tokens of a step fit into `cellsLeft`.
void Decode::shedFor(int64_t cellsLeft) {
    for (;;) {
        int64_t count = 0;
        Stream * longest = nullptr;
        for (Stream & s : streams) {
            if (s.ended || s.reserve > 0) continue;
            count++;
            if (!longest || s.position >= longest->position) longest = &s;
        }
        if (count <= cellsLeft || !longest) return;
        end(*longest, "overflow", "out-of-cells", "The context is full");
    }
}

// Takes cells for a stream, from its reserve first.
void Decode::spend(Stream & s, int64_t count) {
    const int64_t own = std::min(s.reserve, count);
    s.reserve -= own;
    cells -= count - own;
}

// Reports the step's token, which is now in the cache.
void Decode::commit(Stream & s) {
    // A silent token is recomputed only for the logits after it. The branch keeps its parent's cell, so a join counts
    // it once.
    const bool shared = !s.counted && s.p.branchFrom >= 0 &&
                        context->shareCell(s.p.branchFrom, s.p.seq, s.position);
    if (!shared) spend(s, 1);
    s.position++;
    std::string text = s.joiner.push(context->model->tokenBytes(s.token));
    if (s.counted) {
        s.record.text = std::move(text);
        auto entry = std::find_if(report.tokens.begin(), report.tokens.end(),
                                  [&](const auto & e) { return e.first == s.p.id; });
        if (entry == report.tokens.end()) entry = report.tokens.insert(entry, {s.p.id, {}});
        entry->second.push_back(std::move(s.record));
    }
    if (s.closing) end(s, s.closing);
}

void Decode::cutGroups() {
    if (params.finish <= 0) return;
    for (Stream & s : streams) {
        if (s.ended) continue;
        int32_t done = 0;
        for (const Stream & other : streams)
            done += other.ended && other.closing && other.p.group == s.p.group;
        if (done >= params.finish) end(s, "cut");
    }
}

// Ends all streams where they were before the failed step.
void Decode::fail(Step outcome) {
    for (Stream & s : streams) {
        if (s.ended) continue;
        context->takeBack(s.p.seq, s.position);
        s.logits = nullptr;
    }
    if (outcome == Step::ABORTED)
        endAll("cancelled");
    else if (outcome == Step::NO_CELLS)
        endAll("overflow", "out-of-cells", "The context is full");
    else
        endAll("failed", "decode-failed", "The decode step failed: " + engineLog::lastError());
}

// Decodes one token for every live stream; returns false if no stream was live.
bool Decode::step(Batch & batch) {
    shedFor(cells);
    chooseAll();
    for (;;) {
        batch.clear();
        for (Stream & s : streams)
            if (!s.ended) batch.add(s.token, s.position, s.p.seq, true);
        if (batch.size() == 0) return false;
        // All streams belong to one run and no K-shift is pending, so a cancel may abort the step.
        const Step outcome = context->compute(batch, stopping.get());
        if (outcome == Step::DONE) break;
        if (outcome == Step::NO_CELLS && batch.size() > 1) {
            shedOne(); // its token of this step is not reported
            continue;
        }
        fail(outcome);
        return false;
    }
    result.steps++;
    int32_t row = 0;
    for (Stream & s : streams) {
        if (s.ended) continue;
        s.tail.reset();
        s.logits = context->logits(row++);
        commit(s);
    }
    cutGroups();
    return true;
}
