#include "harness.h"
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

TEST("several streams decode what each decodes alone") {
    Prompted f;
    Ids alone[4];
    for (int32_t id : {1, 2, 3}) alone[id] = f.alone(stream(id, 12, {60 + id}));
    const Decoded all =
        run(f, streams({stream(1, 12, {61}), stream(2, 12, {62}), stream(3, 12, {63})}));
    for (int32_t id : {1, 2, 3}) {
        CHECK_EQUAL(all.ids(id), alone[id]);
        CHECK_EQUAL(all.reason(id), "budget");
        CHECK_EQUAL(f.context->lastPosition(id), 4 + 12);
    }
    CHECK(alone[1] != alone[2]);
    CHECK_EQUAL(all.result.steps, 12);
    CHECK(all.result.firstTokenMs > 0 && all.result.firstTokenMs <= all.result.ms);
}

TEST("forced tokens count in the budget, silent ones neither count nor are reported") {
    Prompted f;
    const Decoded forced = run(f, streams({stream(1, 3, {61, 62})}));
    CHECK_EQUAL(forced.ids(1).size(), 3u);
    CHECK(forced.tokens.at(1)[0].forced && forced.tokens.at(1)[1].forced);
    CHECK(!forced.tokens.at(1)[2].forced);
    CHECK(forced.tokens.at(1)[1].logprob < 0 && forced.tokens.at(1)[1].entropy > 0);
    StreamParams silent = stream(2, 1, {61, 62});
    silent.silent = 2;
    const Decoded quiet = run(f, streams({silent}));
    CHECK_EQUAL(quiet.ids(2), (Ids{forced.ids(1)[2]}));
    CHECK_EQUAL(f.context->lastPosition(2), 4 + 3);
}

TEST("a masked token is never sampled, and no token left ends the stream") {
    Prompted f;
    const Ids free = f.alone(stream(1, 12));
    StreamParams masked = stream(1, 12);
    masked.masked = free;
    const Ids other = f.alone(masked);
    CHECK_EQUAL(other.size(), 12u);
    for (int32_t id : other) CHECK(std::find(free.begin(), free.end(), id) == free.end());
    masked.masked.clear();
    for (int32_t id = 0; id < f.model->vocabSize; id++) masked.masked.push_back(id);
    const Decoded none = run(f, streams({masked}));
    CHECK_EQUAL(none.reason(1), "failed");
    CHECK_EQUAL(none.code(1), "decode-failed");
}

TEST("a stop token ends the stream, its end token in its place") {
    Prompted f;
    const Ids free = f.alone(stream(1, 12));
    StreamParams stopping = stream(1, 12);
    stopping.stops = {free[3]};
    const size_t upTo = std::find(free.begin(), free.end(), free[3]) - free.begin();
    Ids wanted(free.begin(), free.begin() + upTo);
    CHECK_EQUAL(f.alone(stopping), wanted);
    stopping.endToken = 77;
    wanted.push_back(77);
    const Decoded ended = run(f, streams({stopping}));
    CHECK_EQUAL(ended.ids(1), wanted);
    CHECK_EQUAL(ended.reason(1), "finished");
    CHECK(ended.tokens.at(1).back().forced);
    CHECK_EQUAL(f.context->lastPosition(1), (int32_t) (4 + wanted.size()));
}

TEST("samplers of one seed draw the same, with and without truncation") {
    Prompted f;
    for (const bool truncated : {false, true}) {
        StreamParams p = stream(1, 20);
        p.sampler.temperature = 1.5f;
        p.sampler.repetitionPenalty = 1.2f;
        p.sampler.repetitionWindow = 4;
        p.sampler.seed = 5;
        p.history = {1, 2, 3, 4, 5, 6};
        if (truncated) {
            p.sampler.topK = 40;
            p.sampler.topP = 0.95f;
            p.sampler.minP = 0.01f;
        }
        const Ids first = f.alone(p);
        CHECK_EQUAL(f.alone(p), first);
        p.sampler.seed = 9;
        CHECK(f.alone(p) != first);
    }
}

