// Several decodes, prefills and other work on one context.
#include "crowd.h"
#include "harness.h"
#include "pace.h"
#include "threads.h"
#include <algorithm>
#include <cmath>

static Ids numbered(size_t count) {
    Ids ids;
    for (size_t i = 0; i < count; i++) ids.push_back((int32_t) (i * 7 % 200));
    return ids;
}

struct Shared : Prompted {
    explicit Shared(int32_t cells = 4096)
        : Prompted(cells) {}
    // Starts a prefill; `code` is "" while it works, and "done" once all is added.
    struct Asked {
        std::shared_ptr<StopFlag> stop = std::make_shared<StopFlag>();
        std::string code;
        std::vector<size_t> progress;
        PrefillResult result;
    };
    std::shared_ptr<Asked> prefilling(int32_t seq, const Ids & ids, bool report = false) {
        PrefillParams p;
        p.seq = seq;
        p.tokens = ids;
        p.report = p.measure.logprobs = report;
        const auto asked = std::make_shared<Asked>();
        loop->run(std::make_shared<Prefill>(
            context, p, asked->stop, [asked](size_t done) { asked->progress.push_back(done); },
            [asked](std::exception_ptr error, PrefillResult result) {
                asked->code = error ? codedError(error).code : "done";
                asked->result = std::move(result);
            }));
        return asked;
    }
};

TEST("decodes share steps, and each decodes what it decodes alone") {
    Shared f;
    Ids alone[4];
    for (int32_t id : {1, 2, 3}) alone[id] = f.alone(stream(id, 10 * id, {60 + id}));
    Decoding first(f, streams({stream(1, 10, {61}), stream(3, 30, {63})})),
        second(f, streams({stream(2, 20, {62})}));
    first.run();
    CHECK(second.over);
    CHECK_EQUAL(first.decoded.ids(1), alone[1]);
    CHECK_EQUAL(second.decoded.ids(2), alone[2]);
    CHECK_EQUAL(first.decoded.ids(3), alone[3]);
    CHECK_EQUAL(first.decoded.result.steps, 30);
    CHECK_EQUAL(second.decoded.result.steps, 20);
    CHECK(second.decoded.result.firstTokenMs > 0);
}

TEST("decodes of one context have finish rules and cells of their own") {
    Shared f;
    Decoding first(f, streams({stream(1, 5), stream(2, 20)}, 1)),
        second(f, streams({stream(3, 6), stream(4, 12)}));
    DecodeParams poor = streams({stream(5, 20), stream(6, 4, {61})});
    poor.cells = 9;
    Decoding third(f, poor);
    first.run();
    second.run();
    third.run();
    CHECK_EQUAL(first.decoded.reason(2), "cut");
    CHECK_EQUAL(first.decoded.ids(2).size(), 5u);
    CHECK_EQUAL(second.decoded.ids(4).size(), 12u);
    CHECK_EQUAL(second.decoded.reason(3), "budget");
    CHECK_EQUAL(third.decoded.reason(5), "overflow");
    CHECK_EQUAL(third.decoded.ids(5).size(), 5u);
    CHECK_EQUAL(third.decoded.ids(6).size(), 4u);
}

TEST("a cancelled decode leaves the others alone, whose step goes on") {
    Shared f;
    const Ids whole = f.alone(stream(2, 200, {62}));
    Decoding first(f, streams({stream(1, 1000)})), second(f, streams({stream(2, 200, {62})}));
    for (int i = 0; i < 10; i++) f.loop->turn();
    first.flag->raise();
    second.run();
    CHECK(first.over);
    CHECK_EQUAL(first.decoded.reason(1), "cancelled");
    CHECK_EQUAL(f.context->lastPosition(1), (int32_t) (4 + first.decoded.ids(1).size()));
    CHECK_EQUAL(second.decoded.ids(2), whole);
}

TEST("decodes that end and begin in the middle take part as long as they live") {
    Shared f;
    Ids alone[4];
    for (int32_t id : {1, 2, 3}) alone[id] = f.alone(stream(id, 40, {60 + id}));
    Decoding first(f, streams({stream(1, 40, {61})}));
    for (int i = 0; i < 7; i++) f.loop->turn();
    Decoding second(f, streams({stream(2, 40, {62})}));
    for (int i = 0; i < 7; i++) f.loop->turn();
    Decoding third(f, streams({stream(3, 40, {63})}));
    for (Decoding * decoding : {&first, &second, &third}) decoding->run();
    CHECK_EQUAL(first.decoded.ids(1), alone[1]);
    CHECK_EQUAL(second.decoded.ids(2), alone[2]);
    CHECK_EQUAL(third.decoded.ids(3), alone[3]);
}

