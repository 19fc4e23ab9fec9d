#include "model.h"
#include "args.h"
#include "context.h"
#include "ggml-backend.h"
#include "log.h"
#include "vocab.h"
#include "worker.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

ModelState::ModelState(llama_model * m, bool vocabOnly)
    : model(m)
    , vocab(llama_model_get_vocab(m))
    , vocabSize(llama_vocab_n_tokens(vocab))
    , thoughtRows(llama_model_n_thoughts(m))
    , trainContext(llama_model_n_ctx_train(m))
    , vocabOnly(vocabOnly) {}

ModelState::~ModelState() {
    llama_model_free(model);
}

const char * cannotJoin(const llama_model * model) {
    if (llama_model_is_recurrent(model)) return "recurrent";
    if (llama_model_is_hybrid(model)) return "hybrid";
    if (llama_model_n_swa(model) > 0) return "sliding-window";
    return nullptr;
}

namespace {

struct Load {
    std::string path, device;
    int32_t gpuLayers;
    bool vocabOnly;
    std::atomic<bool> cancelled{false};
    JsCallback onProgress;
    std::chrono::steady_clock::time_point lastReport;
};

bool onLoadProgress(float fraction, void * data) {
    Load & load = *static_cast<Load *>(data);
    if (load.cancelled || Worker::leaving()) return false;
    const auto now = std::chrono::steady_clock::now();
    if (load.onProgress &&
        (fraction >= 1 || now - load.lastReport > std::chrono::milliseconds(50))) {
        load.lastReport = now;
        Worker::toJs([callback = load.onProgress, fraction](Napi::Env env) {
            callback->Call({Napi::Number::New(env, fraction)});
        });
    }
    return true;
}

bool isGpu(ggml_backend_dev_t device) {
    const auto type = ggml_backend_dev_type(device);
    return type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU;
}

std::shared_ptr<ModelState> loadModel(Load & load) {
    if (load.cancelled) throw CodedError("cancelled", "Loading was cancelled");
    ggml_backend_dev_t devices[2];
    llama_model_params params = modelParams(load.device, load.gpuLayers, devices);
    params.vocab_only = load.vocabOnly;
    params.progress_callback = onLoadProgress;
    params.progress_callback_user_data = &load;
    engineLog::clear();
    llama_model * model = llama_model_load_from_file(load.path.c_str(), params);
    if (!model) {
        if (load.cancelled) throw CodedError("cancelled", "Loading was cancelled");
        throw loadError();
    }
    auto state = std::make_shared<ModelState>(model, load.vocabOnly);
    bool gpu = devices[0] && isGpu(devices[0]);
    if (load.device == "auto")
        for (size_t i = 0; i < ggml_backend_dev_count(); i++)
            gpu = gpu || isGpu(ggml_backend_dev_get(i));
    state->offloaded =
        gpu && (params.n_gpu_layers < 0 || params.n_gpu_layers > llama_model_n_layer(model));
    return state;
}

std::string metaText(int32_t (*get)(const llama_model *, int32_t, char *, size_t),
                     const llama_model * model, int32_t i) {
    std::string text(256, '\0');
    int32_t n = get(model, i, text.data(), text.size());
    if (n >= (int32_t) text.size()) {
        text.resize(n + 1);
        n = get(model, i, text.data(), text.size());
    }
    text.resize(std::max(0, n));
    return text;
}

// Strings of a model file are bytes of anybody's making.
Napi::String jsText(Napi::Env env, const std::string & bytes) {
    Utf8Joiner joiner;
    std::string text = joiner.push(bytes);
    return Napi::String::New(env, text + joiner.flush());
}

const std::pair<const char *, llama_ftype> FILE_TYPES[] = {
    {"f32", LLAMA_FTYPE_ALL_F32},          {"f16", LLAMA_FTYPE_MOSTLY_F16},
    {"bf16", LLAMA_FTYPE_MOSTLY_BF16},     {"q8_0", LLAMA_FTYPE_MOSTLY_Q8_0},
    {"q4_0", LLAMA_FTYPE_MOSTLY_Q4_0},     {"q4_1", LLAMA_FTYPE_MOSTLY_Q4_1},
    {"q5_0", LLAMA_FTYPE_MOSTLY_Q5_0},     {"q5_1", LLAMA_FTYPE_MOSTLY_Q5_1},
    {"q3_k_m", LLAMA_FTYPE_MOSTLY_Q3_K_M}, {"q4_k_s", LLAMA_FTYPE_MOSTLY_Q4_K_S},
    {"q4_k_m", LLAMA_FTYPE_MOSTLY_Q4_K_M}, {"q5_k_m", LLAMA_FTYPE_MOSTLY_Q5_K_M},
    {"q6_k", LLAMA_FTYPE_MOSTLY_Q6_K},
};

} // namespace

