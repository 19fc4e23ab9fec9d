// One step of a decode: the next token of each live stream, one batch, and what follows from it.
#include "batch.h"
#include "clock.h"
#include "decode.h"
#include "log.h"
#include "measure.h"
#include "stream.h"
#include "threads.h"
#include <algorithm>

// The stream's next token, forced or sampled; false: it has none. Sets how the stream ends with it.
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
    LogitScan drawn = scans[s.p.seq]; // the row is restored, the scan is not
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

// Runs on any thread: it touches its own stream only.
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

// Decides the next token of every live stream, or that it has none.
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

// The context is full whatever was kept: ends the longest stream.
void Decode::shedOne() {
    Stream * longest = nullptr;
    for (Stream & s : streams)
        if (!s.ended && (!longest || s.position >= longest->position)) longest = &s;
    if (longest) end(*longest, "overflow", "out-of-cells", "The context is full");
}

// Beside what streams keep for themselves `cellsLeft` more tokens fit: ends the longest of the others until a step does.
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

// Takes cells for a stream: its own first.
void Decode::spend(Stream & s, int64_t count) {
    const int64_t own = std::min(s.reserve, count);
    s.reserve -= own;
    cells -= count - own;
}

// The step's token is in the cache: now it may be told.
void Decode::commit(Stream & s) {
    // Computed again for the logits after it only: the branch keeps its parent's cell, so that a join counts it once.
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

// The step left nothing in the cache: the streams end where they were.
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

// One token for every live stream. false: nothing was live.
bool Decode::step(Batch & batch) {
    shedFor(cells);
    chooseAll();
    for (;;) {
        batch.clear();
        for (Stream & s : streams)
            if (!s.ended) batch.add(s.token, s.position, s.p.seq, true);
        if (batch.size() == 0) return false;
        // Every stream is of one run, and no sequence is shifted: a cancel may end the step under way.
        const Step outcome = context->compute(batch, stopping.get());
        if (outcome == Step::DONE) break;
        if (outcome == Step::NO_CELLS && batch.size() > 1) {
            shedOne(); // its token of this step is not told
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
