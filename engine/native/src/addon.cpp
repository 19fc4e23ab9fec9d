// Exports of the addon; engine/native/types.ts describes them.
#include "args.h"
#include "context.h"
#include "ggml-backend.h"
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

Napi::Value loadBackend(const Napi::CallbackInfo & info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
        return Napi::Boolean::New(info.Env(), ggml_backend_load(args::text(info[0], "path").c_str()) != nullptr);
    });
}

Napi::Value loadCpuBackend(const Napi::CallbackInfo & info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
        ggml_backend_load_all_from_path(args::text(info[0], "folder").c_str());
        return Napi::Boolean::New(info.Env(), ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) != nullptr);
    });
}

Napi::Value devices(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    Napi::Array list = Napi::Array::New(env);
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t device = ggml_backend_dev_get(i);
        ggml_backend_dev_props props;
        ggml_backend_dev_get_props(device, &props);
        Napi::Object o = Napi::Object::New(env);
        o.Set("name", props.name);
        o.Set("description", props.description ? props.description : "");
        o.Set("type", props.type == GGML_BACKEND_DEVICE_TYPE_CPU    ? "cpu"
                      : props.type == GGML_BACKEND_DEVICE_TYPE_GPU  ? "gpu"
                      : props.type == GGML_BACKEND_DEVICE_TYPE_IGPU ? "igpu"
                                                                    : "accel");
        o.Set("backend", ggml_backend_reg_name(ggml_backend_dev_backend_reg(device)));
        o.Set("memoryFree", (double) props.memory_free);
        o.Set("memoryTotal", (double) props.memory_total);
        list.Set(list.Length(), o);
    }
    return list;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
    engineLog::install();
    llama_backend_init();
    Worker::start(env);
    ModelWrap::init(env);
    ContextWrap::init(env);
    exports.Set("version", Napi::Function::New(env, version));
    exports.Set("loadBackend", Napi::Function::New(env, loadBackend));
    exports.Set("loadCpuBackend", Napi::Function::New(env, loadCpuBackend));
    exports.Set("devices", Napi::Function::New(env, devices));
    exports.Set("openModel", Napi::Function::New(env, openModel));
    exports.Set("quantize", Napi::Function::New(env, quantizeModel));
    return exports;
}

} // namespace

NODE_API_MODULE(braid, init)
