#include "context-js.h"
#include "../core/fill.h"
#include "args.h"
#include "decode-js.h"
#include "environment.h"
#include "values.h"
#include <numeric>

ContextParams contextArgs(const Napi::Object & o, int32_t mostCells) {
    ContextParams p;
    p.cells = (int32_t) args::whole(o, "cells", 1, mostCells);
    p.sequences = (int32_t) args::whole(o, "sequences", 1, Context::maxSequences());
    p.batch = (int32_t) args::whole(o, "batch", 1, Context::MAX_BATCH, p.batch);
    p.kvType = args::text(o, "kvType");
    p.flashAttention = args::text(o, "flashAttention");
    p.swaFull = args::flag(o, "swaFull", true);
    if (const auto yarn = args::object(o, "yarn")) {
        p.yarnFactor = args::real(*yarn, "factor", 1, 1024);
        p.yarnOriginalContext =
            (int32_t) args::whole(*yarn, "originalContext", 1, Context::MAX_CELLS);
    }
    return p;
}

Napi::Value createContext(Napi::Env env, const std::shared_ptr<Model> & model,
                          const Napi::Object & o) {
    ContextParams params = contextArgs(o, Context::MAX_CELLS);
    params.threads = (int32_t) args::whole(o, "threads", 0, Context::MAX_THREADS);
    params.attention = args::flag(o, "attention");
    params.paced = args::flag(o, "paced", true);
    Context::check(*model, params);
    return loaderOf(env)->run(
        env, [model, params, leaving = workerOf(env)->leaving]() -> Worker::MakeValue {
            auto context = std::make_shared<Context>(model, params, leaving);
            return
                [context](Napi::Env env) -> Napi::Value { return ContextWrap::wrap(env, context); };
        });
}

void ContextWrap::init(Napi::Env env) {
    Environment::of(env).contextClass =
        Napi::Persistent(DefineClass(env, "NativeContext",
                                     {
                                         InstanceAccessor<&ContextWrap::info>("info"),
                                         InstanceMethod<&ContextWrap::prefill>("prefill"),
                                         InstanceMethod<&ContextWrap::copy>("copy"),
                                         InstanceMethod<&ContextWrap::clear>("clear"),
                                         InstanceMethod<&ContextWrap::remove>("remove"),
                                         InstanceMethod<&ContextWrap::lastPosition>("lastPosition"),
                                         InstanceMethod<&ContextWrap::setThreads>("setThreads"),
                                         InstanceMethod<&ContextWrap::shift>("shift"),
                                         InstanceMethod<&ContextWrap::copyMoved>("copyMoved"),
                                         InstanceMethod<&ContextWrap::decode>("decode"),
                                         InstanceMethod<&ContextWrap::abort>("abort"),
                                         InstanceMethod<&ContextWrap::free>("free"),
                                     }));
}

namespace {

// A loop and its place among the jobs of the worker: it posts its next turn behind those of other loops.
struct Turns : std::enable_shared_from_this<Turns> {
    const std::shared_ptr<Worker> worker;
    std::unique_ptr<Loop> loop;
    std::atomic<bool> posted{false};

    explicit Turns(std::shared_ptr<Worker> worker)
        : worker(std::move(worker)) {}
    void post() {
        if (posted.exchange(true)) return;
        worker->post([self = shared_from_this()] {
            self->posted = false;
            if (self->loop->turn()) self->post();
        });
    }
};

std::shared_ptr<Loop> makeLoop(const Environment & environment, std::shared_ptr<Context> context) {
    const auto turns = std::make_shared<Turns>(environment.worker);
    turns->loop = std::make_unique<Loop>(
        std::move(context), [turns = turns.get()] { turns->post(); }, environment.streaming);
    return {turns, turns->loop.get()};
}

} // namespace

Napi::Object ContextWrap::wrap(Napi::Env env, std::shared_ptr<Context> context) {
    const Environment & environment = Environment::of(env);
    const Napi::Object object = environment.contextClass.New({});
    ContextWrap * wrap = Unwrap(object);
    wrap->loop = makeLoop(environment, std::move(context));
    wrap->operations = std::make_shared<StopFlag>(environment.worker->leaving);
    return object;
}

