#include "devices.h"
#include "args.h"
#include "ggml-backend.h"
#include "worker.h"
#include <cmath>
#include <memory>
#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <filesystem>
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace {

Napi::Value loadBackend(const Napi::CallbackInfo & info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
        return Napi::Boolean::New(
            info.Env(), ggml_backend_load(args::text(info[0], "path").c_str()) != nullptr);
    });
}

// ggml_backend_score of a backend's library, which it exports where there are variants for several processors.
int scoreOf(const std::string & path) {
    typedef int (*Score)(void);
#ifdef _WIN32
    HMODULE library = LoadLibraryW(std::filesystem::u8path(path).c_str());
    if (!library) return 0;
    const Score score = (Score) GetProcAddress(library, "ggml_backend_score");
    const int value = score ? score() : 1;
    FreeLibrary(library);
#else
    void * library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) return 0;
    const Score score = (Score) dlsym(library, "ggml_backend_score");
    const int value = score ? score() : 1;
    dlclose(library);
#endif
    return value;
}

Napi::Value backendScore(const Napi::CallbackInfo & info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
        return Napi::Number::New(info.Env(), scoreOf(args::text(info[0], "path")));
    });
}

Napi::Value list(const Napi::CallbackInfo & info) {
    const Napi::Env env = info.Env();
    Napi::Array all = Napi::Array::New(env);
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
        all.Set(all.Length(), o);
    }
    return all;
}

// One operation on a device, its result read back. ggml ends the process where the driver cannot run the backend's kernels.
bool computes(ggml_backend_dev_t device) {
    constexpr int N = 64;
    std::unique_ptr<ggml_backend, decltype(&ggml_backend_free)> backend(
        ggml_backend_dev_init(device, nullptr), ggml_backend_free);
    std::unique_ptr<ggml_context, decltype(&ggml_free)> memory(
        ggml_init(
            {2 * ggml_tensor_overhead() + ggml_graph_overhead(), nullptr, /* no_alloc */ true}),
        ggml_free);
    if (!backend || !memory) return false;
    ggml_tensor * in = ggml_new_tensor_1d(memory.get(), GGML_TYPE_F32, N);
    ggml_tensor * out = ggml_rms_norm(memory.get(), in, 0);
    if (!ggml_backend_dev_supports_op(device, out)) return true; // for matrix products only, say
    ggml_cgraph * graph = ggml_new_graph(memory.get());
    ggml_build_forward_expand(graph, out);
    std::unique_ptr<ggml_backend_buffer, decltype(&ggml_backend_buffer_free)> buffer(
        ggml_backend_alloc_ctx_tensors(memory.get(), backend.get()), ggml_backend_buffer_free);
    if (!buffer) return false;
    float values[N], squares = 0;
    for (int i = 0; i < N; i++) squares += (values[i] = (float) (i - N / 4)) * values[i];
    const float scale = 1 / std::sqrt(squares / N), last = values[N - 1];
    ggml_backend_tensor_set(in, values, 0, sizeof values);
    if (ggml_backend_graph_compute(backend.get(), graph) != GGML_STATUS_SUCCESS) return false;
    ggml_backend_tensor_get(out, values, 0, sizeof values);
    return std::fabs(values[N - 1] - last * scale) < 1e-3f;
}

Napi::Value tryDevice(const Napi::CallbackInfo & info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
        const std::string name = args::text(info[0], "name");
        ggml_backend_dev_t device = ggml_backend_dev_by_name(name.c_str());
        if (!device) throw CodedError("unknown-device", "There is no device named " + name);
        return Napi::Boolean::New(info.Env(), computes(device));
    });
}

} // namespace

void devices::init(Napi::Env env, Napi::Object exports) {
    exports.Set("loadBackend", Napi::Function::New(env, loadBackend));
    exports.Set("backendScore", Napi::Function::New(env, backendScore));
    exports.Set("devices", Napi::Function::New(env, list));
    exports.Set("tryDevice", Napi::Function::New(env, tryDevice));
}
