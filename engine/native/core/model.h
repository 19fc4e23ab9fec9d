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