const std::shared_ptr<Loop> & ContextWrap::open() const {
    require(loop != nullptr, "not-running", "The context is freed");
    return loop;
}

int32_t ContextWrap::sequenceArg(const Napi::Value & value, const char * name) const {
    return (int32_t) args::whole(value, name, 0, open()->context()->sequences - 1);
}

void ContextWrap::abortOperations(Napi::Env env) {
    if (!loop) return;
    operations->raise();
    operations = std::make_shared<StopFlag>(workerOf(env)->leaving);
    loop->wake();
}

Napi::Value ContextWrap::info(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const ContextInfo c = open()->context()->info();
        Napi::Object o = Napi::Object::New(env);
        o.Set("devices", toJs(env, c.devices));
        o.Set("cells", c.cells);
        o.Set("threads", c.threads);
        o.Set("flashAttention", c.flashAttention);
        o.Set("canShift", c.canShift);
        o.Set("lost", c.lost);
        o.Set("weightBytes", (double) c.weightBytes);
        o.Set("kvBytes", (double) c.kvBytes);
        o.Set("computeBytes", (double) c.computeBytes);
        return o;
    });
}

static PrefillParams prefillArgs(const Context & c, const Napi::Object & o) {
    PrefillParams p;
    p.seq = (int32_t) args::whole(o, "seq", 0, c.sequences - 1);
    p.tokens = args::tokens(o.Get("tokens"), "tokens", c.model->vocabSize);
    p.thought = (int32_t) args::whole(o, "thought", -1, 65536);
    p.report = args::flag(o, "logprobs");
    p.measure = {p.report,
                 (int32_t) args::whole(o, "alternatives", 0, Measure::MAX_ALTERNATIVES, 0)};
    if (!o.Get("spans").IsUndefined()) {
        const Napi::Array ends = args::array(o.Get("spans"), "spans");
        for (uint32_t i = 0; i < ends.Length(); i++)
            p.spans.push_back((int32_t) args::whole(ends.Get(i), "spans", 0, INT32_MAX));
    }
    checkPrefill(c, p);
    return p;
}

static Napi::Value toJs(Napi::Env env, const PrefillResult & result, bool report) {
    Napi::Object o = Napi::Object::New(env);
    o.Set("ms", result.ms);
    if (report) o.Set("tokens", toJs(env, result.tokens));
    if (!result.attention.empty()) {
        Napi::Float32Array weights = Napi::Float32Array::New(env, result.attention.size());
        std::copy(result.attention.begin(), result.attention.end(), weights.Data());
        o.Set("attention", weights);
    }
    return o;
}

Napi::Value ContextWrap::prefill(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const auto loop = open();
        const auto worker = workerOf(env);
        const Napi::Object o = args::object(info, 0);
        PrefillParams params = prefillArgs(*loop->context(), o);
        const JsCallback callback = o.Get("onProgress").IsUndefined()
                                        ? nullptr
                                        : holdCallback(worker, args::function(o, "onProgress"));
        const auto onProgress = [worker, callback](size_t done) {
            if (!callback) return;
            worker->toJs([callback, done](Napi::Env env) {
                callback->Call({Napi::Number::New(env, (double) done)});
            });
        };
        const auto stop = std::make_shared<StopFlag>(operations);
        const bool report = params.report;
        auto [promise, settle] = worker->promise(env);
        promise.Set("cancel", Napi::Function::New(env, [stop, loop](const Napi::CallbackInfo &) {
                        stop->raise();
                        loop->wake();
                    }));
        loop->run(std::make_shared<Prefill>(
            loop->context(), std::move(params), stop, onProgress,
            [settle = settle, report](std::exception_ptr error, PrefillResult done) {
                const auto result = std::make_shared<PrefillResult>(std::move(done));
                settle(failureIn(error), [result, report](Napi::Env env) -> Napi::Value {
                    return toJs(env, *result, report);
                });
            }));
        return promise;
    });
}

static const Worker::MakeValue undefined = [](Napi::Env env) -> Napi::Value {
    return env.Undefined();
};