TEST("a group is cut when enough of its streams ended, other groups go on") {
    Prompted f;
    StreamParams other = stream(3, 20);
    other.group = 1;
    const Decoded d = run(f, streams({stream(1, 5), stream(2, 20), other}, 1));
    CHECK_EQUAL(d.reason(1), "budget");
    CHECK_EQUAL(d.reason(2), "cut");
    CHECK_EQUAL(d.reason(3), "budget");
    CHECK_EQUAL(d.ids(2).size(), 5u);
    CHECK_EQUAL(d.ids(3).size(), 20u);
}

TEST("a branch goes on from its parent's cells and takes none of its own for them") {
    Prompted f(256);
    const Ids parent = run(f, streams({stream(1, 200)})).ids(1);
    StreamParams branch = stream(2, 8, {parent[190]});
    branch.branchFrom = 1;
    branch.branchEnd = 5 + 190;
    branch.silent = 1;
    DecodeParams p = streams({branch});
    p.cells = 8;
    const Decoded d = run(f, p);
    CHECK_EQUAL(d.ids(2), Ids(parent.begin() + 191, parent.begin() + 199));
    CHECK_EQUAL(d.reason(2), "budget");
}

TEST("a stream begins from parts as if they had been prefilled") {
    Prompted f;
    const Ids path = f.alone(stream(1, 6));
    f.context->remove(1, 0);
    run(f, streams({stream(1, 6, {61}), stream(3, 6)}));
    Ids given3(path.begin(), path.begin() + 3);
    f.fill(2, given3);
    f.fill(2, {90, 91});
    const Ids wanted = run(f, streams({stream(2, 5)})).ids(2);
    StreamParams joined = stream(4, 5);
    joined.parts = {cells(3, 5 + 3), words({90, 91})};
    CHECK_EQUAL(run(f, streams({joined})).ids(4), wanted);
    CHECK_EQUAL(f.context->lastPosition(4), 4 + 3 + 2 + 5);
}

TEST("a stream that reads its parts says how far it is, chunk by chunk") {
    Prompted f;
    StreamParams joined = stream(4, 3);
    joined.parts = {cells(0), words(Ids(300, 7)), words(Ids(300, 8))};
    Decoding decoding(f, streams({stream(1, 40), joined}));
    std::vector<size_t> done;
    decoding.onReading = [&](int32_t id, StreamReading reading) {
        CHECK_EQUAL(id, 4);
        CHECK_EQUAL(reading.tokens, 600u);
        done.push_back(reading.done);
    };
    decoding.run();
    CHECK(std::is_sorted(done.begin(), done.end()));
    CHECK(done.size() > 1);
    CHECK_EQUAL(done.back(), 600u);
    CHECK_EQUAL(decoding.decoded.reason(4), "budget");
}

TEST("cells that are kept for a stream are its own, for its parts and its tokens") {
    Prompted f;
    StreamParams rich = stream(2, 8);
    rich.parts = {cells(0), words({5, 6})};
    rich.cells = 10;
    DecodeParams p = streams({stream(1, 20), rich});
    p.cells = 3;
    const Decoded d = run(f, p);
    CHECK_EQUAL(d.reason(1), "overflow");
    CHECK_EQUAL(d.ids(1).size(), 3u);
    CHECK_EQUAL(d.reason(2), "budget");
    CHECK_EQUAL(d.ids(2).size(), 8u);
}

TEST("a silent token whose cell is its parent's takes none that is kept for the stream") {
    Prompted f;
    const Ids parent = run(f, streams({stream(1, 10)})).ids(1);
    StreamParams branch = stream(2, 4, {parent[5]});
    branch.branchFrom = 1;
    branch.branchEnd = 5 + 5;
    branch.silent = 1;
    branch.cells = 4;
    DecodeParams p = streams({branch, stream(3, 2)});
    p.cells = 1;
    const Decoded d = run(f, p);
    CHECK_EQUAL(d.reason(2), "budget");
    CHECK_EQUAL(d.reason(3), "overflow");
    CHECK_EQUAL(d.ids(3).size(), 1u);
}

