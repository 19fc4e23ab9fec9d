// The context as JavaScript sees it: how one is made, and its methods.
#include "../addon/plan-js.h"
#include "args.h"
#include "context.h"
#include "decode.h"
#include "log.h"
#include "threads.h"
#include <algorithm>

ggml_type kvTypeArg(const std::string & name) {
    if (name == "f32") return GGML_TYPE_F32;
    if (name == "f16") return GGML_TYPE_F16;
    if (name == "q8_0") return GGML_TYPE_Q8_0;
    if (name == "q4_0") return GGML_TYPE_Q4_0;
    throw CodedError("out-of-range", "The KV type must be f32, f16, q8_0 or q4_0, got " + name);
}

namespace {

llama_flash_attn_type flashArg(const std::string & name) {
    if (name == "on") return LLAMA_FLASH_ATTN_TYPE_ENABLED;
    if (name == "off") return LLAMA_FLASH_ATTN_TYPE_DISABLED;
    if (name == "auto") return LLAMA_FLASH_ATTN_TYPE_AUTO;
    throw CodedError("out-of-range", "Flash attention must be on, off or auto, got " + name);
}

} // namespace

llama_context_params contextParams(const Napi::Object & o, int64_t mostCells) {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = (uint32_t) args::whole(o, "cells", 1, mostCells);
    params.n_seq_max =
        (uint32_t) args::whole(o, "sequences", 1, (int64_t) llama_max_parallel_sequences());
    params.n_batch = (uint32_t) args::whole(o, "batch", 1, 8192, 512);
    // A step of all paths is one batch, and each of its tokens needs a row of logits.
    params.n_batch = std::max(params.n_batch, params.n_seq_max);
    params.n_ubatch = params.n_batch;
    params.n_outputs_max = std::min(params.n_batch, std::max(params.n_seq_max, 32u));
    params.type_k = params.type_v = kvTypeArg(args::text(o, "kvType"));
    params.flash_attn_type = flashArg(args::text(o, "flashAttention"));
    params.kv_unified = true;
    params.swa_full = true;
    params.no_perf = true;
    if (ggml_is_quantized(params.type_v) &&
        params.flash_attn_type == LLAMA_FLASH_ATTN_TYPE_DISABLED)
        throw CodedError(
            "bad-combination",
            "A quantised KV cache needs flash attention: turn it on, or choose f16 or f32");
    const Napi::Value yarn = o.Get("yarn");
    if (yarn.IsObject()) {
        params.rope_scaling_type = LLAMA_ROPE_SCALING_TYPE_YARN;
        params.rope_freq_scale =
            (float) (1 / args::real(yarn.As<Napi::Object>(), "factor", 1, 1024));
        params.yarn_orig_ctx =
            (uint32_t) args::whole(yarn.As<Napi::Object>(), "originalContext", 1, 1 << 28);
        params.yarn_ext_factor = 1;
    }
    return params;
}

CodedError contextError() {
    const std::string why = engineLog::lastError();
    const bool memory = why.find("alloc") != std::string::npos || engineLog::saw("out of memory");
    return CodedError(memory ? "out-of-memory" : "bad-combination",
                      "The context cannot be made: " +
                          (why.empty() ? "llama.cpp gives no reason" : why));
}

Napi::Value createContext(Napi::Env env, const std::shared_ptr<ModelState> & model,
                          const Napi::Object & o) {
    if (model->vocabOnly)
        throw CodedError("bad-combination", "The model was opened for its vocabulary only");
    llama_context_params params = contextParams(o, 1 << 28);
    const int32_t threads = (int32_t) args::whole(o, "threads", 0, 512);
    // Beside a GPU more threads, which wait awake, only take the processor from its driver.
    const int32_t cores = model->offloaded ? std::min(physicalCores(), 4) : physicalCores();
    params.n_threads = params.n_threads_batch = threads == 0 ? cores : threads;
    // The softmax is a tensor of its own only without flash attention. It must outlive the context.
    const bool watch = args::flag(o, "attention");
    auto attention =
        std::make_shared<std::unique_ptr<AttentionSums>>(watch ? new AttentionSums : nullptr);
    if (watch) {
        if (params.flash_attn_type != LLAMA_FLASH_ATTN_TYPE_DISABLED)
            throw CodedError("bad-combination",
                             "Attention can be observed with flash attention off only");
        params.cb_eval = AttentionSums::observe;
        params.cb_eval_user_data = attention->get();
    }
    return runOnWorker(env, [model, params, attention] {
        engineLog::clear();
        llama_context * ctx = llama_init_from_model(model->model, params);
        if (!ctx) throw contextError();
        bool flash = params.flash_attn_type == LLAMA_FLASH_ATTN_TYPE_ENABLED;
        if (params.flash_attn_type == LLAMA_FLASH_ATTN_TYPE_AUTO)
            flash = engineLog::saw("Flash Attention enabled");
        auto state = std::make_shared<ContextState>(model, ctx, (int32_t) params.n_seq_max,
                                                    (int32_t) params.n_batch,
                                                    (int32_t) params.n_outputs_max, flash);
        state->attention = std::move(*attention);
        return [state](Napi::Env) -> Napi::Value { return ContextWrap::wrap(state); };
    });
}

static Napi::FunctionReference * contextClass() {
    static auto * reference = new Napi::FunctionReference; // outlives static destruction
    return reference;
}

void ContextWrap::init(Napi::Env env) {
    *contextClass() =
        Napi::Persistent(DefineClass(env, "NativeContext",
                                     {
                                         InstanceAccessor<&ContextWrap::info>("info"),
                                         InstanceMethod<&ContextWrap::prefill>("prefill"),
                                         InstanceMethod<&ContextWrap::copy>("copy"),
                                         InstanceMethod<&ContextWrap::remove>("remove"),
                                         InstanceMethod<&ContextWrap::lastPosition>("lastPosition"),
                                         InstanceMethod<&ContextWrap::decode>("decode"),
                                         InstanceMethod<&ContextWrap::abort>("abort"),
                                         InstanceMethod<&ContextWrap::free>("free"),
                                     }));
}