Napi::Value ContextWrap::between(Napi::Env env, std::vector<int32_t> sequences, int32_t changes,
                                 std::function<Worker::MakeValue(Context &)> work) {
    const auto made = std::make_shared<Worker::MakeValue>();
    auto [promise, settle] = workerOf(env)->promise(env);
    loop->run(std::make_shared<Job>(
        std::move(sequences), changes,
        [made, work = std::move(work), c = loop->context()] { *made = work(*c); },
        [made, settle = settle](std::exception_ptr error) { settle(failureIn(error), *made); }));
    return promise;
}

Napi::Value ContextWrap::copy(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&] {
        const int32_t from = sequenceArg(info[0], "from"), to = sequenceArg(info[1], "to");
        const int32_t end =
            info[2].IsUndefined() ? -1 : (int32_t) args::whole(info[2], "end", 0, INT32_MAX);
        return between(env, {from, to}, to, [=](Context & c) {
            c.copy(from, to, end);
            return undefined;
        });
    });
}

Napi::Value ContextWrap::clear(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&] {
        std::vector<int32_t> all(open()->context()->sequences);
        std::iota(all.begin(), all.end(), 0);
        return between(env, std::move(all), Task::EVERY, [](Context & c) {
            c.clear();
            return undefined;
        });
    });
}

Napi::Value ContextWrap::remove(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&] {
        const int32_t seq = sequenceArg(info[0], "seq");
        const int32_t from =
            info[1].IsUndefined() ? 0 : (int32_t) args::whole(info[1], "from", 0, INT32_MAX);
        return between(env, {seq}, seq, [=](Context & c) {
            c.remove(seq, from);
            return undefined;
        });
    });
}

Napi::Value ContextWrap::lastPosition(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&] {
        const int32_t seq = sequenceArg(info[0], "seq");
        return between(env, {seq}, -1, [=](Context & c) -> Worker::MakeValue {
            const int32_t last = c.lastPosition(seq);
            return [last](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, last); };
        });
    });
}

Napi::Value ContextWrap::setThreads(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&] {
        open();
        const int32_t count = (int32_t) args::whole(info[0], "threads", 0, Context::MAX_THREADS);
        const bool yields = info[1].IsBoolean() && info[1].As<Napi::Boolean>();
        return between(env, {}, -1, [=](Context & c) {
            c.setThreads(count, yields);
            return undefined;
        });
    });
}

Napi::Value ContextWrap::shift(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&] {
        const int32_t seq = sequenceArg(info[0], "seq");
        const int32_t start = (int32_t) args::whole(info[1], "start", 0, INT32_MAX);
        const int32_t delta = (int32_t) args::whole(info[2], "delta", -INT32_MAX, INT32_MAX);
        return between(env, {seq}, seq, [=](Context & c) {
            c.shift(seq, start, delta);
            return undefined;
        });
    });
}

Napi::Value ContextWrap::copyMoved(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&] {
        const int32_t from = sequenceArg(info[0], "from"), to = sequenceArg(info[1], "to");
        const int32_t start = (int32_t) args::whole(info[2], "start", 0, INT32_MAX);
        const int32_t delta = (int32_t) args::whole(info[3], "delta", -INT32_MAX, INT32_MAX);
        return between(env, {from, to, Task::SCRATCH}, to, [=](Context & c) {
            c.copyMoved(from, to, start, delta);
            return undefined;
        });
    });
}

Napi::Value ContextWrap::decode(const Napi::CallbackInfo & info) {
    return guarded(info.Env(), [&] {
        return startDecode(info.Env(), open(), operations, args::object(info, 0));
    });
}

Napi::Value ContextWrap::abort(const Napi::CallbackInfo & info) {
    return guarded(info.Env(), [&] {
        abortOperations(info.Env());
        return info.Env().Undefined();
    });
}

Napi::Value ContextWrap::free(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        abortOperations(env);
        return workerOf(env)->run(env, [last = std::exchange(loop, nullptr)] {
            if (last) {
                while (last->turn()) {
                }
                last->release();
            }
            return undefined;
        });
    });
}
