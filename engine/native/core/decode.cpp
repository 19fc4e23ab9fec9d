#include "decode.h"
#include "batch.h"
#include "clock.h"
#include "join.h"
#include "log.h"
#include "prefill.h"
#include "stream.h"
#include <algorithm>
#include <unordered_set>

namespace {
constexpr auto REPORT_INTERVAL = std::chrono::milliseconds(30);

void checkDecode(const Context & context, const DecodeParams & p) {
    require(!p.streams.empty() && p.streams.size() <= (size_t) context.sequences, "out-of-range",
            "A decode takes from 1 to as many streams as the context has sequences");
    require(p.finish >= 0, "out-of-range", "finish must be at least 0");
    require(p.cells >= 0, "out-of-range", "cells must be at least 0");
    require(p.measure.alternatives >= 0 && p.measure.alternatives <= Measure::MAX_ALTERNATIVES,
            "out-of-range", "alternatives must be between 0 and 20");
    std::unordered_set<int32_t> ids, sequences;
    for (const StreamParams & stream : p.streams) {
        checkStream(context, stream);
        require(ids.insert(stream.id).second, "bad-request", "Two streams have the same id");
        require(sequences.insert(stream.seq).second, "bad-request",
                "Two streams decode in the same sequence");
    }
}
} // namespace

Decode::Decode(std::shared_ptr<Context> within, DecodeParams wanted,
               std::shared_ptr<const StopFlag> stop, std::function<void(DecodeReport)> onReport)
    : context(std::move(within))
    , params(std::move(wanted))
    , stopping(std::move(stop))
    , onReport(std::move(onReport))
    , cells(params.cells) {
    checkDecode(*context, params);
}

Decode::~Decode() = default;

bool Decode::send(std::function<void()> command) {
    std::lock_guard<std::mutex> lock(mutex);
    if (over) return false;
    commands.push_back(std::move(command));
    return true;
}

bool Decode::stop(int32_t id, bool cut) {
    return send([=] {
        if (Stream * s = live(id)) end(*s, cut ? "cut" : "stopped");
    });
}

bool Decode::extend(int32_t id, int32_t tokens) {
    require(tokens >= 1, "out-of-range", "tokens must be at least 1");
    return send([=] {
        if (Stream * s = live(id))
            s->p.budget = (int32_t) std::min<int64_t>((int64_t) s->p.budget + tokens, INT32_MAX);
    });
}

bool Decode::add(StreamParams stream) {
    checkStream(*context, stream);
    return send([this, stream = std::move(stream)] { startIfFree(stream); });
}

bool Decode::remove(int32_t seq) {
    context->requireSequence(seq, "seq");
    return send([=] {
        for (Stream & s : streams)
            if (!s.ended && s.p.seq == seq) end(s, "stopped");
        context->remove(seq, 0);
    });
}

// Carries out the commands sent since the last step. With `closeIfIdle`, closes the decode and returns true if there
// are none.
bool Decode::obey(bool closeIfIdle) {
    std::vector<std::function<void()>> now;
    {
        std::lock_guard<std::mutex> lock(mutex);
        now.swap(commands);
        if (closeIfIdle && now.empty()) {
            over = true;
            return true;
        }
    }
    for (const auto & command : now) command();
    return false;
}

Stream * Decode::live(int32_t id) {
    for (Stream & s : streams)
        if (!s.ended && s.p.id == id) return &s;
    return nullptr;
}

void Decode::startIfFree(const StreamParams & stream) {
    const char * taken = nullptr;
    for (const Stream & s : streams) {
        if (s.ended) continue;
        if (s.p.id == stream.id)
            taken = "A stream with this id is already decoding";
        else if (s.p.seq == stream.seq && !taken)
            taken = "Another stream is decoding in this sequence";
    }
    if (taken)
        report.ended.push_back({stream.id, "failed", "bad-request", taken});
    else
        start(stream);
}

// Copies the rows that the next tokens are drawn from, since a prefill overwrites the context's logits.
void Decode::keepRows() {
    for (Stream & s : streams) {
        if (s.ended || !s.logits || s.tail) continue;
        s.tail =
            std::make_shared<std::vector<float>>(s.logits, s.logits + context->model->vocabSize);
        s.logits = s.tail->data();
    }
}

// Fills the stream's sequence with its parts. Other streams wait for the prefill.
void Decode::read(Stream & s) {
    keepRows();
    for (const StreamPart & part : s.p.parts)
        for (const Stream & other : streams)
            require(part.place != StreamPart::MOVE || other.ended || other.p.seq != part.from,
                    "internal", "A stream decodes in a sequence that would move");
    Join join(*context, s.p.seq, s.p.parts);
    for (size_t i = 0; i < s.p.parts.size(); i++) {
        const StreamPart & part = s.p.parts[i];
        if (part.from >= 0) {
            spend(s, join.append(i));
        } else if (!part.tokens.empty()) {
            PrefillParams tokens;
            tokens.seq = s.p.seq;
            tokens.thought = part.thought;
            tokens.tokens = part.tokens;
            prefill(*context, tokens, *stopping, nullptr);
            spend(s, (int64_t) part.tokens.size());
        }
    }
    join.keep();
}

void Decode::start(const StreamParams & stream) {
    // The new stream replaces an ended one with the same id or sequence, which it continues.
    streams.remove_if([&](const Stream & s) {
        return s.ended && (s.p.id == stream.id || s.p.seq == stream.seq);
    });
    streams.emplace_back(stream);
    Stream & s = streams.back();
    for (int32_t id : stream.history) s.joiner.push(context->model->tokenBytes(id));
    try {
        if (stream.branchFrom >= 0) {
            context->remove(stream.seq, 0);
            context->copy(stream.branchFrom, stream.seq, stream.branchEnd);
        }
        if (!stream.parts.empty()) read(s);
        context->setThought(stream.seq, stream.thought);
    } catch (const CodedError & e) {
        return e.code == "cancelled" ? end(s, "cancelled") : end(s, "failed", e.code, e.what());
    }
    s.position = context->lastPosition(stream.seq) + 1;
    s.tail = context->tail(stream.seq);
    if (s.tail) s.logits = s.tail->data();
}

void Decode::end(Stream & s, const char * reason, const std::string & code,
                 const std::string & message) {
    s.ended = true;
    context->keepTail(s.p.seq, s.logits);
    report.ended.push_back({s.p.id, reason, code, message});
}

void Decode::endAll(const char * reason, const std::string & code, const std::string & message) {
    for (Stream & s : streams)
        if (!s.ended) end(s, reason, code, message);
}

void Decode::tell(bool now) {
    if (report.empty() || (!now && Clock::now() - lastReport < REPORT_INTERVAL)) return;
    lastReport = Clock::now();
    onReport(std::exchange(report, DecodeReport{}));
}

DecodeResult Decode::run() {
    engineLog::clear();
    started = lastReport = Clock::now();
    scans.resize(context->sequences);
    Batch batch(context->sequences);
    for (const StreamParams & stream : params.streams) start(stream);
    for (;;) {
        obey(false);
        if (stopping->raised()) endAll("cancelled");
        const bool busy = step(batch);
        tell(!busy);
        if (!busy && (obey(true) || stopping->raised())) break;
    }
    {
        std::lock_guard<std::mutex> lock(mutex);
        over = true;
    }
    tell(true);
    context->refreshInfo();
    result.ms = msSince(started);
    return result;
}