Napi::Object ContextWrap::wrap(std::shared_ptr<ContextState> state) {
    const Napi::Object object = contextClass()->New({});
    Unwrap(object)->state = std::move(state);
    return object;
}

const std::shared_ptr<ContextState> & ContextWrap::open() const {
    if (!state) throw CodedError("not-running", "The context is freed");
    return state;
}

int32_t ContextWrap::seqArg(const Napi::Value & value, const char * name) const {
    return (int32_t) args::whole(value, name, 0, open()->sequences - 1);
}

Napi::Value ContextWrap::info(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const ContextState & c = *open();
        DeviceMemory sum;
        Napi::Object o = Napi::Object::New(env);
        o.Set("devices", toJs(env, memoryOf(c.ctx, &sum)));
        o.Set("cells", llama_n_ctx(c.ctx));
        o.Set("threads", llama_n_threads(c.ctx));
        o.Set("flashAttention", c.flashAttention);
        o.Set("weightBytes", (double) sum.weights);
        o.Set("kvBytes", (double) sum.kv);
        o.Set("computeBytes", (double) sum.compute);
        return o;
    });
}

static const auto undefined = [](Napi::Env env) -> Napi::Value { return env.Undefined(); };

Napi::Value ContextWrap::prefill(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const auto c = open();
        const Napi::Object o = args::object(info, 0);
        const int32_t seq = seqArg(o.Get("seq"), "seq");
        auto tokens = args::tokens(o.Get("tokens"), "tokens", c->model->vocabSize);
        if (tokens.empty()) throw CodedError("bad-request", "tokens must hold at least one id");
        const int32_t thought = (int32_t) args::whole(o, "thought", -1, 65536);
        const bool report = args::flag(o, "logprobs");
        const Measure measure{report, (int32_t) args::whole(o, "alternatives", 0, 20, 0)};
        std::vector<int32_t> spans;
        if (o.Get("spans").IsArray()) {
            if (!c->attention)
                throw CodedError("bad-combination", "Spans need a context made with attention");
            const Napi::Array ends = o.Get("spans").As<Napi::Array>();
            for (uint32_t i = 0; i < ends.Length(); i++)
                spans.push_back((int32_t) args::whole(ends.Get(i), "spans",
                                                      spans.empty() ? 0 : spans.back(), INT32_MAX));
        }
        const JsCallback onProgress = o.Get("onProgress").IsUndefined()
                                          ? nullptr
                                          : holdCallback(args::function(o, "onProgress"));
        const uint64_t number = ++c->issued;
        return runOnWorker(env, [=, tokens = std::move(tokens)] {
            c->running = number;
            const int64_t before = llama_time_us();
            auto records = std::make_shared<std::vector<TokenRecord>>(
                runPrefill(*c, seq, tokens, thought, measure, report, spans, onProgress));
            const auto attention = spans.empty() ? std::vector<float>() : c->attention->result();
            const double ms = (llama_time_us() - before) / 1000.0;
            return [records, ms, report, attention](Napi::Env env) -> Napi::Value {
                Napi::Object result = Napi::Object::New(env);
                result.Set("ms", ms);
                if (report) result.Set("tokens", toJs(env, *records));
                if (!attention.empty()) {
                    Napi::Float32Array weights = Napi::Float32Array::New(env, attention.size());
                    std::copy(attention.begin(), attention.end(), weights.Data());
                    result.Set("attention", weights);
                }
                return result;
            };
        });
    });
}

Napi::Value ContextWrap::copy(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const auto c = open();
        const int32_t from = seqArg(info[0], "from"), to = seqArg(info[1], "to");
        const int32_t end = info.Length() < 3 || info[2].IsUndefined()
                                ? -1
                                : (int32_t) args::whole(info[2], "end", 0, INT32_MAX);
        return runOnWorker(env, [=]() -> std::function<Napi::Value(Napi::Env)> {
            c->copy(from, to, end);
            return undefined;
        });
    });
}

Napi::Value ContextWrap::remove(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const auto c = open();
        const int32_t seq = seqArg(info[0], "seq");
        const int32_t from = info.Length() < 2 || info[1].IsUndefined()
                                 ? 0
                                 : (int32_t) args::whole(info[1], "from", 0, INT32_MAX);
        return runOnWorker(env, [=]() -> std::function<Napi::Value(Napi::Env)> {
            c->remove(seq, from);
            return undefined;
        });
    });
}

Napi::Value ContextWrap::lastPosition(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const auto c = open();
        const int32_t seq = seqArg(info[0], "seq");
        return runOnWorker(env, [=]() -> std::function<Napi::Value(Napi::Env)> {
            const llama_pos last = c->lastPosition(seq);
            return [last](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, last); };
        });
    });
}

Napi::Value ContextWrap::decode(const Napi::CallbackInfo & info) {
    return guarded(info.Env(),
                   [&] { return startDecode(info.Env(), open(), args::object(info, 0)); });
}

Napi::Value ContextWrap::abort(const Napi::CallbackInfo & info) {
    if (state) state->abort();
    return info.Env().Undefined();
}

Napi::Value ContextWrap::free(const Napi::CallbackInfo & info) {
    if (state) state->abort();
    return runOnWorker(
        info.Env(),
        [c = std::exchange(state, nullptr)]() mutable -> std::function<Napi::Value(Napi::Env)> {
            c.reset();
            return undefined;
        });
}