llama_model_params modelParams(const std::string & device, int32_t gpuLayers,
                               ggml_backend_dev_t (&devices)[2]) {
    llama_model_params params = llama_model_default_params();
    devices[0] = devices[1] = nullptr;
    params.n_gpu_layers = gpuLayers;
    if (device == "cpu" || device == "CPU") {
        params.devices = devices; // none: everything stays on the CPU
        params.n_gpu_layers = 0;
    } else if (device != "auto") {
        devices[0] = ggml_backend_dev_by_name(device.c_str());
        if (!devices[0]) throw CodedError("unknown-device", "There is no device named " + device);
        params.devices = devices;
    }
    return params;
}

CodedError loadError() {
    const std::string why = engineLog::lastError();
    const bool memory = why.find("alloc") != std::string::npos || engineLog::saw("out of memory");
    return CodedError(memory ? "out-of-memory" : "bad-model",
                      "The model cannot be loaded: " +
                          (why.empty() ? "llama.cpp gives no reason" : why));
}

std::string pathArg(const Napi::Object & options) {
    const std::string path = args::text(options, "path");
    if (path.find('\0') != std::string::npos)
        throw CodedError("bad-path", "A file name cannot hold a NUL character");
    return path;
}

Napi::Value openModel(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const Napi::Object options = args::object(info, 0);
        auto load = std::make_shared<Load>();
        load->path = pathArg(options);
        load->device = args::text(options, "device");
        load->gpuLayers = (int32_t) args::whole(options, "gpuLayers", -1, 65536);
        load->vocabOnly = args::flag(options, "vocabOnly");
        if (!options.Get("onProgress").IsUndefined())
            load->onProgress = holdCallback(args::function(options, "onProgress"));
        const Napi::Promise done = runOnWorker(env, [load] {
            auto state = loadModel(*load);
            return [state](Napi::Env env) -> Napi::Value { return ModelWrap::wrap(env, state); };
        });
        Napi::Object handle = Napi::Object::New(env);
        handle.Set("done", done);
        handle.Set("cancel", Napi::Function::New(env, [load](const Napi::CallbackInfo &) {
                       load->cancelled = true;
                   }));
        return handle;
    });
}

Napi::Value quantizeModel(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const std::string input = args::text(info[0], "input"),
                          output = args::text(info[1], "output"),
                          type = args::text(info[2], "type");
        llama_model_quantize_params params = llama_model_quantize_default_params();
        params.nthread = (int32_t) args::whole(info[3], "threads", 0, 512);
        params.allow_requantize = true;
        const auto known = std::find_if(std::begin(FILE_TYPES), std::end(FILE_TYPES),
                                        [&](const auto & t) { return type == t.first; });
        if (known == std::end(FILE_TYPES))
            throw CodedError("out-of-range", "There is no quantisation named " + type);
        params.ftype = known->second;
        return runOnWorker(env, [=]() -> std::function<Napi::Value(Napi::Env)> {
            engineLog::clear();
            if (llama_model_quantize(input.c_str(), output.c_str(), &params) != 0)
                throw CodedError("bad-model",
                                 "The model cannot be quantised: " + engineLog::lastError());
            return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
        });
    });
}

static Napi::FunctionReference * modelClass() {
    static auto * reference = new Napi::FunctionReference; // outlives static destruction
    return reference;
}

void ModelWrap::init(Napi::Env env) {
    *modelClass() =
        Napi::Persistent(DefineClass(env, "NativeModel",
                                     {
                                         InstanceAccessor<&ModelWrap::info>("info"),
                                         InstanceMethod<&ModelWrap::tokenize>("tokenize"),
                                         InstanceMethod<&ModelWrap::bytes>("tokenBytes"),
                                         InstanceMethod<&ModelWrap::specialTokens>("specialTokens"),
                                         InstanceMethod<&ModelWrap::createContext>("createContext"),
                                         InstanceMethod<&ModelWrap::close>("close"),
                                     }));
}

Napi::Object ModelWrap::wrap(Napi::Env, std::shared_ptr<ModelState> state) {
    const Napi::Object object = modelClass()->New({});
    Unwrap(object)->state = std::move(state);
    return object;
}

const std::shared_ptr<ModelState> & ModelWrap::open(Napi::Env) const {
    if (!state) throw CodedError("not-running", "The model is closed");
    return state;
}

