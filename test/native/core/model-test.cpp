#include "harness.h"
#include "logits.h"
#include "sampler.h"
#include "threads.h"
#include "utf8.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>
#include <tuple>

static std::string loadCode(const LoadParams & params, bool cancelled = false) {
    StopFlag stop;
    if (cancelled) stop.raise();
    return codeOf([&] { Model::load(params, stop, nullptr); });
}

TEST("a model says what it is and keeps to its vocabulary") {
    const auto model = openModel();
    const ModelInfo info = model->info();
    CHECK(info.layers == 3 && info.kvHeads == 2 && !info.cannotJoin);
    CHECK_EQUAL(model->thoughtRows, 9);
    const std::string text("plain <think2> a\0b \xff", 20);
    std::string again;
    for (int32_t id : model->tokenize(text, false, false)) again += model->tokenBytes(id);
    CHECK_EQUAL(again.substr(0, 19), text.substr(0, 19));
    CHECK_EQUAL(model->tokenize("<think2>", true, false).size(), 1u);
    for (const int32_t bad : {INT32_MIN, -1, model->vocabSize, INT32_MAX}) {
        CHECK_EQUAL(codeOf([&] { model->tokenBytes(bad); }), "out-of-range");
        CHECK_EQUAL(codeOf([&] { model->requireTokens({0, bad}, "ids"); }), "out-of-range");
    }
}

TEST("a load reports progress, is cancelled, and fails with a code") {
    std::vector<float> progress;
    Model::load({modelFile(), "cpu", 0}, StopFlag(), [&](float f) { progress.push_back(f); });
    CHECK_EQUAL(progress.back(), 1.0f);
    StopFlag stop;
    CHECK_EQUAL(
        codeOf([&] { Model::load({modelFile(), "cpu", 0}, stop, [&](float) { stop.raise(); }); }),
        "cancelled");
    CHECK_EQUAL(loadCode({modelFile(), "cpu", 0}, true), "cancelled");
    CHECK_EQUAL(loadCode({modelFile(), "Vulkan77", 0}), "unknown-device");
    CHECK_EQUAL(loadCode({modelFile() + ".missing", "cpu", 0}), "bad-model");
}

TEST("a vocabulary alone makes no context") {
    const auto model = Model::load({modelFile(), "cpu", 0, true}, StopFlag(), nullptr);
    CHECK_EQUAL(model->info().layers, 0);
    CHECK_EQUAL(codeOf([&] { Context::check(*model, Fixture::params(256)); }), "bad-combination");
}

TEST("a model is quantised, and an unknown type refused") {
    const std::string output = modelFile() + ".q8_0";
    quantizeModel(modelFile(), output, "q8_0", 1);
    const auto quantised = Model::load({output, "cpu", 0}, StopFlag(), nullptr);
    CHECK_EQUAL(quantised->thoughtRows, 9);
    CHECK(quantised->info().sizeBytes < openModel()->info().sizeBytes);
    std::remove(output.c_str());
    CHECK_EQUAL(codeOf([&] { requireQuantization("q7"); }), "out-of-range");
    CHECK_EQUAL(codeOf([&] { quantizeModel(modelFile() + ".missing", output, "q8_0", 1); }),
                "bad-model");
}

TEST("split characters are joined, and what is not a character becomes U+FFFD") {
    Utf8Joiner joiner;
    CHECK_EQUAL(joiner.push("\xE2\x82"), "");
    CHECK_EQUAL(joiner.push("\xAC!"), "\xE2\x82\xAC!");
    CHECK_EQUAL(joiner.push("\x80\xC0\xAF\xED\xA0\x80"),
                "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    CHECK_EQUAL(joiner.push("\xF0\x9F"), "");
    CHECK_EQUAL(joiner.flush(), "\xEF\xBF\xBD");
    CHECK_EQUAL(joiner.flush(), "");
}

TEST("statistics of logits are those of a plain sum") {
    Threads threads(2);
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, 4);
    for (const int n : {1, 255, 256, 257, 8192, 8193, 20000}) {
        std::vector<float> row(n);
        for (float & x : row) x = normal(random);
        LogitScan scan;
        scanLogits(threads, {{row.data(), &scan, true}}, n);
        double z = 0, weighted = 0;
        for (float x : row) z += std::exp((double) x);
        for (float x : row) weighted += std::exp((double) x) / z * (std::log(z) - x);
        CHECK(std::fabs(scan.sums().logZ - std::log(z)) < 1e-4);
        CHECK(std::fabs(scan.sums().entropy - weighted) < 1e-3);
        std::vector<float> sorted = row;
        std::sort(sorted.rbegin(), sorted.rend());
        const auto top = topLogits(row.data(), n, scan, 20);
        CHECK_EQUAL(top.size(), (size_t) std::min(n, 20));
        for (size_t i = 0; i < top.size(); i++) CHECK_EQUAL(top[i].logit, sorted[i]);
        CHECK_EQUAL(row[scan.argmax(row.data(), n)], sorted[0]);
        for (const double u : {0.0, 0.5, std::nextafter(1.0, 0.0)}) {
            const int drawn = drawLogit(row.data(), n, scan, 0.7f, u);
            CHECK(drawn >= 0 && drawn < n);
        }
    }
}

