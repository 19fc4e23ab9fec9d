#include "batch.h"
#include "harness.h"
#include "join.h"
#include <cmath>

static Ids counted(size_t count, int32_t first = 1) {
    Ids ids;
    for (size_t i = 0; i < count; i++) ids.push_back((first + (int32_t) i * 7) % 250);
    return ids;
}

static const Ids LONG_PROMPT = counted(20);

static StreamPart cells(int32_t from, int32_t start, int32_t end, StreamPart::Place place) {
    StreamPart part = cells(from, end);
    part.start = start;
    part.place = place;
    return part;
}

// Prompt in sequence 0; a path of 600 tokens in 1, one of 10 in 2.
struct Paths : Fixture {
    explicit Paths(int32_t cells = 2048)
        : Fixture(cells) {
        fill(0, LONG_PROMPT);
        for (const int32_t seq : {1, 2}) context->copy(0, seq, -1);
        fill(1, counted(600, 3));
        fill(2, counted(10, 5));
    }
    std::vector<float> tailOf(int32_t seq) { return *context->tail(seq); }
    // The logits after one more token, which is then removed.
    std::vector<float> next(int32_t seq) {
        fill(seq, {77});
        const auto logits = tailOf(seq);
        context->remove(seq, context->lastPosition(seq));
        return logits;
    }
};

static float apart(const std::vector<float> & a, const std::vector<float> & b) {
    float most = 0;
    for (size_t i = 0; i < a.size(); i++) most = std::max(most, std::fabs(a[i] - b[i]));
    return most;
}

TEST("a shift moves one sequence and leaves others as they are, to the bit") {
    Paths f;
    CHECK(f.context->info().canShift && !f.context->info().lost);
    const auto prompt = f.next(0), own = f.next(1), other = f.next(2);
    f.context->shift(1, 20, 100);
    CHECK_EQUAL(f.context->lastPosition(1), 719);
    CHECK_EQUAL(apart(f.next(0), prompt), 0.0f);
    CHECK_EQUAL(apart(f.next(2), other), 0.0f);
    CHECK(apart(f.next(1), own) > 1e-3);
    f.context->shift(1, 120, -100);
    CHECK_EQUAL(f.context->lastPosition(1), 619);
    CHECK(apart(f.next(1), own) < 1e-3);
    // Nothing to move is not an error.
    f.context->shift(1, 620, 5);
    f.context->shift(7, 0, 5);
    f.context->shift(1, 20, 0);
}

TEST("a copy has its own cells and the tail, and takes more than one part") {
    Paths f;
    const auto own = f.next(1);
    f.context->copy(0, 3, -1);
    const auto tail = f.context->tail(2);
    f.context->copyMoved(2, 3, 20, 0);
    CHECK(f.context->tail(3) == tail);
    f.context->copy(0, 4, -1);
    f.context->copyMoved(1, 4, 20, 0);
    CHECK_EQUAL(f.context->lastPosition(4), 619);
    f.context->remove(1, 0);
    CHECK(apart(f.next(4), own) < 1e-3);
    f.context->copyMoved(4, 5, 20, -20);
    CHECK_EQUAL(f.context->lastPosition(5), 599);
    f.context->shift(5, 0, 30); // nobody else holds them
}

TEST("cells that another sequence holds do not move") {
    Paths f;
    CHECK_EQUAL(codeOf([&] { f.context->shift(1, 0, 5); }), "internal"); // the prompt
    f.context->copy(1, 3, 30);
    CHECK_EQUAL(codeOf([&] { f.context->shift(1, 29, 5); }), "internal");
    f.context->shift(1, 30, 5);
    CHECK_EQUAL(codeOf([&] { f.context->shift(1, 30, 5); }), "internal");  // no such cells
    CHECK_EQUAL(codeOf([&] { f.context->shift(1, 35, -6); }), "internal"); // cells in the way
    CHECK_EQUAL(codeOf([&] { f.context->shift(1, 35, INT32_MAX); }), "internal");
    CHECK_EQUAL(codeOf([&] { f.context->shift(1, 35, INT32_MIN + 1); }), "internal");
    CHECK_EQUAL(codeOf([&] { f.context->copyMoved(1, 3, 35, 0); }), "internal"); // a gap
    CHECK_EQUAL(codeOf([&] { f.context->copyMoved(1, 1, 35, 0); }), "internal");
    CHECK_EQUAL(f.context->lastPosition(1), 624);
    for (const int32_t bad : {INT32_MIN, -1, f.context->sequences, INT32_MAX}) {
        CHECK_EQUAL(codeOf([&] { f.context->shift(bad, 0, 1); }), "out-of-range");
        CHECK_EQUAL(codeOf([&] { f.context->copyMoved(bad, 4, 0, 0); }), "out-of-range");
        CHECK_EQUAL(codeOf([&] { f.context->copyMoved(2, bad, 0, 0); }), "out-of-range");
    }
}

