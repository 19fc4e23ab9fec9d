#include "devices.h"
#include "errors.h"
#include "ggml-backend.h"
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

const char * typeName(enum ggml_backend_dev_type type) {
    switch (type) {
    case GGML_BACKEND_DEVICE_TYPE_CPU:
        return "cpu";
    case GGML_BACKEND_DEVICE_TYPE_GPU:
        return "gpu";
    case GGML_BACKEND_DEVICE_TYPE_IGPU:
        return "igpu";
    default:
        return "accel";
    }
}

// Computes one operation on a device and checks the result.
bool computesOn(ggml_backend_dev_t device) {
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
    if (!ggml_backend_dev_supports_op(device, out))
        return true; // for example, a device for matrix products only
    ggml_cgraph * graph = ggml_new_graph(memory.get());
    ggml_build_forward_expand(graph, out);
    std::unique_ptr<ggml_backend_buffer, decltype(&ggml_backend_buffer_free)> buffer(
        ggml_backend_alloc_ctx_tensors(memory.get(), backend.get()), ggml_backend_buffer_free);
    if (!buffer) return false;
    float values[N], squares = 0;
    for (int i = 0; i < N; i++) {
        values[i] = (float) (i - N / 4);
        squares += values[i] * values[i];
    }
    const float scale = 1 / std::sqrt(squares / N), last = values[N - 1];
    ggml_backend_tensor_set(in, values, 0, sizeof values);
    if (ggml_backend_graph_compute(backend.get(), graph) != GGML_STATUS_SUCCESS) return false;
    ggml_backend_tensor_get(out, values, 0, sizeof values);
    return std::fabs(values[N - 1] - last * scale) < 1e-3f;
}

} // namespace

bool devices::loadBackend(const std::string & path) {
    return ggml_backend_load(path.c_str()) != nullptr;
}

int devices::backendScore(const std::string & path) {
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

std::vector<Device> devices::list() {
    std::vector<Device> all;
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t device = ggml_backend_dev_get(i);
        ggml_backend_dev_props props;
        ggml_backend_dev_get_props(device, &props);
        all.push_back({props.name, props.description ? props.description : "", typeName(props.type),
                       ggml_backend_reg_name(ggml_backend_dev_backend_reg(device)),
                       props.memory_free, props.memory_total});
    }
    return all;
}

bool devices::computes(const std::string & name) {
    ggml_backend_dev_t device = ggml_backend_dev_by_name(name.c_str());
    require(device, "unknown-device", "There is no device named " + name);
    return computesOn(device);
}
