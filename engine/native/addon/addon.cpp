// The exports of the addon; engine/native/types.ts documents them.
#include "../core/engine.h"
#include "context-js.h"
#include "devices-js.h"
#include "environment.h"
#include "model-js.h"
#include "plan-js.h"

Environment & Environment::create(Napi::Env env) {
    auto * environment = new Environment; // freed with the environment
    env.SetInstanceData(environment);
    for (auto * worker : {&environment->worker, &environment->loader, &environment->planner}) {
        *worker = std::make_shared<Worker>(env);
        env.AddCleanupHook([worker = *worker] { worker->close(); });
    }
    return *environment;
}

static Napi::Value version(const Napi::CallbackInfo & info) {
    Napi::Object o = Napi::Object::New(info.Env());
    o.Set("llama", engine::llamaVersion());
    o.Set("ggml", engine::ggmlVersion());
    return o;
}

static void leave(const Napi::CallbackInfo & info) {
    const Environment & environment = Environment::of(info.Env());
    const auto workers = {environment.worker, environment.loader, environment.planner};
    for (const auto & worker : workers) worker->stop();
    for (const auto & worker : workers) worker->leave();
}

static Napi::Object init(Napi::Env env, Napi::Object exports) {
    guarded(env, [&]() -> Napi::Value {
        engine::start();
        Environment::create(env);
        ModelWrap::init(env);
        ContextWrap::init(env);
        PlanWrap::init(env);
        exportDevices(env, exports);
        exports.Set("version", Napi::Function::New(env, version));
        exports.Set("leave", Napi::Function::New(env, leave));
        exports.Set("openModel", Napi::Function::New(env, openModel));
        exports.Set("openPlan", Napi::Function::New(env, openPlan));
        exports.Set("quantize", Napi::Function::New(env, quantize));
        return exports;
    });
    return exports;
}

NODE_API_MODULE(braid, init)
