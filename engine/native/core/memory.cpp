#include "memory.h"
#include "ggml-backend.h"
#include "llama-ext.h"
#include "workers.h"
#include <algorithm>

ggml_backend_dev_t gpuOf(ggml_backend_buffer_type_t type) {
    if (ggml_backend_buft_is_host(type)) return nullptr;
    ggml_backend_dev_t device = ggml_backend_buft_get_device(type);
    if (!device) return nullptr;
    const auto kind = ggml_backend_dev_type(device);
    const bool gpu = kind == GGML_BACKEND_DEVICE_TYPE_GPU || kind == GGML_BACKEND_DEVICE_TYPE_IGPU;
    return gpu ? device : nullptr;
}

uint64_t logitRowBytes(const llama_context * ctx) {
    const llama_vocab * vocab = llama_model_get_vocab(llama_get_model(ctx));
    return (uint64_t) llama_vocab_n_tokens(vocab) * sizeof(float);
}

std::vector<DeviceMemory> memoryOf(const llama_context * ctx) {
    std::vector<DeviceMemory> devices(1);
    devices[0].device = "CPU";
    for (const auto & [type, bytes] : llama_get_memory_breakdown(ctx)) {
        size_t i = 0;
        if (ggml_backend_dev_t gpu = gpuOf(type)) {
            const std::string name = workers::nameOf(gpu);
            i = std::find_if(devices.begin(), devices.end(),
                             [&](const DeviceMemory & one) { return one.device == name; }) -
                devices.begin();
            if (i == devices.size()) {
                devices.emplace_back();
                devices[i].device = name;
            }
        } else if (!ggml_backend_buft_is_host(type)) {
            devices[0].repacked += bytes.model;
        }
        devices[i].weights += bytes.model;
        devices[i].kv += bytes.context;
        devices[i].compute += bytes.compute;
    }
    // The breakdown does not include the logits: one row per sequence (llama_context::output_reserve).
    devices[0].compute += llama_n_seq_max(ctx) * logitRowBytes(ctx);
    return devices;
}
