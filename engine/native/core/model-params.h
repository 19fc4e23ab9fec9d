// Converts load parameters to llama.cpp's; loads and plans both use them.
#pragma once
#include "llama.h"
#include "model.h"

bool isGpu(ggml_backend_dev_t device);

// `devices` must outlive the load. Errors: unknown-device.
llama_model_params llamaModelParams(const LoadParams & load,
                                    std::vector<ggml_backend_dev_t> & devices);
