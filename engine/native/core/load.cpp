// Model files: loading and quantising.
#include "ggml-backend.h"
#include "log-codes.h"
#include "log.h"
#include "model-params.h"
#include <algorithm>
#include <chrono>

namespace {

struct Progress {
    const StopFlag & stop;
    const std::function<void(float)> & report;
    std::chrono::steady_clock::time_point lastReport{};

    // A llama_progress_callback; returning false ends the loading.
    static bool observe(float fraction, void * data) {
        Progress & self = *static_cast<Progress *>(data);
        if (self.stop.raised()) return false;
        const auto now = std::chrono::steady_clock::now();
        if (self.report &&
            (fraction >= 1 || now - self.lastReport > std::chrono::milliseconds(50))) {
            self.lastReport = now;
            self.report(fraction);
        }
        return true;
    }
};

bool anyGpu() {
    for (size_t i = 0; i < ggml_backend_dev_count(); i++)
        if (isGpu(ggml_backend_dev_get(i))) return true;
    return false;
}

const std::pair<const char *, llama_ftype> FILE_TYPES[] = {
    {"f32", LLAMA_FTYPE_ALL_F32},          {"f16", LLAMA_FTYPE_MOSTLY_F16},
    {"bf16", LLAMA_FTYPE_MOSTLY_BF16},     {"q8_0", LLAMA_FTYPE_MOSTLY_Q8_0},
    {"q4_0", LLAMA_FTYPE_MOSTLY_Q4_0},     {"q4_1", LLAMA_FTYPE_MOSTLY_Q4_1},
    {"q5_0", LLAMA_FTYPE_MOSTLY_Q5_0},     {"q5_1", LLAMA_FTYPE_MOSTLY_Q5_1},
    {"q3_k_m", LLAMA_FTYPE_MOSTLY_Q3_K_M}, {"q4_k_s", LLAMA_FTYPE_MOSTLY_Q4_K_S},
    {"q4_k_m", LLAMA_FTYPE_MOSTLY_Q4_K_M}, {"q5_k_m", LLAMA_FTYPE_MOSTLY_Q5_K_M},
    {"q6_k", LLAMA_FTYPE_MOSTLY_Q6_K},
};

llama_ftype fileType(const std::string & type) {
    for (const auto & [name, value] : FILE_TYPES)
        if (type == name) return value;
    throw CodedError("out-of-range", "There is no quantisation named " + type);
}

} // namespace

std::shared_ptr<Model> Model::load(const LoadParams & load, const StopFlag & stop,
                                   const std::function<void(float)> & onProgress) {
    const CodedError cancelled("cancelled", "Loading was cancelled");
    if (stop.raised()) throw cancelled;
    std::vector<ggml_backend_dev_t> devices;
    llama_model_params params = llamaModelParams(load, devices);
    const bool gpu = devices.empty() ? anyGpu() : devices[0] && isGpu(devices[0]);
    Progress progress{stop, onProgress};
    params.progress_callback = Progress::observe;
    params.progress_callback_user_data = &progress;
    engineLog::clear();
    llama_model * handle = llama_model_load_from_file(load.path.c_str(), params);
    if (!handle) {
        if (stop.raised()) throw cancelled;
        throw logCodes::failure("bad-model", "The model cannot be loaded");
    }
    // A model without layers (vocabulary only) would make llama.cpp abort.
    const bool offloaded =
        gpu && !load.vocabOnly &&
        (params.n_gpu_layers < 0 || params.n_gpu_layers > llama_model_n_layer(handle));
    return std::shared_ptr<Model>(new Model(handle, load.vocabOnly, offloaded));
}

void requireQuantization(const std::string & type) {
    fileType(type);
}

void quantizeModel(const std::string & input, const std::string & output, const std::string & type,
                   int32_t threads) {
    llama_model_quantize_params params = llama_model_quantize_default_params();
    params.ftype = fileType(type);
    params.nthread = threads;
    params.allow_requantize = true;
    engineLog::clear();
    if (llama_model_quantize(input.c_str(), output.c_str(), &params) != 0)
        throw logCodes::failure("bad-model", "The model cannot be quantised");
}