Napi::Value ModelWrap::info(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const llama_model * model = open(env)->model;
        Napi::Object o = Napi::Object::New(env);
        char text[256];
        llama_model_desc(model, text, sizeof text);
        o.Set("description", jsText(env, text));
        o.Set("parameters", (double) llama_model_n_params(model));
        o.Set("sizeBytes", (double) llama_model_size(model));
        o.Set("trainContext", state->trainContext);
        // A vocabulary alone has no layers to ask about: llama.cpp would abort.
        const bool layers = !state->vocabOnly;
        o.Set("layers", layers ? llama_model_n_layer(model) : 0);
        o.Set("embedding", layers ? llama_model_n_embd(model) : 0);
        o.Set("heads", layers ? llama_model_n_head(model) : 0);
        o.Set("kvHeads", layers ? llama_model_n_head_kv(model) : 0);
        o.Set("vocabSize", state->vocabSize);
        o.Set("thoughtRows", state->thoughtRows);
        if (const char * why = layers ? cannotJoin(model) : nullptr) o.Set("cannotJoin", why);
        o.Set("hasEncoder", llama_model_has_encoder(model));
        o.Set("addBos", llama_vocab_get_add_bos(state->vocab));
        o.Set("bos", llama_vocab_bos(state->vocab));
        o.Set("eos", llama_vocab_eos(state->vocab));
        if (const char * chat = llama_model_chat_template(model, nullptr))
            o.Set("chatTemplate", jsText(env, chat));
        Napi::Object metadata = Napi::Object::New(env);
        for (int32_t i = 0; i < llama_model_meta_count(model); i++)
            metadata.Set(jsText(env, metaText(llama_model_meta_key_by_index, model, i)),
                         jsText(env, metaText(llama_model_meta_val_str_by_index, model, i)));
        o.Set("metadata", metadata);
        o.Set("architecture", metadata.Get("general.architecture"));
        return o;
    });
}

Napi::Value ModelWrap::tokenize(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        open(env);
        const std::string text = args::text(info[0], "text");
        const Napi::Object options = args::object(info, 1);
        const bool special = args::flag(options, "special"), bos = args::flag(options, "bos");
        if (text.size() > (64u << 20))
            throw CodedError("out-of-range", "The text is longer than 64 MiB");
        std::vector<llama_token> ids(text.size() + 8);
        int32_t n = llama_tokenize(state->vocab, text.data(), (int32_t) text.size(), ids.data(),
                                   (int32_t) ids.size(), bos, special);
        if (n < 0 && n != INT32_MIN) {
            ids.resize(-n);
            n = llama_tokenize(state->vocab, text.data(), (int32_t) text.size(), ids.data(),
                               (int32_t) ids.size(), bos, special);
        }
        if (n < 0) throw CodedError("internal", "The text cannot be tokenized");
        Napi::Int32Array out = Napi::Int32Array::New(env, n);
        std::copy_n(ids.data(), n, out.Data());
        return out;
    });
}

Napi::Value ModelWrap::bytes(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        open(env);
        const std::string bytes = tokenBytes(
            state->vocab, (llama_token) args::whole(info[0], "id", 0, state->vocabSize - 1));
        Napi::Uint8Array out = Napi::Uint8Array::New(env, bytes.size());
        std::copy(bytes.begin(), bytes.end(), out.Data());
        return out;
    });
}

Napi::Value ModelWrap::specialTokens(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const llama_vocab * vocab = open(env)->vocab;
        Napi::Array out = Napi::Array::New(env);
        for (llama_token id = 0; id < state->vocabSize; id++) {
            const bool special = llama_vocab_get_attr(vocab, id) &
                                 (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_USER_DEFINED);
            const bool end = llama_vocab_is_eog(vocab, id);
            if (!special && !end) continue;
            Napi::Object token = Napi::Object::New(env);
            token.Set("id", id);
            token.Set("text", jsText(env, tokenBytes(vocab, id)));
            token.Set("special", special);
            token.Set("endOfGeneration", end);
            out.Set(out.Length(), token);
        }
        return out;
    });
}

Napi::Value ModelWrap::createContext(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        return ::createContext(env, open(env), args::object(info, 0));
    });
}

Napi::Value ModelWrap::close(const Napi::CallbackInfo & info) {
    return runOnWorker(info.Env(),
                       [state = std::exchange(this->state, nullptr)]() mutable
                           -> std::function<Napi::Value(Napi::Env)> {
                           state.reset();
                           return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
                       });
}
