#include "decode.h"
#include "log.h"
#include <algorithm>

namespace {
using Clock = std::chrono::steady_clock;
constexpr auto BATCH_INTERVAL = std::chrono::milliseconds(30);
} // namespace

Stream * Decode::live(int32_t id) {
    for (Stream & s : streams)
        if (!s.ended && s.p.id == id) return &s;
    return nullptr;
}

void Decode::end(Stream & s, const char * reason, const std::string & code,
                 const std::string & message) {
    s.ended = true;
    context->keepTail(s.p.seq, s.logits);
    report.ended.push_back({s.p.id, reason, code, message});
}

// A prefill overwrites the context's logits: other streams keep the rows that their next tokens are drawn from.
void Decode::keepRows() {
    for (Stream & s : streams) {
        if (s.ended || !s.logits || s.tail) continue;
        s.tail = std::make_shared<std::vector<float>>(s.logits, s.logits + vocabSize());
        s.logits = s.tail->data();
    }
}

// Fills an empty sequence with what its stream begins from. Other streams wait for what is prefilled.
void Decode::read(Stream & s) {
    context->remove(s.p.seq, 0);
    keepRows();
    for (const StreamPart & part : s.p.parts) {
        if (part.from >= 0) {
            context->copy(part.from, s.p.seq, part.end);
        } else if (!part.tokens.empty()) {
            runPrefill(*context, s.p.seq, part.tokens, part.thought, Measure{false, 0}, false, {},
                       nullptr);
            spend(s, (int64_t) part.tokens.size());
        }
    }
}

// Takes cells for a stream: its own first.
void Decode::spend(Stream & s, int64_t count) {
    const int64_t own = std::min(s.reserve, count);
    s.reserve -= own;
    cells -= count - own;
}

void Decode::add(const StreamParams & params) {
    // An ended stream of this id or sequence thinks on: the new one takes its place.
    streams.remove_if([&](const Stream & s) {
        return s.ended && (s.p.id == params.id || s.p.seq == params.seq);
    });
    streams.emplace_back(params);
    Stream & s = streams.back();
    for (llama_token id : params.history) s.joiner.push(tokenBytes(context->model->vocab, id));
    try {
        if (params.branchFrom >= 0) {
            context->remove(params.seq, 0);
            context->copy(params.branchFrom, params.seq, params.branchEnd);
        }
        if (!params.parts.empty()) read(s);
        context->setThought(params.seq, params.thought);
    } catch (const CodedError & e) {
        const bool cancelled = std::string(e.code) == "cancelled";
        return cancelled ? end(s, "cancelled") : end(s, "failed", e.code, e.what());
    }
    s.position = context->lastPosition(params.seq) + 1;
    const auto tail = context->tails.find(params.seq);
    if (tail != context->tails.end()) {
        s.tail = tail->second;
        s.logits = s.tail->data();
    }
}

void Decode::obey(const DecodeCommand & c) {
    switch (c.kind) {
    case DecodeCommand::STOP:
        if (Stream * s = live(c.id)) end(*s, c.reason);
        break;
    case DecodeCommand::EXTEND:
        if (Stream * s = live(c.id))
            s->p.budget = (int32_t) std::min<int64_t>((int64_t) s->p.budget + c.value, INT32_MAX);
        break;
    case DecodeCommand::ADD:
        if (Stream * s = live(c.stream->id))
            end(*s, "failed", "bad-request", "A stream of this id decodes already");
        else if (std::any_of(streams.begin(), streams.end(), [&](const Stream & s) {
                     return !s.ended && s.p.seq == c.stream->seq;
                 }))
            report.ended.push_back(
                {c.stream->id, "failed", "bad-request", "Another stream decodes in this sequence"});
        else
            add(*c.stream);
        break;
    case DecodeCommand::REMOVE:
        for (Stream & s : streams)
            if (!s.ended && s.p.seq == c.id) end(s, "stopped");
        context->remove(c.id, 0);
        break;
    }
}

// Takes what JavaScript sent since the last step. With `closeIfIdle`: true once nothing is left to do for good.
bool Decode::obeyAll(bool closeIfIdle) {
    std::vector<DecodeCommand> now;
    {
        std::lock_guard<std::mutex> lock(mutex);
        now.swap(commands);
        if (closeIfIdle && now.empty()) {
            over = true;
            return true;
        }
    }
    for (const DecodeCommand & c : now) obey(c);
    return false;
}