TEST("a cancel reaches the parts that are prefilled, and a part that does not fit fails") {
    Prompted f(256);
    StreamParams p = stream(1);
    p.parts = {cells(0), words(Ids(100, 7))};
    Decoding d(f, streams({p}));
    d.flag->raise();
    d.run();
    CHECK_EQUAL(d.decoded.reason(1), "cancelled");
    p.parts[1] = words(Ids(300, 7));
    const Decoded full = run(f, streams({p, stream(2, 3)}));
    CHECK_EQUAL(full.reason(1), "failed");
    CHECK_EQUAL(full.code(1), "out-of-cells");
    CHECK_EQUAL(full.ids(2).size(), 3u);
}

TEST("the longest stream ends when cells run short, whether the decode's or the context's") {
    Prompted f;
    DecodeParams p = streams({stream(1, 40, {61}), stream(2, 10)});
    p.cells = 30;
    const Decoded few = run(f, p);
    CHECK_EQUAL(few.reason(1), "overflow");
    CHECK_EQUAL(few.code(1), "out-of-cells");
    CHECK_EQUAL(few.ids(1).size(), 20u);
    CHECK_EQUAL(few.reason(2), "budget");
    Prompted small(256);
    const Decoded full = run(small, streams({stream(1, 1000), stream(2, 1000)}));
    CHECK_EQUAL(full.code(1), "out-of-cells");
    CHECK_EQUAL(full.code(2), "out-of-cells");
    CHECK_EQUAL(full.ids(1).size() + full.ids(2).size(), 256u - 5);
}

TEST("a stream without logits to begin with fails alone, as does a thought without a row") {
    Fixture f;
    f.fill(0, PROMPT);
    StreamParams empty = stream(1), thought = stream(2, 8, {5});
    thought.thought = f.model->thoughtRows;
    const Decoded d = run(f, streams({empty, thought, stream(0, 4)}));
    CHECK_EQUAL(d.code(1), "decode-failed");
    CHECK_EQUAL(d.code(2), "out-of-range");
    CHECK_EQUAL(d.ids(0).size(), 4u);
}

TEST("commands that wait take effect before the first step, in order") {
    Prompted f;
    Decoding d(f, streams({stream(1), stream(2), stream(3), stream(4)}));
    StreamParams fifth = stream(5, 3), taken = stream(6, 3), again = stream(1, 2);
    taken.seq = 3;
    CHECK(d.decode.stop(1, false));
    CHECK(d.decode.stop(2, true));
    CHECK(d.decode.extend(3, 4));
    CHECK(d.decode.extend(3, INT32_MAX - 4));
    CHECK(d.decode.remove(4));
    CHECK(d.decode.add(fifth));
    CHECK(d.decode.add(taken));
    CHECK(d.decode.stop(99, false)); // no such stream: nothing happens
    CHECK(d.decode.add(again));
    d.onReport = [&] {
        if (d.decoded.ids(3).size() > 12) d.decode.stop(3, true);
    };
    d.run();
    CHECK_EQUAL(d.decoded.ends.at(1)[0].reason, "stopped");
    CHECK_EQUAL(d.decoded.ends.at(1)[1].reason, "budget");
    CHECK_EQUAL(d.decoded.ids(1).size(), 2u);
    CHECK_EQUAL(d.decoded.reason(2), "cut");
    CHECK_EQUAL(d.decoded.ids(2).size(), 0u);
    CHECK_EQUAL(d.decoded.reason(3), "cut");
    CHECK_EQUAL(d.decoded.reason(4), "stopped");
    CHECK_EQUAL(f.context->lastPosition(4), -1);
    CHECK_EQUAL(d.decoded.ids(5).size(), 3u);
    CHECK_EQUAL(d.decoded.reason(6), "failed");
    CHECK_EQUAL(d.decoded.code(6), "bad-request");
}

TEST("a stream that ended thinks on while the others decode") {
    Prompted f(8192);
    const Ids whole = f.alone(stream(1, 6));
    Decoding d(f, streams({stream(1, 3), stream(2, 6000)}));
    bool asked = false;
    d.onReport = [&] {
        if (!asked) CHECK(d.decode.add(stream(1, 3)));
        asked = true;
        if (d.decoded.ends[1].size() == 2) d.decode.stop(2, false);
    };
    d.run();
    CHECK_EQUAL(d.decoded.ids(1), whole);
    CHECK_EQUAL(d.decoded.reason(2), "stopped");
}

