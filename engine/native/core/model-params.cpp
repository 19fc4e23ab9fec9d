#include "model-params.h"
#include "ggml-backend.h"
#include "workers.h"

bool isGpu(ggml_backend_dev_t device) {
    const auto type = ggml_backend_dev_type(device);
    return type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU;
}

llama_model_params llamaModelParams(const LoadParams & load,
                                    std::vector<ggml_backend_dev_t> & devices) {
    llama_model_params params = llama_model_default_params();
    devices.clear();
    for (const std::string & name : load.workers) devices.push_back(workers::device(name));
    params.n_gpu_layers = load.gpuLayers;
    params.vocab_only = load.vocabOnly;
    params.use_extra_bufts = load.repack;
    const bool cpu = load.device == "cpu" || load.device == "CPU";
    if (load.device == "auto" && devices.empty()) return params; // llama.cpp chooses
    if (!cpu && load.device != "auto") {
        devices.push_back(ggml_backend_dev_by_name(load.device.c_str()));
        require(devices.back(), "unknown-device", "There is no device named " + load.device);
    }
    if (devices.empty()) params.n_gpu_layers = 0; // everything stays on the CPU
    devices.push_back(nullptr);
    params.devices = devices.data();
    return params;
}
