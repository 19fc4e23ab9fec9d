// Rules of groups: what is reported, pauses, and texts that several streams decode together.
#include "harness.h"
#include <algorithm>
#include <cmath>

// Sequences 1 to 4 hold the prompt and a path of their own.
struct Paths : Fixture {
    Paths()
        : Fixture(4096) {
        fill(0, PROMPT);
        for (int32_t seq = 1; seq < 5; seq++) again(seq);
    }
    void again(int32_t seq) {
        context->remove(seq, 0);
        context->copy(0, seq, -1);
        fill(seq, {60 + seq, 70 + 2 * seq, 5 * seq});
    }
    std::vector<float> tail(int32_t seq) const { return *context->tail(seq); }
};

// Log-probabilities in double precision.
static std::vector<double> logProbs(const std::vector<float> & logits) {
    double max = -INFINITY, sum = 0;
    for (const float x : logits) max = std::max(max, (double) x);
    for (const float x : logits) sum += std::exp(x - max);
    std::vector<double> result;
    for (const float x : logits) result.push_back(x - max - std::log(sum));
    return result;
}

static DecodeParams merged(std::vector<StreamParams> list, int32_t count) {
    for (StreamParams & p : list) p.group = 7;
    DecodeParams p = streams(list);
    p.groups[7] = p.rule;
    p.groups[7].merge = count;
    return p;
}

// Decodes greedily from the mean of the log-probabilities, one prefilled token at a time.
static Ids reference(Paths & f, const Ids & sequences, const Ids & forced, size_t count,
                     std::vector<double> * measured = nullptr) {
    Ids ids;
    while (ids.size() < count) {
        std::vector<double> mean(f.model->vocabSize);
        for (const int32_t seq : sequences) {
            const auto one = logProbs(f.tail(seq));
            for (size_t i = 0; i < mean.size(); i++) mean[i] += one[i] / sequences.size();
        }
        const int32_t best = (int32_t) (std::max_element(mean.begin(), mean.end()) - mean.begin());
        const int32_t next = ids.size() < forced.size() ? forced[ids.size()] : best;
        double sum = 0;
        for (const double x : mean) sum += std::exp(x);
        if (measured) measured->push_back(mean[next] - std::log(sum));
        ids.push_back(next);
        for (const int32_t seq : sequences) f.fill(seq, {next});
    }
    for (const int32_t seq : sequences) f.again(seq);
    return ids;
}

TEST("a merged group decodes one text from the mean of its streams' log-probabilities") {
    Paths f;
    std::vector<double> measured;
    const Ids wanted = reference(f, {1, 2, 3}, {81, 82}, 14, &measured);
    CHECK(wanted != reference(f, {1}, {81, 82}, 14));
    const Decoded d = run(f, merged({stream(1, 14, {81, 82}), stream(2, 3), stream(3, 99)}, 3));
    CHECK_EQUAL(d.ids(1), wanted);
    for (size_t i = 0; i < measured.size(); i++)
        CHECK(std::fabs(d.tokens.at(1)[i].logprob - measured[i]) < 1e-4);
    CHECK(d.tokens.at(1)[0].forced && d.tokens.at(1)[1].forced && !d.tokens.at(1)[2].forced);
    CHECK_EQUAL(d.tokens.count(2) + d.tokens.count(3), 0u);
    for (const int32_t id : {1, 2, 3}) {
        CHECK_EQUAL(d.reason(id), "budget");
        CHECK_EQUAL(f.context->lastPosition(id), 4 + 3 + 14);
        CHECK(f.context->tail(id) != nullptr);
    }
    CHECK_EQUAL(d.result.steps, 14);
}

