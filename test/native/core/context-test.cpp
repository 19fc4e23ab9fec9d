#include "batch.h"
#include "harness.h"
#include <cmath>

static Ids repeated(size_t count, int32_t id) {
    return Ids(count, id);
}

static std::string prefillCode(const Fixture & f, const PrefillParams & p) {
    return codeOf([&] { prefill(*f.context, p, StopFlag(), nullptr); });
}

static PrefillParams tokensOf(int32_t seq, const Ids & tokens) {
    PrefillParams p;
    p.seq = seq;
    p.tokens = tokens;
    return p;
}

TEST("a prefill adds its tokens and keeps the logits after the last") {
    Fixture f;
    CHECK_EQUAL(f.context->lastPosition(0), -1);
    std::vector<size_t> progress;
    prefill(*f.context, tokensOf(0, repeated(600, 5)), StopFlag(),
            [&](size_t done) { progress.push_back(done); });
    CHECK_EQUAL(f.context->lastPosition(0), 599);
    CHECK_EQUAL(f.context->tail(0)->size(), (size_t) f.model->vocabSize);
    CHECK_EQUAL(progress, (std::vector<size_t>{512, 600}));
}

TEST("a prefill measures each token as the logits before it say, over the limits of steps") {
    Fixture f;
    Ids tokens;
    for (int32_t i = 0; i < 70; i++) tokens.push_back(i * 3 % 200);
    PrefillParams all = tokensOf(0, tokens);
    all.report = all.measure.logprobs = true;
    all.measure.alternatives = 3;
    const PrefillResult whole = prefill(*f.context, all, StopFlag(), nullptr);
    CHECK_EQUAL(whole.tokens.size(), tokens.size());
    CHECK(std::isnan(whole.tokens[0].logprob)); // nothing precedes it
    for (size_t i = 0; i < tokens.size(); i++) {
        PrefillParams one = tokensOf(1, {tokens[i]});
        one.report = one.measure.logprobs = true;
        const TokenRecord alone = prefill(*f.context, one, StopFlag(), nullptr).tokens.at(0);
        CHECK_EQUAL(whole.tokens[i].id, tokens[i]);
        if (i == 0) continue;
        CHECK(std::fabs(alone.logprob - whole.tokens[i].logprob) < 1e-4);
        CHECK(std::fabs(alone.entropy - whole.tokens[i].entropy) < 1e-4);
        CHECK_EQUAL(whole.tokens[i].alternatives.size(), 3u);
    }
}

TEST("a prefill that does not fit leaves the sequence as it was") {
    Fixture f(256);
    f.fill(0, repeated(200, 5));
    CHECK_EQUAL(prefillCode(f, tokensOf(0, repeated(200, 6))), "out-of-cells");
    CHECK_EQUAL(f.context->lastPosition(0), 199);
    f.fill(0, repeated(50, 6));
    CHECK_EQUAL(f.context->lastPosition(0), 249);
    CHECK_EQUAL(prefillCode(f, tokensOf(1, repeated(300, 6))), "out-of-cells");
    CHECK_EQUAL(f.context->lastPosition(1), -1);
}

TEST("a step of more tokens or rows of logits than the context was made for is refused") {
    Fixture f(256);
    Batch rows(64), tokens(300);
    for (int32_t i = 0; i < 64; i++) rows.add(7, i, 0, true);
    for (int32_t i = 0; i < 300; i++) tokens.add(7, i, 0, false);
    CHECK(f.context->outputs < 64);
    CHECK_EQUAL(codeOf([&] { f.context->compute(rows, nullptr); }), "internal");
    CHECK_EQUAL(codeOf([&] { f.context->compute(tokens, nullptr); }), "internal");
    PrefillParams p = tokensOf(0, repeated(64, 7));
    p.report = true;
    CHECK_EQUAL(prefill(*f.context, p, StopFlag(), nullptr).tokens.size(), 64u);
}

