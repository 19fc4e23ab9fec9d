// Exports of the addon; engine/native/types.ts describes them.
#include "../addon/plan-js.h"
#include "context.h"
#include "devices.h"
#include "log.h"
#include "model.h"
#include "worker.h"

namespace {

Napi::Value version(const Napi::CallbackInfo & info) {
    Napi::Object o = Napi::Object::New(info.Env());
    o.Set("llama", llama_version());
    o.Set("ggml", ggml_version());
    return o;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
    engineLog::install();
    llama_backend_init();
    Worker::start(env);
    ModelWrap::init(env);
    ContextWrap::init(env);
    PlanWrap::init(env);
    exports.Set("version", Napi::Function::New(env, version));
    devices::init(env, exports);
    exports.Set("leave",
                Napi::Function::New(env, [](const Napi::CallbackInfo &) { Worker::leave(); }));
    exports.Set("openModel", Napi::Function::New(env, openModel));
    exports.Set("openPlan", Napi::Function::New(env, openPlan));
    exports.Set("quantize", Napi::Function::New(env, quantizeModel));
    return exports;
}

} // namespace

NODE_API_MODULE(braid, init)