TEST("the first stream of a merged group says what ends it, and each stream pays for its tokens") {
    Paths f;
    const Ids free = reference(f, {1, 2}, {}, 9);
    StreamParams first = stream(1, 50);
    first.stops = {free[8]};
    first.endToken = 77;
    const size_t upTo = std::find(free.begin(), free.end(), free[8]) - free.begin();
    Ids wanted(free.begin(), free.begin() + upTo);
    wanted.push_back(77);
    const Decoded d = run(f, merged({first, stream(2, 1)}, 2));
    CHECK_EQUAL(d.ids(1), wanted);
    CHECK_EQUAL(d.reason(1), "finished");
    CHECK_EQUAL(d.reason(2), "finished");
    for (const int32_t seq : {1, 2}) f.again(seq);
    DecodeParams poor = merged({stream(1, 50), stream(2, 50)}, 2);
    poor.cells = 11;
    const Decoded few = run(f, poor);
    CHECK_EQUAL(few.ids(1).size(), 5u);
    CHECK_EQUAL(few.reason(1), "overflow");
    CHECK_EQUAL(few.reason(2), "overflow");
}

TEST("a merged group begins when all its streams are there, and ends with any of them") {
    Paths f;
    const Ids wanted = reference(f, {1, 2, 3}, {}, 6), other = reference(f, {4}, {}, 30);
    Decoding d(f, merged({stream(1, 6), stream(2)}, 3));
    StreamParams alone = stream(4, 30), third = stream(3), fourth = stream(5);
    third.group = fourth.group = 7;
    CHECK(d.decode.add(alone));
    for (int i = 0; i < 10; i++) CHECK(f.loop->turn());
    CHECK_EQUAL(d.decoded.tokens.count(1), 0u);
    CHECK(d.decode.add(third));
    CHECK(d.decode.add(fourth));
    d.run();
    CHECK_EQUAL(d.decoded.ids(1), wanted);
    CHECK_EQUAL(d.decoded.ids(4), other);
    CHECK_EQUAL(d.decoded.code(5), "bad-request");
    for (const int32_t seq : {1, 2, 3}) f.again(seq);
    Decoding stopped(f, merged({stream(1, 500), stream(2), stream(3)}, 3));
    for (int i = 0; i < 10; i++) f.loop->turn();
    CHECK(stopped.decode.stop(3, false));
    stopped.run();
    for (const int32_t id : {1, 2, 3}) CHECK_EQUAL(stopped.decoded.reason(id), "stopped");
    CHECK_EQUAL(f.context->lastPosition(2), f.context->lastPosition(1));
}

TEST("a merged group that waits does not keep the loop busy, and is stopped as a whole") {
    Paths f;
    Decoding d(f, merged({stream(1), stream(2)}, 3));
    for (int i = 0; i < 5 && f.loop->turn(); i++) {
    }
    CHECK(!f.loop->turn());
    CHECK(!d.over);
    CHECK(d.decode.stop(1, true));
    StreamParams late = stream(3);
    late.group = 7;
    CHECK(d.decode.add(late));
    d.run();
    CHECK_EQUAL(d.decoded.reason(1), "cut");
    CHECK_EQUAL(d.decoded.reason(2), "cut");
    CHECK_EQUAL(d.decoded.reason(3), "stopped");
}

TEST("streams of a merged group decode their silent tokens by themselves first") {
    Paths f;
    const Ids wanted = reference(f, {1, 2}, {81}, 8);
    std::vector<StreamParams> list;
    for (const int32_t id : {1, 2}) {
        StreamParams p = stream(id + 4, 8, {5 * id, 81});
        p.branchFrom = id;
        p.branchEnd = 5 + 2;
        p.silent = 1;
        list.push_back(p);
    }
    const Decoded d = run(f, merged(list, 2));
    CHECK_EQUAL(d.ids(5), wanted);
    CHECK_EQUAL(d.tokens.count(6), 0u);
    CHECK_EQUAL(f.context->lastPosition(6), 4 + 3 + 8);
}

