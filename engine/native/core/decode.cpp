#include "decode.h"
#include "log.h"
#include "loop.h"
#include "measure.h"
#include "start.h"
#include "stream.h"
#include <algorithm>
#include <unordered_set>

namespace {
constexpr auto REPORT_INTERVAL = std::chrono::milliseconds(30);

void checkRule(const Context & context, const GroupRule & rule) {
    require(rule.finish >= 0, "out-of-range", "finish must be at least 0");
    checkMeasure(rule.measure);
    require(rule.merge == 0 || (rule.merge >= 2 && rule.merge <= context.sequences), "out-of-range",
            "merge must be 0, or from 2 to the number of sequences");
}

void checkDecode(const Context & context, const DecodeParams & p) {
    require(!p.streams.empty() && p.streams.size() <= (size_t) context.sequences, "out-of-range",
            "A decode takes from 1 to as many streams as the context has sequences");
    require(p.cells >= 0, "out-of-range", "cells must be at least 0");
    checkRule(context, p.rule);
    for (const auto & [id, rule] : p.groups) checkRule(context, rule);
    std::unordered_set<int32_t> ids, sequences;
    for (const StreamParams & stream : p.streams) {
        checkStream(context, stream);
        require(ids.insert(stream.id).second, "bad-request", "Two streams have the same id");
        require(sequences.insert(stream.seq).second, "bad-request",
                "Two streams decode in the same sequence");
    }
}
} // namespace

Decode::Decode(Loop & within, DecodeParams wanted, std::shared_ptr<const StopFlag> stop,
               std::function<void(DecodeReport)> onReport,
               std::function<void(std::exception_ptr, DecodeResult)> onDone)
    : context(within.context())
    , stopping(std::move(stop))
    , loop(within)
    , params(std::move(wanted))
    , onReport(std::move(onReport))
    , onDone(std::move(onDone))
    , cells(params.cells) {
    checkDecode(*context, params);
    for (const auto & [id, rule] : params.groups) groups[id].rule = rule;
}

Decode::~Decode() = default;

bool Decode::send(std::function<void()> command, bool evenIfOver) {
    {
        std::lock_guard<std::mutex> lock(mutex);
        if (over) return false;
        waiting++;
    }
    loop.post([self = shared_from_this(), command = std::move(command), evenIfOver] {
        {
            std::lock_guard<std::mutex> lock(self->mutex);
            self->waiting--;
            if (self->over && !evenIfOver) return;
        }
        command();
    });
    return true;
}

bool Decode::stop(int32_t id, bool cut) {
    return send([=] {
        if (Stream * s = live(id)) end(*s, cut ? "cut" : "stopped");
    });
}

bool Decode::extend(int32_t id, int32_t tokens, int64_t cells) {
    require(tokens >= 1, "out-of-range", "tokens must be at least 1");
    require(cells >= 0, "out-of-range", "cells must be at least 0");
    return send([=] {
        Stream * s = live(id);
        if (!s) return;
        s->p.budget = (int32_t) std::min<int64_t>((int64_t) s->p.budget + tokens, INT32_MAX);
        s->reserve += cells;
    });
}

bool Decode::add(StreamParams stream) {
    checkStream(*context, stream);
    return send([this, stream = std::move(stream)] { start(stream); });
}

bool Decode::remove(int32_t seq) {
    context->requireSequence(seq, "seq");
    return send(
        [=] {
            for (const auto & s : streams)
                if (!s->ended && s->p.seq == seq) end(*s, "stopped");
            // Not before earlier tasks have read the cells.
            loop.enqueue(std::make_shared<Job>(
                std::vector<int32_t>{seq}, seq, [=] { context->remove(seq, 0); }, nullptr));
        },
        true);
}

bool Decode::resume(int32_t id, std::vector<int32_t> forced) {
    context->model->requireTokens(forced, "forced");
    return send([this, id, forced = std::move(forced)] {
        Stream * s = live(id);
        if (!s || !s->paused) return;
        for (Stream * member : membersOf(*s)) member->paused = false;
        s->p.forced.insert(s->p.forced.end(), forced.begin(), forced.end());
    });
}

bool Decode::setGroup(int32_t id, GroupRule rule) {
    require(id >= 0, "out-of-range", "group must be at least 0");
    checkRule(*context, rule);
    return send([=] { groups[id].rule = rule; });
}

Stream * Decode::live(int32_t id) const {
    for (const auto & s : streams)
        if (!s->ended && s->p.id == id) return s.get();
    return nullptr;
}

Group & Decode::groupOf(const Stream & s) {
    const auto known = groups.find(s.p.group);
    if (known != groups.end()) return known->second;
    return groups.emplace(s.p.group, Group{params.rule, {}, 0}).first->second;
}

