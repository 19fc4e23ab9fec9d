#include "model-js.h"
#include "../core/grammar.h"
#include "../schema/schema.h"
#include "args.h"
#include "context-js.h"
#include "environment.h"
#include "values.h"
#include <algorithm>

namespace {

struct Load {
    LoadParams params;
    std::shared_ptr<StopFlag> stop;
    JsCallback onProgress; // may be null
    std::shared_ptr<Worker> worker;

    std::shared_ptr<Model> run() const {
        return Model::load(params, *stop, [&](float fraction) {
            if (!onProgress) return;
            worker->toJs([callback = onProgress, fraction](Napi::Env env) {
                callback->Call({Napi::Number::New(env, fraction)});
            });
        });
    }
};

} // namespace

Napi::Value openModel(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const Napi::Object o = args::object(info, 0);
        const auto worker = loaderOf(env);
        auto load = std::make_shared<Load>();
        load->params = {args::path(o.Get("path"), "path"),
                        args::text(o, "device"),
                        (int32_t) args::whole(o, "gpuLayers", -1, 65536),
                        args::flag(o, "vocabOnly"),
                        args::texts(o, "workers"),
                        args::flag(o, "repack", true)};
        load->stop = std::make_shared<StopFlag>(worker->leaving);
        load->worker = worker;
        if (!o.Get("onProgress").IsUndefined())
            load->onProgress = holdCallback(worker, args::function(o, "onProgress"));
        Napi::Object handle = Napi::Object::New(env);
        handle.Set("done", worker->run(env, [load]() -> Worker::MakeValue {
            return [model = load->run()](Napi::Env env) -> Napi::Value {
                return ModelWrap::wrap(env, model);
            };
        }));
        handle.Set("cancel",
                   Napi::Function::New(
                       env, [stop = load->stop](const Napi::CallbackInfo &) { stop->raise(); }));
        return handle;
    });
}

Napi::Value quantize(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const std::string input = args::path(info[0], "input"),
                          output = args::path(info[1], "output"),
                          type = args::text(info[2], "type");
        const int32_t threads = (int32_t) args::whole(info[3], "threads", 0, 512);
        requireQuantization(type);
        return loaderOf(env)->run(env, [=]() -> Worker::MakeValue {
            quantizeModel(input, output, type, threads);
            return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
        });
    });
}

void ModelWrap::init(Napi::Env env) {
    Environment::of(env).modelClass =
        Napi::Persistent(DefineClass(env, "NativeModel",
                                     {
                                         InstanceAccessor<&ModelWrap::info>("info"),
                                         InstanceMethod<&ModelWrap::tokenize>("tokenize"),
                                         InstanceMethod<&ModelWrap::tokenBytes>("tokenBytes"),
                                         InstanceMethod<&ModelWrap::specialTokens>("specialTokens"),
                                         InstanceMethod<&ModelWrap::schemaGrammar>("schemaGrammar"),
                                         InstanceMethod<&ModelWrap::createContext>("createContext"),
                                         InstanceMethod<&ModelWrap::close>("close"),
                                     }));
}

Napi::Object ModelWrap::wrap(Napi::Env env, std::shared_ptr<Model> model) {
    const Napi::Object object = Environment::of(env).modelClass.New({});
    Unwrap(object)->model = std::move(model);
    return object;
}

const std::shared_ptr<Model> & ModelWrap::open() const {
    require(model != nullptr, "not-running", "The model is closed");
    return model;
}

Napi::Value ModelWrap::info(const Napi::CallbackInfo & call) {
    const Napi::Env env = call.Env();
    return guarded(env, [&]() -> Napi::Value {
        const Model & m = *open();
        const ModelInfo info = m.info();
        Napi::Object o = Napi::Object::New(env);
        o.Set("description", toJsText(env, info.description));
        o.Set("parameters", (double) info.parameters);
        o.Set("sizeBytes", (double) info.sizeBytes);
        o.Set("trainContext", m.trainContext);
        o.Set("layers", info.layers);
        o.Set("embedding", info.embedding);
        o.Set("heads", info.heads);
        o.Set("kvHeads", info.kvHeads);
        o.Set("vocabSize", m.vocabSize);
        o.Set("thoughtRows", m.thoughtRows);
        if (info.cannotJoin) o.Set("cannotJoin", info.cannotJoin);
        o.Set("slidingWindow", m.slidingWindow);
        o.Set("hasEncoder", info.hasEncoder);
        o.Set("addBos", info.addBos);
        o.Set("bos", info.bos);
        o.Set("eos", info.eos);
        if (!info.chatTemplate.empty()) o.Set("chatTemplate", toJsText(env, info.chatTemplate));
        Napi::Object metadata = Napi::Object::New(env);
        for (const auto & [key, value] : info.metadata)
            metadata.Set(toJsText(env, key), toJsText(env, value));
        o.Set("metadata", metadata);
        o.Set("architecture", metadata.Get("general.architecture"));
        return o;
    });
}

Napi::Value ModelWrap::tokenize(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const Model & m = *open();
        const std::string text = args::text(info[0], "text");
        const Napi::Object options = args::object(info, 1);
        const auto ids =
            m.tokenize(text, args::flag(options, "special"), args::flag(options, "bos"));
        Napi::Int32Array out = Napi::Int32Array::New(env, ids.size());
        std::copy(ids.begin(), ids.end(), out.Data());
        return out;
    });
}

Napi::Value ModelWrap::tokenBytes(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const Model & m = *open();
        const std::string bytes =
            m.tokenBytes((int32_t) args::whole(info[0], "id", 0, m.vocabSize - 1));
        Napi::Uint8Array out = Napi::Uint8Array::New(env, bytes.size());
        std::copy(bytes.begin(), bytes.end(), out.Data());
        return out;
    });
}

Napi::Value ModelWrap::specialTokens(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        Napi::Array out = Napi::Array::New(env);
        for (const SpecialToken & t : open()->specialTokens()) {
            Napi::Object token = Napi::Object::New(env);
            token.Set("id", t.id);
            token.Set("text", toJsText(env, t.text));
            token.Set("special", t.special);
            token.Set("endOfGeneration", t.endOfGeneration);
            out.Set(out.Length(), token);
        }
        return out;
    });
}

// On the planner's thread: the others may be busy for minutes.
Napi::Value ModelWrap::schemaGrammar(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const std::string schema = args::text(info[0], "schema");
        return plannerOf(env)->run(env, [schema, model = open()]() -> Worker::MakeValue {
            GrammarParams grammar;
            try {
                grammar.text = ::schemaGrammar(schema);
            } catch (const std::bad_alloc &) {
                throw;
            } catch (const std::exception & error) {
                throw CodedError("bad-request",
                                 std::string("The schema of the answer is not valid: ") +
                                     error.what());
            }
            Grammar(model, grammar, {}); // fails if it is too large
            return
                [text = grammar.text](Napi::Env env) -> Napi::Value { return toJsText(env, text); };
        });
    });
}

Napi::Value ModelWrap::createContext(const Napi::CallbackInfo & info) {
    return guarded(info.Env(),
                   [&] { return ::createContext(info.Env(), open(), args::object(info, 0)); });
}

Napi::Value ModelWrap::close(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
        const auto last = std::make_shared<std::shared_ptr<Model>>(std::exchange(model, nullptr));
        return loaderOf(env)->run(env, [last]() -> Worker::MakeValue {
            last->reset();
            return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
        });
    });
}