TEST("truncated draws are those of llama.cpp's own chain over the whole vocabulary") {
    Threads threads(2);
    std::mt19937 random(11);
    for (const int n : {1, 300, 20000})
        for (const float deviation : {2.0f, 6.0f}) {
            std::normal_distribution<float> normal(0, deviation);
            std::vector<float> row(n);
            for (float & x : row) x = normal(random);
            for (const int masked : {0, n / 3}) row[masked] = n > 1 ? -INFINITY : 0;
            LogitScan scan;
            scanLogits(threads, {{row.data(), &scan, true}}, n);
            for (const auto & [topK, topP, minP] :
                 std::vector<std::tuple<int32_t, float, float>>{{0, 0.95f, 0},
                                                                {0, 0.5f, 0.1f},
                                                                {0, 0.0f, 0},
                                                                {0, 0.99f, 0},
                                                                {40, 1, 0},
                                                                {40, 0.9f, 0.02f},
                                                                {1000, 0.9f, 0},
                                                                {0, 1, 0.05f}})
                for (uint32_t seed = 0; seed < 8; seed++) {
                    SamplerParams params;
                    params.temperature = 0.8f;
                    params.topK = topK;
                    params.topP = topP;
                    params.minP = minP;
                    params.seed = seed;
                    std::unique_ptr<llama_sampler, decltype(&llama_sampler_free)> chain(
                        llama_sampler_chain_init(llama_sampler_chain_default_params()),
                        llama_sampler_free);
                    if (topK > 0)
                        llama_sampler_chain_add(chain.get(), llama_sampler_init_top_k(topK));
                    if (topP < 1)
                        llama_sampler_chain_add(chain.get(), llama_sampler_init_top_p(topP, 1));
                    if (minP > 0)
                        llama_sampler_chain_add(chain.get(), llama_sampler_init_min_p(minP, 1));
                    llama_sampler_chain_add(chain.get(), llama_sampler_init_temp(0.8f));
                    llama_sampler_chain_add(chain.get(), llama_sampler_init_dist(seed));
                    std::vector<llama_token_data> all;
                    for (int i = 0; i < n; i++) all.push_back({i, row[i], 0});
                    llama_token_data_array array{all.data(), all.size(), -1, false};
                    llama_sampler_apply(chain.get(), &array);
                    CHECK_EQUAL(Sampler(params, nullptr).sample(row.data(), n, scan, {}),
                                array.data[array.selected].id);
                }
        }
}

TEST("a sampler draws nothing from logits that are not numbers") {
    Threads threads(1);
    for (const float bad : {NAN, -INFINITY}) {
        std::vector<float> row(300, bad);
        LogitScan scan;
        scanLogits(threads, {{row.data(), &scan, true}}, 300);
        CHECK(!scan.finite());
        CHECK_EQUAL(Sampler(SamplerParams{}, nullptr).sample(row.data(), 300, scan, {}), -1);
    }
}

TEST("threads share work, and the first error of a call comes back") {
    Threads threads(2);
    std::vector<int> done(1000);
    threads.each(1000, [&](int i) { done[i]++; });
    CHECK_EQUAL(done, std::vector<int>(1000, 1));
    CHECK_EQUAL(codeOf([&] {
                    threads.each(10, [](int i) {
                        if (i == 7) throw CodedError("internal", "seven");
                    });
                }),
                "internal");
}