TEST("commands of other threads reach a decode under way, and none once it is over") {
    Prompted f(8192);
    Decoding d(f, streams({stream(1, 7000), stream(2, 7000), stream(3, 7000)}));
    std::vector<std::thread> threads;
    std::atomic<int> sent{0};
    d.onReport = [&] {
        if (!threads.empty()) return;
        for (int32_t id : {1, 2, 3})
            threads.emplace_back([&, id] {
                for (int i = 0; i < 50; i++) sent += d.decode.extend(id, 1);
                sent += d.decode.add(stream(id + 3, 4));
                sent += id == 1 ? d.decode.remove(1) : d.decode.stop(id, id == 2);
            });
    };
    d.run();
    for (std::thread & thread : threads) thread.join();
    CHECK_EQUAL(sent, 3 * 52);
    CHECK_EQUAL(d.decoded.reason(1), "stopped");
    CHECK_EQUAL(d.decoded.reason(2), "cut");
    CHECK_EQUAL(d.decoded.reason(3), "stopped");
    for (int32_t id : {4, 5, 6}) CHECK_EQUAL(d.decoded.ids(id).size(), 4u);
    CHECK_EQUAL(f.context->lastPosition(1), -1);
    CHECK(!d.decode.stop(2, false) && !d.decode.extend(2, 1) && !d.decode.remove(2));
    CHECK(!d.decode.add(stream(7)));
}

TEST("a cancel ends every stream, and the cells are those of the tokens that were reported") {
    Prompted f(8192);
    Decoding early(f, streams({stream(1), stream(2)}));
    early.flag->raise();
    early.run();
    CHECK_EQUAL(early.decoded.reason(1), "cancelled");
    CHECK_EQUAL(early.decoded.result.steps, 0);
    Decoding d(f, streams({stream(1, 7000), stream(2, 7000)}));
    d.onReport = [&] { d.flag->raise(); };
    d.run();
    for (int32_t id : {1, 2}) {
        CHECK_EQUAL(d.decoded.reason(id), "cancelled");
        CHECK_EQUAL(f.context->lastPosition(id), (int32_t) (4 + d.decoded.ids(id).size()));
    }
    CHECK_EQUAL(run(f, streams({stream(3, 4)})).ids(3).size(), 4u);
}

TEST("a cancel from another thread ends the step under way and leaves a context that works") {
    Prompted f(8192);
    const Ids whole = f.alone(stream(3, 4));
    for (int i = 0; i < 20; i++) {
        f.again(1);
        Decoding d(f, streams({stream(1, 7000)}));
        std::thread cancel([&] {
            std::this_thread::sleep_for(std::chrono::microseconds(700 * i));
            d.flag->raise();
        });
        d.run();
        cancel.join();
        CHECK_EQUAL(d.decoded.reason(1), "cancelled");
        CHECK_EQUAL(f.context->lastPosition(1), (int32_t) (4 + d.decoded.ids(1).size()));
    }
    CHECK_EQUAL(f.alone(stream(3, 4)), whole);
}

TEST("the end of the process cancels a decode") {
    Prompted f(8192);
    Decoding d(f, streams({stream(1, 7000)}));
    d.onReport = [&] { f.leaving->raise(); };
    d.run();
    CHECK_EQUAL(d.decoded.reason(1), "cancelled");
}