TEST("a stream pauses at a token and goes on with forced ones, while others decode") {
    Paths f;
    const Ids whole = reference(f, {1}, {}, 12);
    size_t at = 5;
    while (std::find(whole.begin(), whole.begin() + at, whole[at]) != whole.begin() + at) at++;
    CHECK(at < 12);
    StreamParams pausing = stream(1, (int32_t) at + 6);
    pausing.pauses = {whole[at]};
    Decoding d(f, streams({pausing, stream(2, 40)}));
    while (f.loop->turn()) {
    }
    CHECK(!d.over);
    CHECK_EQUAL(d.decoded.paused, (Ids{1}));
    CHECK_EQUAL(d.decoded.ids(1), Ids(whole.begin(), whole.begin() + at + 1));
    CHECK_EQUAL(d.decoded.ids(2).size(), 40u);
    CHECK_EQUAL(f.context->lastPosition(1), (int32_t) (4 + 3 + at + 1));
    const Ids goesOn = reference(f, {3}, {}, 1); // other work does not disturb what it goes on from
    CHECK_EQUAL(goesOn.size(), 1u);
    CHECK(d.decode.resume(99, {1}));
    CHECK(d.decode.resume(1, {90, 91}));
    CHECK(d.decode.resume(1, {92})); // it is not paused any more
    while (!d.over) {
        while (f.loop->turn()) {
        }
        if (!d.over) CHECK(d.decode.resume(1, {})); // the token again
    }
    const Ids all = d.decoded.ids(1);
    CHECK_EQUAL(all.size(), at + 6);
    CHECK_EQUAL(Ids(all.begin() + at + 1, all.begin() + at + 3), (Ids{90, 91}));
    CHECK(d.decoded.tokens.at(1)[at + 1].forced);
    f.again(4);
    f.context->remove(4, 0);
    f.context->copy(0, 4, -1);
    f.fill(4, {61, 72, 5});
    Ids forced(whole.begin(), whole.begin() + at + 1);
    forced.insert(forced.end(), {90, 91});
    CHECK_EQUAL(run(f, streams({stream(4, (int32_t) at + 6, forced)})).ids(4), all);
}

TEST("a paused stream goes on exactly where it was, and may be stopped, extended and cancelled") {
    Paths f;
    const Ids whole = reference(f, {1}, {}, 12);
    StreamParams pausing = stream(1, 12);
    pausing.pauses = whole;
    Decoding d(f, streams({pausing}));
    for (size_t i = 0; i + 1 < whole.size(); i++) {
        while (f.loop->turn()) {
        }
        CHECK_EQUAL(d.decoded.paused.size(), i + 1);
        CHECK(d.decode.resume(1, {}));
    }
    d.run();
    CHECK_EQUAL(d.decoded.ids(1), whole);
    CHECK_EQUAL(d.decoded.reason(1), "budget");
    f.again(1);
    Decoding stopped(f, streams({pausing}));
    while (f.loop->turn()) {
    }
    CHECK(stopped.decode.extend(1, 5));
    CHECK(stopped.decode.stop(1, true));
    stopped.run();
    CHECK_EQUAL(stopped.decoded.reason(1), "cut");
    CHECK_EQUAL(stopped.decoded.ids(1), (Ids{whole[0]}));
    CHECK(f.context->tail(1) != nullptr);
    CHECK_EQUAL(run(f, streams({stream(1, 11)})).ids(1), Ids(whole.begin() + 1, whole.end()));
    f.again(1);
    Decoding cancelled(f, streams({pausing}));
    while (f.loop->turn()) {
    }
    cancelled.flag->raise();
    cancelled.run();
    CHECK_EQUAL(cancelled.decoded.reason(1), "cancelled");
}

TEST("a merged group pauses and goes on as one") {
    Paths f;
    const Ids wanted = reference(f, {1, 2}, {}, 10);
    StreamParams first = stream(1, 10);
    first.pauses = {wanted[3]};
    Decoding d(f, merged({first, stream(2)}, 2));
    while (!d.over) {
        while (f.loop->turn()) {
        }
        if (!d.over) CHECK(d.decode.resume(1, {}));
    }
    CHECK(!d.decoded.paused.empty());
    for (const int32_t id : d.decoded.paused) CHECK_EQUAL(id, 1);
    CHECK_EQUAL(d.decoded.ids(1), wanted);
}