TEST("a copy shares cells, and a removal frees those that nobody else holds") {
    Fixture f(256);
    f.fill(0, repeated(200, 5));
    for (int32_t seq = 1; seq < 8; seq++) f.context->copy(0, seq, -1);
    f.fill(1, repeated(50, 6));
    CHECK_EQUAL(prefillCode(f, tokensOf(2, repeated(10, 6))), "out-of-cells");
    f.context->remove(1, 200);
    CHECK_EQUAL(f.context->lastPosition(1), 199);
    f.fill(2, repeated(50, 6));
    CHECK_EQUAL(f.context->lastPosition(2), 249);
    CHECK_EQUAL(f.context->lastPosition(0), 199);
}

TEST("a whole copy has the tail, a copy of a part has none") {
    Fixture f;
    f.fill(0, PROMPT);
    f.context->copy(0, 1, -1);
    f.context->copy(0, 2, 3);
    f.context->copy(0, 3, 0);
    CHECK(f.context->tail(1) == f.context->tail(0));
    CHECK_EQUAL(f.context->lastPosition(2), 2);
    CHECK(!f.context->tail(2));
    CHECK_EQUAL(f.context->lastPosition(3), -1);
    f.context->copy(1, 1, -1);
    CHECK_EQUAL(f.context->lastPosition(1), 4);
    f.context->remove(1, 0);
    CHECK(!f.context->tail(1));
    CHECK(f.context->tail(0));
}

TEST("attention over spans of cells is shares of one") {
    Fixture f(1024, true);
    f.fill(0, {1, 2, 3, 4});
    PrefillParams p = tokensOf(0, {5, 6, 7});
    p.spans = {2, 4, 7};
    const auto shares = prefill(*f.context, p, StopFlag(), nullptr).attention;
    CHECK_EQUAL(shares.size(), 9u);
    for (size_t i = 0; i < 9; i += 3)
        CHECK(std::fabs(shares[i] + shares[i + 1] + shares[i + 2] - 1) < 1e-4);
}

TEST("a prefill that is cancelled leaves the sequence as it was") {
    Fixture f;
    f.fill(0, PROMPT);
    StopFlag before;
    before.raise();
    CHECK_EQUAL(codeOf([&] { prefill(*f.context, tokensOf(0, PROMPT), before, nullptr); }),
                "cancelled");
    StopFlag amid;
    CHECK_EQUAL(codeOf([&] {
                    prefill(*f.context, tokensOf(0, repeated(900, 5)), amid,
                            [&](size_t) { amid.raise(); });
                }),
                "cancelled");
    CHECK_EQUAL(f.context->lastPosition(0), 4);
    f.fill(0, PROMPT);
    CHECK_EQUAL(f.context->lastPosition(0), 9);
}

TEST("a step is ended by its owner and by whoever leaves, by nobody else") {
    Fixture f;
    Batch batch(4);
    const auto step = [&](int32_t seq, const StopFlag * owner) {
        batch.clear();
        batch.add(7, f.context->lastPosition(seq) + 1, seq, true);
        return f.context->compute(batch, owner);
    };
    StopFlag raised;
    raised.raise();
    StopFlag quiet;
    CHECK(step(0, &quiet) == Step::DONE);
    CHECK(step(0, &raised) == Step::ABORTED);
    CHECK_EQUAL(f.context->lastPosition(0), 0);
    // If several runs share the decode, or a K-shift is pending, the raised flag takes effect at the end of the step.
    CHECK(step(0, nullptr) == Step::DONE);
    CHECK_EQUAL(f.context->lastPosition(0), 1);
    f.leaving->raise();
    CHECK(step(0, nullptr) == Step::ABORTED);
    CHECK(step(0, &quiet) == Step::ABORTED);
    CHECK_EQUAL(f.context->lastPosition(0), 1);
}

TEST("a flag is raised with its parents and never raises them") {
    const auto environment = std::make_shared<StopFlag>();
    const auto context = std::make_shared<StopFlag>(environment);
    StopFlag first(context), second(context), other(environment);
    first.raise();
    CHECK(first.raised() && !second.raised() && !context->raised());
    context->raise();
    CHECK(second.raised() && !other.raised() && !environment->raised());
    environment->raise();
    CHECK(other.raised());
}

