// One reported token, and how it is measured.
#pragma once
#include "logits.h"
#include "vocab.h"
#include <cmath>
#include <napi.h>
#include <string>
#include <vector>

struct TokenRecord {
    llama_token id;
    std::string text;
    float logprob = NAN; // NAN: none
    float entropy = NAN;
    bool forced = false;
    struct Alternative {
        llama_token id;
        std::string text;
        float logprob;
    };
    std::vector<Alternative> alternatives;
};

// What is wanted of every token.
struct Measure {
    bool logprobs;
    int32_t alternatives;

    bool any() const { return logprobs || alternatives > 0; }

    // Fills `record` from the logits it was chosen by; `scan` belongs to them and holds their sums.
    void apply(TokenRecord & record, const llama_vocab * vocab, const float * logits, int n,
               const LogitScan & scan) const {
        if (!any()) return;
        const LogitSums sums = scan.sums();
        record.logprob = logits[record.id] - sums.logZ;
        record.entropy = sums.entropy;
        if (alternatives == 0) return;
        for (const Ranked & r : topLogits(logits, n, scan, alternatives)) {
            Utf8Joiner joiner;
            std::string text = joiner.push(tokenBytes(vocab, r.id));
            record.alternatives.push_back({r.id, text + joiner.flush(), r.logit - sums.logZ});
        }
    }
};

inline Napi::Value toJs(Napi::Env env, const TokenRecord & t) {
    const auto orNull = [&](float x) -> Napi::Value {
        return std::isfinite(x) ? Napi::Value(Napi::Number::New(env, x)) : Napi::Value(env.Null());
    };
    Napi::Object o = Napi::Object::New(env);
    o.Set("id", t.id);
    o.Set("text", t.text);
    o.Set("logprob", orNull(t.logprob));
    o.Set("entropy", orNull(t.entropy));
    if (t.forced) o.Set("forced", true);
    if (!t.alternatives.empty()) {
        Napi::Array list = Napi::Array::New(env, t.alternatives.size());
        for (size_t i = 0; i < t.alternatives.size(); i++) {
            Napi::Object a = Napi::Object::New(env);
            a.Set("id", t.alternatives[i].id);
            a.Set("text", t.alternatives[i].text);
            a.Set("logprob", orNull(t.alternatives[i].logprob));
            list.Set(i, a);
        }
        o.Set("alternatives", list);
    }
    return o;
}

inline Napi::Array toJs(Napi::Env env, const std::vector<TokenRecord> & tokens) {
    Napi::Array list = Napi::Array::New(env, tokens.size());
    for (size_t i = 0; i < tokens.size(); i++) list.Set(i, toJs(env, tokens[i]));
    return list;
}