TEST("a step that fails for one decode goes on for the others") {
    Shared f;
    const Ids whole = f.alone(stream(2, 30, {62}));
    Decoding first(f, streams({stream(1, 1000)})), second(f, streams({stream(2, 30, {62})}));
    for (int i = 0; i < 5; i++) f.loop->turn();
    f.context->remove(1, 3); // a gap in the positions: llama.cpp refuses the batch
    second.run();
    CHECK(first.over);
    CHECK_EQUAL(first.decoded.code(1), "decode-failed");
    CHECK_EQUAL(second.decoded.ids(2), whole);
    CHECK_EQUAL(second.decoded.reason(2), "budget");
}

TEST("a prefill beside streams goes in chunks, and has the logits of one that goes at once") {
    Shared f;
    const Ids long_ = numbered(600), path = f.alone(stream(1, 60));
    f.context->remove(6, 0);
    f.fill(6, long_);
    const std::vector<float> wanted = *f.context->tail(6);
    f.context->remove(6, 0);
    f.context->remove(7, 0);
    Decoding decoding(f, streams({stream(1, 60)}));
    f.loop->turn(); // the stream starts
    const auto asked = f.prefilling(7, long_);
    size_t seen = 0, before = 0;
    decoding.onReport = [&] {
        seen += asked->code.empty() && asked->progress.size() > before;
        before = asked->progress.size();
    };
    decoding.run();
    while (asked->code.empty()) CHECK(f.loop->turn());
    CHECK_EQUAL(asked->code, "done");
    CHECK_EQUAL(decoding.decoded.ids(1), path);
    CHECK(asked->progress.size() >= 4);
    CHECK_EQUAL(asked->progress.front(), Pace::FIRST);
    CHECK_EQUAL(asked->progress.back(), long_.size());
    float most = 0;
    for (size_t i = 0; i < wanted.size(); i++)
        most = std::max(most, std::fabs(wanted[i] - (*f.context->tail(7))[i]));
    CHECK(most < 1e-4);
}

TEST("a prefill goes in whole batches beside streams that nobody watches") {
    Shared f;
    ContextParams params = Fixture::params(4096);
    params.paced = false;
    f.context = std::make_shared<Context>(f.model, params, f.leaving);
    f.loop = std::make_shared<Loop>(f.context);
    f.fill(1, numbered(5));
    Decoding decoding(f, streams({stream(1, 60)}));
    f.loop->turn();
    const auto asked = f.prefilling(7, numbered(600));
    decoding.run();
    CHECK_EQUAL(asked->code, "done");
    CHECK_EQUAL(asked->progress.size(), 2u);
    CHECK_EQUAL(asked->progress.front(), 512u);
    CHECK_EQUAL(decoding.decoded.ids(1).size(), 60u);
}

TEST("a chunk aims at its time, has at least a few tokens, grows by doubling, and is a whole batch "
     "without streams") {
    Pace pace;
    CHECK_EQUAL(pace.next(false, 512), 512u);
    CHECK_EQUAL(pace.next(true, 512), Pace::FIRST);
    pace.note(32, 32, 16, true); // 0.5 ms a token
    CHECK_EQUAL(pace.next(true, 512), 64u);
    pace.note(64, 64, 32, true);
    CHECK_EQUAL(pace.next(true, 512), 128u);
    pace.note(128, 128, 640, true); // 5 ms a token
    CHECK_EQUAL(pace.next(true, 512), 30u);
    pace.note(1, 30, 100, true); // what was left
    CHECK_EQUAL(pace.next(true, 512), 30u);
    pace.note(30, 30, 36000, true);
    CHECK_EQUAL(pace.next(true, 512), Pace::LEAST);
    pace.note(512, 512, 51.2, false);
    CHECK_EQUAL(pace.next(true, 512), Pace::FIRST);
    CHECK_EQUAL(pace.next(true, 8), 8u);
}

TEST("prefills go in order, and a quick operation passes those of other sequences") {
    Shared f;
    for (int32_t seq : {5, 6, 7}) f.context->remove(seq, 0);
    Decoding decoding(f, streams({stream(1, 200)}));
    f.loop->turn();
    const auto first = f.prefilling(5, numbered(200)), second = f.prefilling(6, numbered(100));
    std::vector<std::string> order;
    const auto job = [&](const char * name, int32_t from, int32_t to) {
        f.loop->run(std::make_shared<Job>(
            std::vector<int32_t>{from, to}, to, [&f, from, to] { f.context->copy(from, to, -1); },
            [&order, name](std::exception_ptr error) {
                order.push_back(error ? codedError(error).code : name);
            }));
    };
    f.context->remove(4, 0);
    job("after the first", 5, 7);
    job("at once", 0, 4);
    job("refused", 0, 1);
    f.loop->turn();
    CHECK_EQUAL(order, (std::vector<std::string>{"at once", "bad-request"}));
    while (first->code.empty()) {
        CHECK(second->progress.empty());
        CHECK(f.loop->turn());
    }
    CHECK(second->code.empty());
    decoding.run();
    while (second->code.empty()) CHECK(f.loop->turn());
    CHECK_EQUAL(order.back(), "after the first");
    CHECK_EQUAL(f.context->lastPosition(7), 199);
    CHECK_EQUAL(f.context->lastPosition(6), 99);
}

