// A decode's part in a step: it chooses the next token of its streams and reports what became of it.
#include "clock.h"
#include "decode.h"
#include "measure.h"
#include "stream.h"
#include <algorithm>

std::vector<Choice> Decode::choices() {
    std::vector<Choice> list;
    for (const auto & s : streams) {
        if (!s->ready()) continue;
        Group & group = groupOf(*s);
        s->waiting = false;
        if (group.rule.merge == 0 || s->silent()) {
            list.push_back(Choice{{s.get()}});
            continue;
        }
        const std::vector<Stream *> members = membersOf(*s);
        const bool complete = (int32_t) members.size() == group.rule.merge &&
                              std::all_of(members.begin(), members.end(), [](const Stream * m) {
                                  return m->ready() && !m->silent();
                              });
        s->waiting = !complete;
        if (!complete)
            s->hold(context->model->vocabSize); // until the others are ready
        else if (members[0] == s.get())
            list.push_back(Choice{members});
    }
    return list;
}

const Measure & Decode::measureOf(const Stream & s) const {
    const auto group = groups.find(s.p.group);
    return group == groups.end() ? params.rule.measure : group->second.rule.measure;
}

// Chooses the next token, forced or sampled; returns false if there is none. Sets `closing` if it is the last.
bool Decode::chooseToken(const Choice & choice, float * row, const LogitScan & scan) const {
    Stream & s = choice.first();
    if (s.forcedDone < s.p.forced.size()) {
        s.again = s.silent();
        s.counted = !s.again;
        s.token = s.p.forced[s.forcedDone++];
        s.record.forced = true;
        return true;
    }
    if (!row || !scan.finite()) return false;
    LogitScan drawn = scan; // `sample` restores the row but not the scan
    s.token = s.sampler.sample(row, context->model->vocabSize, drawn, s.p.masked);
    if (s.token < 0) return false;
    s.sampled = true;
    if (s.stops.count(s.token)) {
        s.closing = "finished";
        s.record.forced = s.token != s.p.endToken;
        s.token = s.p.endToken;
    } else if (s.ends.count(s.token)) {
        s.closing = "finished";
    } else {
        s.pausing = s.pauses.count(s.token) > 0;
    }
    return s.token >= 0;
}

void Decode::choose(const Choice & choice) const {
    for (Stream * member : choice.members) {
        member->token = -1;
        member->sampled = member->counted = member->again = false;
        member->record = TokenRecord{};
    }
    Stream & s = choice.first();
    s.counted = true;
    float * row = choice.merged() ? (s.mean.empty() ? nullptr : s.mean.data()) : s.logits;
    const LogitScan & scan = choice.merged() ? s.meanScan : s.scan;
    if (!chooseToken(choice, row, scan)) return;
    const bool answer = s.sampled || (s.p.grammar && (int32_t) s.forcedDone > s.p.grammar->from);
    if (!s.sampler.accept(s.token, answer)) {
        s.token = -1;
        return;
    }
    for (Stream * member : choice.members) member->token = s.token;
    if (!s.counted) return;
    s.record.id = s.token;
    if (row && scan.finite()) measureToken(s.record, measureOf(s), *context->model, row, scan);
    if (choice.merged() && row && measureOf(s).logprobs)
        for (const Stream * member : choice.members)
            s.record.members.push_back(member->logits[s.token] - member->scan.sums().logZ);
    if (++s.reported >= s.p.budget && !s.closing) s.closing = "budget";
}

void Decode::settle(const Choice & choice) {
    Stream & s = choice.first();
    if (s.sampled && result.firstTokenMs == 0) result.firstTokenMs = msSince(started);
    if (s.token >= 0 || s.ended) return;
    const bool rows = std::all_of(choice.members.begin(), choice.members.end(),
                                  [](const Stream * member) { return member->logits != nullptr; });
    if (s.closing)
        end(s, s.closing);
    else if (!rows)
        end(s, "failed", "decode-failed", "Nothing to continue from");
    else if (!(choice.merged() ? s.meanScan : s.scan).finite())
        end(s, "failed", "decode-failed", "The model's logits are not numbers");
    else
        end(s, "failed", "decode-failed",
            s.sampler.restricted()
                ? "The answer cannot go on: what comes next does not fit its schema"
                : "No token is left to sample");
}

void Decode::shed() {
    for (;;) {
        int64_t count = 0;
        Stream * longest = nullptr;
        for (const auto & s : streams) {
            if (!s->ready() || s->waiting || s->reserve > 0) continue;
            count++;
            if (!longest || s->position >= longest->position) longest = s.get();
        }
        if (count <= cells || !longest) return;
        end(*longest, "overflow", "out-of-cells", "The context is full");
    }
}

// Takes cells for a stream, from its reserve first.
void Decode::spend(Stream & s, int64_t count) {
    const int64_t own = std::min(s.reserve, count);
    s.reserve -= own;
    cells -= count - own;
}

void Decode::advance(Stream & s, float * row) {
    // A silent token is recomputed only for the logits after it. The branch keeps its parent's cell, so a join counts
    // it once.
    const bool shared =
        s.again && s.p.branchFrom >= 0 && context->shareCell(s.p.branchFrom, s.p.seq, s.position);
    if (!shared) spend(s, 1);
    s.position++;
    s.tail.reset();
    s.logits = row;
}

void Decode::commit(Stream & s) {
    if (s.counted || s.again) {
        std::string text = s.joiner.push(context->model->tokenBytes(s.token));
        if (s.counted) {
            s.record.text = std::move(text);
            if (groupOf(s).rule.report) {
                auto entry = std::find_if(report.tokens.begin(), report.tokens.end(),
                                          [&](const auto & e) { return e.first == s.p.id; });
                if (entry == report.tokens.end()) entry = report.tokens.insert(entry, {s.p.id, {}});
                entry->second.push_back(std::move(s.record));
            } else {
                held[s.p.id].push_back(std::move(s.record));
            }
        }
    }
    if (s.closing)
        end(s, s.closing);
    else if (s.pausing)
        pause(s);
    s.pausing = false;
}

// Takes the stream, with those that it is merged with, out of the steps until it is resumed.
void Decode::pause(Stream & s) {
    for (Stream * member : membersOf(s)) {
        member->hold(context->model->vocabSize);
        member->paused = true;
    }
    tellHeld(s.p.id);
    report.paused.push_back(s.p.id);
}

void Decode::stepped() {
    result.steps++;
    for (const auto & s : streams) {
        const GroupRule & rule = groupOf(*s).rule;
        if (!s->ended && rule.finish > 0 && (int32_t) groupOf(*s).finished.size() >= rule.finish)
            end(*s, "cut");
    }
}