// Decides a stream's next token. Runs on any thread: it touches its own stream only.
void Decode::choose(Stream & s) {
    const int n = vocabSize();
    const LogitScan & scan = scans[s.p.seq];
    const bool haveLogits = s.logits && scan.finite();
    s.token = -1;
    s.counted = s.sampled = false;
    bool forced = s.forcedDone < s.p.forced.size(), silent = false;
    if (forced) {
        s.token = s.p.forced[s.forcedDone++];
        silent = s.forcedDone <= (size_t) s.p.silent;
    } else {
        if (!haveLogits) return;
        LogitScan drawn = scan; // the row is restored, the scan is not
        s.token = s.sampler.sample(s.logits, n, drawn, s.p.masked);
        if (s.token < 0) return;
        s.sampled = true;
        if (s.stops.count(s.token)) {
            s.closing = "finished";
            forced = s.token != s.p.endToken;
            s.token = s.p.endToken;
            if (s.token < 0) return;
        }
    }
    s.sampler.accept(s.token);
    if (!silent) {
        s.counted = true;
        s.record = TokenRecord{};
        s.record.id = s.token;
        s.record.forced = forced;
        if (haveLogits) measure.apply(s.record, context->model->vocab, s.logits, n, scan);
        if (++s.reported >= s.p.budget && !s.closing) s.closing = "budget";
    }
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
    scanLogits(context->threads, rows, vocabSize(), measure.any());
    context->threads.each((int) choosing.size(), [&](int i) { choose(*choosing[i]); });
    for (Stream * s : choosing) {
        if (s->sampled && firstTokenMs == 0)
            firstTokenMs =
                std::chrono::duration<double, std::milli>(Clock::now() - started).count();
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

// The step's token is in the cache: now it may be told.
void Decode::commit(Stream & s) {
    // Computed again for the logits after it only: the branch keeps its parent's cell, so that a join counts it once.
    if (!s.counted && s.p.branchFrom >= 0 && context->lastPosition(s.p.branchFrom) >= s.position &&
        llama_memory_seq_rm(context->memory(), s.p.seq, s.position, s.position + 1)) {
        llama_memory_seq_cp(context->memory(), s.p.branchFrom, s.p.seq, s.position, s.position + 1);
        cells++;
    }
    s.position++;
    spend(s, 1);
    std::string text = s.joiner.push(tokenBytes(context->model->vocab, s.token));
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
    if (finish <= 0) return;
    for (Stream & s : streams) {
        if (s.ended) continue;
        int32_t done = 0;
        for (const Stream & other : streams)
            done += other.ended && other.closing && other.p.group == s.p.group;
        if (done >= finish) end(s, "cut");
    }
}

// One token for every live stream. false: nothing was live.
bool Decode::step(Batch & batch) {
    shedFor(cells);
    chooseAll();
    for (;;) {
        batch.clear();
        for (Stream & s : streams)
            if (!s.ended) batch.add(s.token, s.position, s.p.seq, true);
        if (batch.batch.n_tokens == 0) return false;
        const int32_t status = llama_decode(context->ctx, batch.batch);
        if (status == 0) break;
        if (status == 1 && batch.batch.n_tokens > 1) {
            shedOne(); // its token of this step is not told
            continue;
        }
        const bool aborted = status == 2;
        for (Stream & s : streams) {
            if (s.ended) continue;
            llama_memory_seq_rm(context->memory(), s.p.seq, s.position, -1);
            s.logits = nullptr;
            if (aborted)
                end(s, "cancelled");
            else if (status == 1)
                end(s, "overflow", "out-of-cells", "The context is full");
            else
                end(s, "failed", "decode-failed",
                    "The decode step failed: " + engineLog::lastError());
        }
        return false;
    }
    steps++;
    int32_t row = 0;
    for (Stream & s : streams) {
        if (s.ended) continue;
        s.tail.reset();
        s.logits = llama_get_logits_ith(context->ctx, row++);
        commit(s);
    }
    cutGroups();
    return true;
}

void Decode::tell(bool now) {
    if (report.empty() || (!now && Clock::now() - lastReport < BATCH_INTERVAL)) return;
    lastReport = Clock::now();
    auto sent = std::make_shared<DecodeReport>(std::move(report));
    report = DecodeReport{};
    Worker::toJs([sent, callback = onBatch](Napi::Env env) { callback->Call({toJs(env, *sent)}); });
}

void Decode::run() {
    context->running = number;
    engineLog::clear();
    started = lastReport = Clock::now();
    scans.resize(context->sequences);
    Batch batch(context->sequences);
    for (const auto & params : initial) add(*params);
    for (;;) {
        obeyAll(false);
        if (stopping())
            for (Stream & s : streams)
                if (!s.ended) end(s, "cancelled");
        const bool busy = step(batch);
        tell(!busy);
        if (!busy && (obeyAll(true) || stopping())) break;
    }
    {
        std::lock_guard<std::mutex> lock(mutex);
        over = true;
    }
    tell(true);
    ms = std::chrono::duration<double, std::milli>(Clock::now() - started).count();
}