// Returns the streams that decode one text with this one, in the order in which they were added: itself, if its group
// does not merge.
std::vector<Stream *> Decode::membersOf(const Stream & s) const {
    const auto group = groups.find(s.p.group);
    const bool merge = group != groups.end() && group->second.rule.merge > 0;
    std::vector<Stream *> members;
    for (const auto & other : streams)
        if (merge ? !other->ended && other->p.group == s.p.group : other.get() == &s)
            members.push_back(other.get());
    return members;
}

void Decode::begin() {
    started = lastReport = Clock::now();
    for (const StreamParams & stream : std::exchange(params.streams, {})) start(stream);
}

void Decode::start(const StreamParams & stream) {
    const char * refused = nullptr;
    int32_t members = 0;
    for (const auto & s : streams) {
        if (s->ended) continue;
        members += s->p.group == stream.group;
        if (s->p.id == stream.id)
            refused = "A stream with this id is already decoding";
        else if (s->p.seq == stream.seq && !refused)
            refused = "Another stream is decoding in this sequence";
    }
    const auto s = std::make_shared<Stream>(stream);
    Group & group = groupOf(*s);
    if (group.rule.merge > 0 && members >= group.rule.merge && !refused)
        refused = "The merged group has all its streams";
    if (refused) {
        report.ended.push_back({stream.id, "failed", "bad-request", refused});
        return;
    }
    group.finished.erase(stream.id);
    streams.push_back(s);
    if (group.gone > 0) return endOne(*s, "stopped", "", ""); // as the members before it
    for (int32_t id : stream.history) s->joiner.push(context->model->tokenBytes(id));
    loop.enqueue(std::make_shared<Start>(loop, shared_from_this(), s));
}

// The stream's sequence is filled: it takes part in steps from now on.
void Decode::place(Stream & s) {
    s.position = context->lastPosition(s.p.seq) + 1;
    s.hold(context->tail(s.p.seq));
    s.filled = true;
}

void Decode::noteReading(const Stream & s, StreamReading reading) {
    report.reading.insert_or_assign(s.p.id, reading);
}

void Decode::obeyStop() {
    if (stopping->raised()) endAll("cancelled");
}

void Decode::end(Stream & s, const char * reason, const std::string & code,
                 const std::string & message) {
    for (Stream * member : membersOf(s))
        if (!member->ended) endOne(*member, reason, code, message);
}

void Decode::endOne(Stream & s, const char * reason, const std::string & code,
                    const std::string & message) {
    s.ended = true;
    if (s.filled) context->keepTail(s.p.seq, s.logits);
    Group & group = groupOf(s);
    if (s.closing == reason) group.finished.insert(s.p.id);
    if (group.rule.merge > 0) group.gone = (group.gone + 1) % group.rule.merge;
    tellHeld(s.p.id);
    report.ended.push_back({s.p.id, reason, code, message});
}

void Decode::endAll(const char * reason, const std::string & code, const std::string & message) {
    for (const auto & s : streams)
        if (!s->ended) endOne(*s, reason, code, message);
}

bool Decode::decodesIn(int32_t seq) const {
    return std::any_of(streams.begin(), streams.end(), [&](const auto & s) {
        return s->filled && !s->ended && (seq == Task::EVERY || s->p.seq == seq);
    });
}

bool Decode::reads(int32_t seq) const {
    return decodesIn(seq) || std::any_of(streams.begin(), streams.end(), [&](const auto & s) {
               return s->filled && !s->ended && s->silent() && s->p.branchFrom == seq;
           });
}

bool Decode::active() const {
    return std::any_of(streams.begin(), streams.end(),
                       [](const auto & s) { return s->ready() && !s->waiting; });
}

void Decode::tell(bool now) {
    if (report.empty() || (!now && Clock::now() - lastReport < REPORT_INTERVAL)) return;
    lastReport = Clock::now();
    onReport(std::exchange(report, DecodeReport{}));
}

// Reports the tokens that were held back until the stream pauses or ends.
void Decode::tellHeld(int32_t id) {
    const auto tokens = held.find(id);
    if (tokens == held.end()) return;
    report.tokens.push_back({id, std::move(tokens->second)});
    held.erase(tokens);
}

bool Decode::close() {
    streams.remove_if([](const auto & s) { return s->ended; });
    if (!streams.empty()) return false;
    tell(true);
    {
        std::lock_guard<std::mutex> lock(mutex);
        if (waiting > 0 && !stopping->raised()) return false;
        over = true;
    }
    finish(nullptr);
    return true;
}

void Decode::fail(std::exception_ptr error) {
    {
        std::lock_guard<std::mutex> lock(mutex);
        over = true;
    }
    for (const auto & s : streams) s->ended = true;
    finish(error);
}

void Decode::finish(std::exception_ptr error) {
    context->refreshInfo();
    result.ms = msSince(started);
    onDone(error, result);
}
