#include "values.h"
#include "../core/utf8.h"

Napi::String toJsText(Napi::Env env, const std::string & bytes) {
    Utf8Joiner joiner;
    std::string text = joiner.push(bytes);
    return Napi::String::New(env, text + joiner.flush());
}

static Napi::Value finiteOrNull(Napi::Env env, float x) {
    if (std::isfinite(x)) return Napi::Number::New(env, x);
    return env.Null();
}

static Napi::Object toJs(Napi::Env env, const TokenRecord & t) {
    Napi::Object o = Napi::Object::New(env);
    o.Set("id", t.id);
    o.Set("text", t.text);
    o.Set("logprob", finiteOrNull(env, t.logprob));
    o.Set("entropy", finiteOrNull(env, t.entropy));
    if (t.forced) o.Set("forced", true);
    if (std::isfinite(t.confidence)) o.Set("confidence", t.confidence);
    if (!t.alternatives.empty()) {
        Napi::Array list = Napi::Array::New(env, t.alternatives.size());
        for (size_t i = 0; i < t.alternatives.size(); i++) {
            Napi::Object a = Napi::Object::New(env);
            a.Set("id", t.alternatives[i].id);
            a.Set("text", t.alternatives[i].text);
            a.Set("logprob", finiteOrNull(env, t.alternatives[i].logprob));
            list.Set(i, a);
        }
        o.Set("alternatives", list);
    }
    if (!t.members.empty()) {
        Napi::Array list = Napi::Array::New(env, t.members.size());
        for (size_t i = 0; i < t.members.size(); i++) list.Set(i, finiteOrNull(env, t.members[i]));
        o.Set("members", list);
    }
    return o;
}

Napi::Array toJs(Napi::Env env, const std::vector<TokenRecord> & tokens) {
    Napi::Array list = Napi::Array::New(env, tokens.size());
    for (size_t i = 0; i < tokens.size(); i++) list.Set(i, toJs(env, tokens[i]));
    return list;
}

Napi::Array toJs(Napi::Env env, const std::vector<DeviceMemory> & devices) {
    Napi::Array list = Napi::Array::New(env, devices.size());
    for (size_t i = 0; i < devices.size(); i++) {
        const DeviceMemory & from = devices[i];
        Napi::Object o = Napi::Object::New(env);
        o.Set("device", from.device);
        o.Set("weights", (double) from.weights);
        o.Set("repacked", (double) from.repacked);
        o.Set("kv", (double) from.kv);
        o.Set("compute", (double) from.compute);
        list.Set(i, o);
    }
    return list;
}

Napi::Object toJs(Napi::Env env, const DecodeReport & report) {
    Napi::Object batch = Napi::Object::New(env);
    Napi::Array tokens = Napi::Array::New(env, report.tokens.size()),
                ended = Napi::Array::New(env, report.ended.size()),
                paused = Napi::Array::New(env, report.paused.size());
    for (size_t i = 0; i < report.tokens.size(); i++) {
        Napi::Object o = Napi::Object::New(env);
        o.Set("id", report.tokens[i].first);
        o.Set("tokens", toJs(env, report.tokens[i].second));
        tokens.Set(i, o);
    }
    for (size_t i = 0; i < report.ended.size(); i++) {
        const StreamEnd & e = report.ended[i];
        Napi::Object o = Napi::Object::New(env);
        o.Set("id", e.id);
        o.Set("reason", e.reason);
        if (!e.code.empty()) {
            Napi::Object error = Napi::Object::New(env);
            error.Set("code", e.code);
            error.Set("message", e.message);
            o.Set("error", error);
        }
        ended.Set(i, o);
    }
    for (size_t i = 0; i < report.paused.size(); i++) paused.Set(i, report.paused[i]);
    batch.Set("tokens", tokens);
    batch.Set("paused", paused);
    batch.Set("ended", ended);
    if (!report.reading.empty()) {
        Napi::Array reading = Napi::Array::New(env);
        for (const auto & [id, read] : report.reading) {
            Napi::Object o = Napi::Object::New(env);
            o.Set("id", id);
            o.Set("done", (double) read.done);
            o.Set("tokens", (double) read.tokens);
            reading.Set(reading.Length(), o);
        }
        batch.Set("reading", reading);
    }
    if (report.crowded > 0) batch.Set("crowded", report.crowded);
    return batch;
}