TEST("a prefill is cancelled by itself, begun or waiting, and leaves its sequence as it was") {
    Shared f;
    Decoding decoding(f, streams({stream(1, 50)}));
    f.loop->turn();
    const auto first = f.prefilling(5, numbered(300)), second = f.prefilling(6, numbered(300)),
               third = f.prefilling(7, numbered(40));
    f.loop->turn();
    second->stop->raise();
    f.loop->turn();
    CHECK_EQUAL(second->code, "cancelled");
    CHECK_EQUAL(first->code, "");
    first->stop->raise();
    f.loop->turn();
    CHECK_EQUAL(first->code, "cancelled");
    decoding.run();
    while (third->code.empty()) CHECK(f.loop->turn());
    CHECK_EQUAL(third->code, "done");
    CHECK_EQUAL(decoding.decoded.ids(1).size(), 50u);
    CHECK_EQUAL(f.context->lastPosition(5), 4);
    CHECK_EQUAL(f.context->lastPosition(6), 4);
    CHECK_EQUAL(f.context->lastPosition(7), 44);
}

TEST("a stream that decodes keeps others off its sequence, whichever decode they belong to") {
    Shared f;
    Decoding first(f, streams({stream(1, 100)}));
    f.loop->turn();
    StreamParams same = stream(9, 5);
    same.seq = 1;
    Decoding second(f, streams({same, stream(2, 5)}));
    const auto prefill = f.prefilling(1, PROMPT);
    second.run();
    CHECK_EQUAL(second.decoded.code(9), "bad-request");
    CHECK_EQUAL(second.decoded.ids(2).size(), 5u);
    CHECK_EQUAL(prefill->code, "bad-request");
    first.run();
    CHECK_EQUAL(first.decoded.ids(1).size(), 100u);
}

TEST("parts are filled in chunks while other streams go on, and the stream then has them all") {
    Shared f;
    const Ids read = numbered(150);
    f.context->remove(6, 0);
    f.context->copy(0, 6, -1);
    f.fill(6, read);
    const Ids wanted = run(f, streams({stream(6, 6)})).ids(6);
    Decoding decoding(f, streams({stream(1, 80)}));
    f.loop->turn();
    StreamParams joined = stream(5, 6);
    joined.parts = {cells(0), words(Ids(read.begin(), read.begin() + 100)),
                    words(Ids(read.begin() + 100, read.end()))};
    CHECK(decoding.decode.add(joined));
    decoding.run();
    CHECK_EQUAL(decoding.decoded.ids(5), wanted);
    CHECK_EQUAL(decoding.decoded.ids(1).size(), 80u);
    CHECK(decoding.decoded.result.steps >= 80);
}

TEST("a stream that is stopped while it is filled leaves its sequence empty and usable") {
    Shared f;
    StreamParams joined = stream(5, 6);
    joined.parts = {cells(0), words(numbered(300))};
    Decoding decoding(f, streams({stream(1, 40), joined}));
    f.loop->turn();
    CHECK(f.context->lastPosition(5) > 0);
    CHECK(decoding.decode.stop(5, false));
    f.loop->turn();
    CHECK_EQUAL(f.context->lastPosition(5), -1);
    joined.parts.pop_back();
    CHECK(decoding.decode.add(joined));
    decoding.run();
    CHECK_EQUAL(decoding.decoded.ends.at(5)[0].reason, "stopped");
    CHECK_EQUAL(decoding.decoded.ends.at(5)[1].reason, "budget");
    CHECK_EQUAL(decoding.decoded.ids(1).size(), 40u);
}

TEST("a sequence that is dropped is read first by the streams that were asked for before") {
    Shared f;
    const Ids path = f.alone(stream(2, 6, {70}));
    run(f, streams({stream(2, 6, {70})}));
    StreamParams first = stream(5, 4), second = stream(6, 4);
    first.parts = {cells(0), words(numbered(200))};
    second.parts = {cells(2), words({91})};
    Decoding decoding(f, streams({stream(1, 40)}));
    f.loop->turn();
    CHECK(decoding.decode.add(first));
    CHECK(decoding.decode.add(second));
    CHECK(decoding.decode.remove(2));
    decoding.run();
    CHECK_EQUAL(f.context->lastPosition(2), -1);
    CHECK_EQUAL(f.context->lastPosition(6), (int32_t) (5 + path.size() + 1 + 4 - 1));
    CHECK_EQUAL(decoding.decoded.reason(6), "budget");
}