TEST("a copy that does not fit changes nothing") {
    Paths f(1024);
    f.context->copy(0, 3, -1);
    CHECK_EQUAL(codeOf([&] { f.context->copyMoved(1, 3, 20, 0); }), "out-of-cells");
    CHECK_EQUAL(f.context->lastPosition(3), 19);
    CHECK_EQUAL(f.context->lastPosition(1), 619);
    f.fill(4, counted(1024 - 630)); // all other cells are free
}

TEST("a join moves and copies at once, then appends in order") {
    Paths f;
    const std::vector<StreamPart> parts = {
        cells(0, 0, 15, StreamPart::SHARED), words(counted(9)),
        cells(1, 20, -1, StreamPart::MOVE),  words(counted(3)),
        cells(2, 20, 25, StreamPart::COPY),  cells(2, 25, -1, StreamPart::COPY),
        cells(2, 30, 30, StreamPart::COPY),
    };
    Join join(*f.context, 5, parts);
    CHECK_EQUAL(f.context->lastPosition(1), 623);
    CHECK_EQUAL(f.context->lastPosition(5), -1);
    const int32_t last[] = {14, 23, 623, 626, 631, 636, 636}, added[] = {0, 0, 0, 0, 5, 5, 0};
    for (size_t i = 0; i < parts.size(); i++) {
        if (parts[i].from < 0)
            f.fill(5, parts[i].tokens);
        else
            CHECK_EQUAL(join.append(i), added[i]);
        CHECK_EQUAL(f.context->lastPosition(5), last[i]);
    }
    join.keep();
    CHECK_EQUAL(f.context->lastPosition(2), 29);
    CHECK_EQUAL(codeOf([&] { f.context->shift(1, 24, 5); }), "internal"); // the join holds them
}

TEST("a join that is not kept leaves everything as it was") {
    Paths f;
    const auto own = f.next(1);
    const std::vector<StreamPart> parts = {cells(0, 0, 15, StreamPart::SHARED), words(counted(8)),
                                           cells(1, 20, -1, StreamPart::MOVE),
                                           cells(2, 20, -1, StreamPart::COPY)};
    Join join(*f.context, 5, parts);
    join.append(0);
    f.fill(5, parts[1].tokens);
    join.append(2);
    CHECK_EQUAL(f.context->lastPosition(1), 622);
    join.undo();
    CHECK_EQUAL(f.context->lastPosition(5), -1);
    CHECK_EQUAL(f.context->lastPosition(1), 619);
    CHECK(apart(f.next(1), own) < 1e-3);
    // The path's sequence has the prompt's cells where the path would go.
    const std::vector<StreamPart> below = {cells(0, 0, 15, StreamPart::SHARED),
                                           cells(1, 20, -1, StreamPart::MOVE)};
    CHECK_EQUAL(codeOf([&] { Join(*f.context, 5, below); }), "internal");
    // One part cannot move, so none does.
    f.context->copy(2, 3, 25);
    const std::vector<StreamPart> held = {cells(0, 0, -1, StreamPart::SHARED),
                                          cells(1, 20, -1, StreamPart::MOVE),
                                          cells(2, 20, -1, StreamPart::MOVE)};
    CHECK_EQUAL(codeOf([&] { Join(*f.context, 5, held); }), "internal");
    CHECK_EQUAL(f.context->lastPosition(1), 619);
    f.context->remove(3, 0);
    f.fill(6, counted(2048 - 630)); // all other cells are free
}

TEST("once a shift has failed, the context is lost") {
    Paths f;
    f.leaving->raise(); // aborts the shift's graph
    CHECK_EQUAL(codeOf([&] { f.context->shift(1, 20, 5); }), "decode-failed");
    CHECK(f.context->info().lost);
    f.context->refreshInfo();
    CHECK(f.context->info().lost);
    CHECK_EQUAL(codeOf([&] { f.context->shift(2, 20, 5); }), "decode-failed");
    CHECK_EQUAL(codeOf([&] { f.context->copyMoved(2, 3, 0, 0); }), "decode-failed");
    CHECK_EQUAL(codeOf([&] { f.context->copy(0, 3, -1); }), "decode-failed");
    CHECK_EQUAL(codeOf([&] { f.fill(0, {1}); }), "decode-failed");
    Batch batch(1);
    batch.add(61, 30, 2, true);
    CHECK(f.context->compute(batch, nullptr) ==
          Step::FAILED); // not ABORTED, which may be tried again
    f.context->remove(1, 0);
    CHECK_EQUAL(f.context->lastPosition(1), -1);
}

TEST("quantised keys are copied and not moved") {
    const auto model = openModel();
    ContextParams p = Fixture::params(1024);
    p.kvType = "q8_0";
    p.flashAttention = "on";
    Context context(model, p, std::make_shared<StopFlag>());
    PrefillParams tokens;
    tokens.seq = 1;
    tokens.tokens = counted(300);
    prefill(context, tokens, StopFlag(), nullptr);
    CHECK_EQUAL(codeOf([&] { context.shift(1, 0, 5); }), "internal");
    context.copyMoved(1, 2, 0, 5);
    CHECK_EQUAL(context.lastPosition(2), 304);
}