TEST("a context refuses parameters out of range") {
    const auto model = openModel();
    const auto code = [&](const std::function<void(ContextParams &)> & change) {
        ContextParams p = Fixture::params(256);
        change(p);
        const std::string checked = codeOf([&] { Context::check(*model, p); });
        CHECK_EQUAL(codeOf([&] { Context(model, p, std::make_shared<StopFlag>()); }), checked);
        return checked;
    };
    CHECK_EQUAL(code([](ContextParams &) {}), "");
    for (const int32_t bad : {INT32_MIN, -1, 0, INT32_MAX}) {
        CHECK_EQUAL(code([&](ContextParams & p) { p.cells = bad; }), "out-of-range");
        CHECK_EQUAL(code([&](ContextParams & p) { p.sequences = bad; }), "out-of-range");
        CHECK_EQUAL(code([&](ContextParams & p) { p.batch = bad; }), "out-of-range");
        if (bad != 0)
            CHECK_EQUAL(code([&](ContextParams & p) { p.threads = bad; }), "out-of-range");
    }
    for (const double bad : {-1.0, 0.5, (double) NAN, (double) INFINITY, 1e308})
        CHECK_EQUAL(code([&](ContextParams & p) {
                        p.yarnFactor = bad;
                        p.yarnOriginalContext = 4096;
                    }),
                    "out-of-range");
    CHECK_EQUAL(code([](ContextParams & p) { p.yarnFactor = 2; }), "out-of-range");
    CHECK_EQUAL(code([](ContextParams & p) { p.kvType = "f64"; }), "out-of-range");
    CHECK_EQUAL(code([](ContextParams & p) { p.flashAttention = ""; }), "out-of-range");
    CHECK_EQUAL(code([](ContextParams & p) { p.kvType = "q8_0"; }), "bad-combination");
    CHECK_EQUAL(code([](ContextParams & p) {
                    p.flashAttention = "on";
                    p.attention = true;
                }),
                "bad-combination");
}

TEST("a context refuses sequences, tokens and spans that it does not have") {
    Fixture f;
    f.fill(0, PROMPT);
    for (const int32_t bad : {INT32_MIN, -1, f.context->sequences, INT32_MAX}) {
        CHECK_EQUAL(codeOf([&] { f.context->copy(bad, 1, -1); }), "out-of-range");
        CHECK_EQUAL(codeOf([&] { f.context->copy(0, bad, -1); }), "out-of-range");
        CHECK_EQUAL(codeOf([&] { f.context->remove(bad, 0); }), "out-of-range");
        CHECK_EQUAL(codeOf([&] { f.context->takeBack(bad, 0); }), "out-of-range");
        CHECK_EQUAL(codeOf([&] { f.context->lastPosition(bad); }), "out-of-range");
        CHECK_EQUAL(codeOf([&] { f.context->setThought(bad, 0); }), "out-of-range");
        CHECK_EQUAL(codeOf([&] { f.context->shareCell(bad, 0, 0); }), "out-of-range");
        CHECK_EQUAL(prefillCode(f, tokensOf(bad, {1})), "out-of-range");
    }
    for (const int32_t bad : {INT32_MIN, -1, f.model->vocabSize, INT32_MAX})
        CHECK_EQUAL(prefillCode(f, tokensOf(0, {1, bad})), "out-of-range");
    CHECK_EQUAL(prefillCode(f, tokensOf(0, {})), "bad-request");
    PrefillParams p = tokensOf(0, {1});
    p.thought = f.model->thoughtRows;
    CHECK_EQUAL(prefillCode(f, p), "out-of-range");
    p = tokensOf(0, {1});
    p.measure.alternatives = 21;
    CHECK_EQUAL(prefillCode(f, p), "out-of-range");
    p = tokensOf(0, {1});
    p.spans = {1};
    CHECK_EQUAL(prefillCode(f, p), "bad-combination");
    Fixture watching(256, true);
    p.spans = {2, 1};
    CHECK_EQUAL(prefillCode(watching, p), "out-of-range");
    p.spans = {-1};
    CHECK_EQUAL(prefillCode(watching, p), "out-of-range");
    CHECK_EQUAL(f.context->lastPosition(0), 4);
    Batch batch(1);
    batch.add(1, 0, 0, true);
    CHECK_EQUAL(codeOf([&] { batch.add(1, 1, 0, true); }), "internal");
}