TEST("groups are measured and reported by their own rules") {
    Paths f;
    std::vector<StreamParams> list;
    for (const int32_t id : {1, 2, 3, 4}) list.push_back(stream(id, id == 4 ? 12 : 6));
    for (StreamParams & p : list) p.group = p.id;
    DecodeParams p = streams(list);
    p.groups[1].measure.alternatives = 3;
    p.groups[2].report = false;
    p.groups[3].finish = 1;
    p.groups[3].measure.logprobs = true;
    size_t told = 0;
    Decoding d(f, p);
    d.onReport = [&] {
        if (d.decoded.tokens.count(2)) told = std::max(told, d.decoded.ends.count(2) + 1);
    };
    d.run();
    for (const TokenRecord & token : d.decoded.tokens.at(1))
        CHECK_EQUAL(token.alternatives.size(), 3u);
    CHECK_EQUAL(d.decoded.ids(2).size(), 6u);
    CHECK_EQUAL(told, 2u); // with its end
    CHECK(std::isnan(d.decoded.tokens.at(2)[0].logprob));
    CHECK(d.decoded.tokens.at(3)[0].logprob < 0);
    CHECK(d.decoded.tokens.at(4)[0].logprob < 0);
    CHECK(d.decoded.tokens.at(4)[0].alternatives.empty());
}

TEST("the rule of a group can be set before its streams are added, and while they decode") {
    Paths f;
    Decoding d(f, streams({stream(1, 400)}));
    GroupRule rule;
    rule.finish = 1;
    CHECK(d.decode.setGroup(5, rule));
    for (const int32_t id : {2, 3}) {
        StreamParams p = stream(id, 4 * id);
        p.group = 5;
        CHECK(d.decode.add(p));
    }
    for (int i = 0; i < 20; i++) f.loop->turn();
    CHECK(d.decode.setGroup(0, rule));
    StreamParams last = stream(4, 2);
    CHECK(d.decode.add(last));
    d.run();
    CHECK_EQUAL(d.decoded.reason(3), "cut");
    CHECK_EQUAL(d.decoded.ids(3).size(), 8u);
    CHECK_EQUAL(d.decoded.reason(1), "cut");
    CHECK(!d.decode.setGroup(5, rule));
    CHECK(!d.decode.resume(1, {}));
}

TEST("rules of groups that cannot be are refused") {
    Paths f;
    const auto code = [&](const std::function<void(GroupRule &)> & change) {
        GroupRule rule;
        change(rule);
        DecodeParams named = streams({stream(1)}), other = streams({stream(1)});
        named.groups[1] = rule;
        other.rule = rule;
        Decoding d(f, streams({stream(2)}));
        const std::string first = codeOf([&] { d.decode.setGroup(1, rule); });
        CHECK_EQUAL(codeOf([&] { Decoding(f, named); }), first);
        CHECK_EQUAL(codeOf([&] { Decoding(f, other); }), first);
        return first;
    };
    CHECK_EQUAL(code([](GroupRule &) {}), "");
    CHECK_EQUAL(code([](GroupRule & rule) { rule.finish = -1; }), "out-of-range");
    CHECK_EQUAL(code([](GroupRule & rule) { rule.measure.alternatives = 21; }), "out-of-range");
    for (const int32_t bad : {-1, 1, f.context->sequences + 1, INT32_MAX})
        CHECK_EQUAL(code([&](GroupRule & rule) { rule.merge = bad; }), "out-of-range");
    Decoding d(f, streams({stream(1)}));
    CHECK_EQUAL(codeOf([&] { d.decode.setGroup(-1, GroupRule()); }), "out-of-range");
    CHECK_EQUAL(codeOf([&] { d.decode.resume(1, {-1}); }), "out-of-range");
    StreamParams bad = stream(3);
    bad.pauses = {f.model->vocabSize};
    CHECK_EQUAL(codeOf([&] { d.decode.add(bad); }), "out-of-range");
}