TEST("what is being filled gives way if the context is full, and streams go on") {
    Shared f(256);
    for (int32_t seq = 2; seq < 8; seq++) f.context->remove(seq, 0);
    Decoding decoding(f, streams({stream(1, 180)}));
    f.loop->turn();
    const auto asked = f.prefilling(5, numbered(250));
    decoding.run();
    CHECK_EQUAL(asked->code, "out-of-cells");
    CHECK_EQUAL(decoding.decoded.ids(1).size(), 180u);
    CHECK_EQUAL(f.context->lastPosition(5), -1);
}

TEST("loops that share a thread fill in small chunks beside streams of each other") {
    Shared f;
    const auto streaming = std::make_shared<std::atomic<int32_t>>(0);
    f.loop = std::make_shared<Loop>(f.context, nullptr, streaming);
    f.context->remove(5, 0);
    *streaming += 1; // another loop has live streams
    const auto asked = f.prefilling(5, numbered(300));
    while (asked->code.empty()) CHECK(f.loop->turn());
    CHECK_EQUAL(asked->progress.front(), Pace::FIRST);
    CHECK_EQUAL(*streaming, 1);
    Decoding decoding(f, streams({stream(1, 5)}));
    f.loop->turn();
    CHECK_EQUAL(*streaming, 2);
    decoding.run();
    CHECK_EQUAL(*streaming, 1);
}

TEST("a context that is released has no turns and takes no harm from what comes too late") {
    Shared f;
    Decoding decoding(f, streams({stream(1, 1000)}));
    f.loop->turn();
    f.leaving->raise();
    while (f.loop->turn()) {
    }
    CHECK(decoding.over);
    CHECK_EQUAL(decoding.decoded.reason(1), "cancelled");
    f.loop->release();
    CHECK(!decoding.decode.stop(1, false));
    CHECK(!decoding.decode.add(stream(2)));
    CHECK(!f.loop->turn());
}

TEST("a thread without a processor of its own is given up, tried again later and later, and comes "
     "back") {
    Crowd crowd(2, true);
    Clock::time_point now{};
    const auto run = [&](double processors,
                         int seconds) { // as many changes as there are in this time
        int changes = 0;
        for (int i = 0; i < seconds * 10; i++, now += std::chrono::milliseconds(100))
            changes += crowd.note(100, 100 * std::min<double>(processors, crowd.threads()), now);
        return changes;
    };
    CHECK_EQUAL(run(2, 60), 0);
    CHECK_EQUAL(run(1.5, 1), 1);
    CHECK_EQUAL(crowd.threads(), 1);
    CHECK_EQUAL(run(1.5, 4), 0);
    CHECK_EQUAL(run(1.5, 3), 2); // tried in vain
    CHECK_EQUAL(crowd.threads(), 1);
    CHECK_EQUAL(run(1.5, 8), 0);
    CHECK_EQUAL(run(1.5, 600) / 2, 9); // after 10, 20, 40 seconds, then every 80
    CHECK_EQUAL(crowd.threads(), 1);
    run(2, 81);
    CHECK_EQUAL(crowd.threads(), 2);
    CHECK_EQUAL(run(2, 60), 0);

    Crowd one(1, true), fixed(2, false);
    for (int i = 0; i < 100; i++) CHECK(!one.note(300, 30, now));
    int told = 0;
    for (int i = 0; i < 100; i++) told += fixed.note(300, 400, now);
    CHECK_EQUAL(told, 1);
    CHECK_EQUAL(fixed.threads(), 2);
}

TEST("the number of threads changes between two steps, and the tokens do not") {
    Shared f;
    const Ids whole = f.alone(stream(1, 30));
    Decoding decoding(f, streams({stream(1, 30)}));
    for (int32_t count : {2, 3, 1}) {
        for (int i = 0; i < 5; i++) f.loop->turn();
        f.context->setThreads(count, false);
        CHECK_EQUAL(f.context->info().threads, count);
    }
    decoding.run();
    CHECK_EQUAL(decoding.decoded.ids(1), whole);
    CHECK_EQUAL(codeOf([&] { f.context->setThreads(-1, false); }), "out-of-range");
    CHECK_EQUAL(codeOf([&] { f.context->setThreads(513, false); }), "out-of-range");
    f.context->setThreads(0, false);
    const int32_t cores = physicalCores();
    CHECK_EQUAL(f.context->info().threads, cores > 2 ? cores - 1 : cores); // one is left to others
}
