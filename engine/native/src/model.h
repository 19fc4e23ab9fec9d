// A loaded model and its vocabulary.
#pragma once
#include "errors.h"
#include "llama.h"
#include <memory>

// Owns the weights; contexts hold a reference, so that they go last.
struct ModelState {
    llama_model * model;
    const llama_vocab * vocab;
    int32_t vocabSize;
    int32_t thoughtRows;
    int32_t trainContext; // as in the file: llama.cpp's own grows with every context that has YaRN
    bool vocabOnly;
    bool offloaded = false; // every layer is on a GPU: the processors draw tokens only
    explicit ModelState(llama_model * model, bool vocabOnly);
    ModelState(const ModelState &) = delete;
    ~ModelState();
};

// Parameters for loading a model with `gpuLayers` layers (-1: all) on a device: `auto`, `cpu`, or a device's name, which
// `devices` holds until the model is loaded. Errors: `unknown-device`.
llama_model_params modelParams(const std::string & device, int32_t gpuLayers,
                               ggml_backend_dev_t (&devices)[2]);

// Why the calling thread's last load failed: `out-of-memory` or `bad-model`.
CodedError loadError();

// Path of a model file. Errors: `bad-path`, `bad-request`.
std::string pathArg(const Napi::Object & options);

// Why sequences cannot be joined, or nullptr.
const char * cannotJoin(const llama_model * model);

Napi::Value openModel(const Napi::CallbackInfo & info);
Napi::Value quantizeModel(const Napi::CallbackInfo & info);

class ModelWrap : public Napi::ObjectWrap<ModelWrap> {
public:
    static void init(Napi::Env env);
    static Napi::Object wrap(Napi::Env env, std::shared_ptr<ModelState> state);
    explicit ModelWrap(const Napi::CallbackInfo & info)
        : Napi::ObjectWrap<ModelWrap>(info) {}

private:
    std::shared_ptr<ModelState> state;
    const std::shared_ptr<ModelState> & open(Napi::Env env) const;
    Napi::Value info(const Napi::CallbackInfo & info);
    Napi::Value tokenize(const Napi::CallbackInfo & info);
    Napi::Value bytes(const Napi::CallbackInfo & info);
    Napi::Value specialTokens(const Napi::CallbackInfo & info);
    Napi::Value createContext(const Napi::CallbackInfo & info);
    Napi::Value close(const Napi::CallbackInfo & info);
};
