#include "model-params.h"
#include "ggml-backend.h"

bool isGpu(ggml_backend_dev_t device) {
    const auto type = ggml_backend_dev_type(device);
    return type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU;
}

llama_model_params llamaModelParams(const LoadParams & load, ggml_backend_dev_t (&devices)[2]) {
    llama_model_params params = llama_model_default_params();
    devices[0] = devices[1] = nullptr;
    params.n_gpu_layers = load.gpuLayers;
    params.vocab_only = load.vocabOnly;
    if (load.device == "cpu" || load.device == "CPU") {
        params.devices = devices; // no device: everything stays on the CPU
        params.n_gpu_layers = 0;
    } else if (load.device != "auto") {
        devices[0] = ggml_backend_dev_by_name(load.device.c_str());
        require(devices[0], "unknown-device", "There is no device named " + load.device);
        params.devices = devices;
    }
    return params;
}
