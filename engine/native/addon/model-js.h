// The JavaScript object of a model; engine/native/types.ts documents it.
#pragma once
#include "../core/model.h"
#include <napi.h>

Napi::Value openModel(const Napi::CallbackInfo & info);
Napi::Value quantize(const Napi::CallbackInfo & info);

class ModelWrap : public Napi::ObjectWrap<ModelWrap> {
public:
    static void init(Napi::Env env);
    static Napi::Object wrap(Napi::Env env, std::shared_ptr<Model> model);
    explicit ModelWrap(const Napi::CallbackInfo & info)
        : Napi::ObjectWrap<ModelWrap>(info) {}

private:
    std::shared_ptr<Model> model;
    // Returns the model. Errors: not-running once it is closed.
    const std::shared_ptr<Model> & open() const;
    Napi::Value info(const Napi::CallbackInfo & info);
    Napi::Value tokenize(const Napi::CallbackInfo & info);
    Napi::Value tokenBytes(const Napi::CallbackInfo & info);
    Napi::Value specialTokens(const Napi::CallbackInfo & info);
    Napi::Value schemaGrammar(const Napi::CallbackInfo & info);
    Napi::Value createContext(const Napi::CallbackInfo & info);
    Napi::Value close(const Napi::CallbackInfo & info);
};