TEST("a decode refuses streams that cannot be") {
    Prompted f;
    const auto code = [&](const DecodeParams & p) { return codeOf([&] { Decoding(f, p); }); };
    const auto changed = [&](const std::function<void(StreamParams &)> & change) {
        StreamParams p = stream(1);
        change(p);
        Decoding other(f, streams({stream(2)}));
        const std::string first = code(streams({p}));
        CHECK_EQUAL(codeOf([&] { other.decode.add(p); }), first);
        return first;
    };
    CHECK_EQUAL(changed([](StreamParams &) {}), "");
    for (const int32_t bad : {INT32_MIN, -1, f.context->sequences, INT32_MAX})
        CHECK_EQUAL(changed([&](StreamParams & p) { p.seq = bad; }), "out-of-range");
    for (const int32_t bad : {INT32_MIN, -2, f.model->vocabSize, INT32_MAX}) {
        CHECK_EQUAL(changed([&](StreamParams & p) { p.endToken = bad; }), "out-of-range");
        CHECK_EQUAL(changed([&](StreamParams & p) { p.forced = {1, bad}; }), "out-of-range");
        CHECK_EQUAL(changed([&](StreamParams & p) { p.masked = {bad}; }), "out-of-range");
        CHECK_EQUAL(changed([&](StreamParams & p) { p.stops = {bad}; }), "out-of-range");
        CHECK_EQUAL(changed([&](StreamParams & p) { p.history = {bad}; }), "out-of-range");
        CHECK_EQUAL(changed([&](StreamParams & p) { p.branchFrom = bad, p.branchEnd = 1; }),
                    "out-of-range");
    }
    for (const int32_t bad : {INT32_MIN, -2, f.context->sequences, INT32_MAX})
        CHECK_EQUAL(changed([&](StreamParams & p) { p.parts = {cells(bad)}; }), "out-of-range");
    CHECK_EQUAL(changed([](StreamParams & p) { p.parts = {cells(0, -2)}; }), "out-of-range");
    CHECK_EQUAL(changed([](StreamParams & p) { p.parts = {cells(p.seq)}; }), "bad-request");
    CHECK_EQUAL(changed([](StreamParams & p) { p.parts = {words({-1})}; }), "out-of-range");
    CHECK_EQUAL(changed([](StreamParams & p) { p.cells = -1; }), "out-of-range");
    CHECK_EQUAL(changed([](StreamParams & p) { p.id = -1; }), "out-of-range");
    CHECK_EQUAL(changed([](StreamParams & p) { p.budget = 0; }), "out-of-range");
    CHECK_EQUAL(changed([](StreamParams & p) { p.group = -1; }), "out-of-range");
    CHECK_EQUAL(changed([](StreamParams & p) { p.silent = 1; }), "out-of-range");
    CHECK_EQUAL(changed([](StreamParams & p) { p.thought = -2; }), "out-of-range");
    CHECK_EQUAL(changed([](StreamParams & p) { p.branchFrom = 1, p.branchEnd = 1; }),
                "bad-request");
    CHECK_EQUAL(changed([](StreamParams & p) { p.branchFrom = 0, p.branchEnd = 0; }),
                "out-of-range");
    for (const float bad : {-1.0f, 1e30f, NAN, std::numeric_limits<float>::infinity()}) {
        CHECK_EQUAL(changed([&](StreamParams & p) { p.sampler.temperature = bad; }),
                    "out-of-range");
        CHECK_EQUAL(changed([&](StreamParams & p) { p.sampler.topP = bad; }), "out-of-range");
        CHECK_EQUAL(changed([&](StreamParams & p) { p.sampler.minP = bad; }), "out-of-range");
        CHECK_EQUAL(changed([&](StreamParams & p) { p.sampler.repetitionPenalty = bad; }),
                    "out-of-range");
    }
    CHECK_EQUAL(changed([](StreamParams & p) { p.sampler.topK = -1; }), "out-of-range");
    CHECK_EQUAL(changed([](StreamParams & p) { p.sampler.repetitionWindow = 65537; }),
                "out-of-range");
    StreamParams sameSequence = stream(2);
    sameSequence.seq = 1;
    CHECK_EQUAL(code(streams({})), "out-of-range");
    CHECK_EQUAL(code(streams({stream(1), stream(1)})), "bad-request");
    CHECK_EQUAL(code(streams({stream(1), sameSequence})), "bad-request");
    CHECK_EQUAL(code(streams({stream(1)}, -1)), "out-of-range");
    DecodeParams p = streams({stream(1)});
    p.cells = -1;
    CHECK_EQUAL(code(p), "out-of-range");
    p = streams({stream(1)});
    p.rule.measure.alternatives = 21;
    CHECK_EQUAL(code(p), "out-of-range");
    Decoding d(f, streams({stream(1)}));
    CHECK_EQUAL(codeOf([&] { d.decode.extend(1, 0); }), "out-of-range");
    CHECK_EQUAL(codeOf([&] { d.decode.remove(f.context->sequences); }), "out-of-range");
}
