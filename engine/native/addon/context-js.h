// The JavaScript object of a context; engine/native/types.ts documents it.
#pragma once
#include "../core/loop.h"
#include "worker.h"
#include <napi.h>

// Reads ContextOptions, except `threads` and `attention`. `mostCells` is the upper limit of `cells`.
// Errors: out-of-range, bad-request.
ContextParams contextArgs(const Napi::Object & options, int32_t mostCells);

Napi::Value createContext(Napi::Env env, const std::shared_ptr<Model> & model,
                          const Napi::Object & options);

class ContextWrap : public Napi::ObjectWrap<ContextWrap> {
public:
    static void init(Napi::Env env);
    static Napi::Object wrap(Napi::Env env, std::shared_ptr<Context> context);
    explicit ContextWrap(const Napi::CallbackInfo & info)
        : Napi::ObjectWrap<ContextWrap>(info) {}

private:
    std::shared_ptr<Loop> loop;
    // The parent of the stop flags of all operations since the last abort.
    std::shared_ptr<StopFlag> operations;

    // Errors: not-running once the context is freed.
    const std::shared_ptr<Loop> & open() const;
    int32_t sequenceArg(const Napi::Value & value, const char * name) const;
    void abortOperations(Napi::Env env);
    // Runs `work` between two steps; see Task for the sequences.
    Napi::Value between(Napi::Env env, std::vector<int32_t> sequences, int32_t changes,
                        std::function<Worker::MakeValue(Context &)> work);
    Napi::Value info(const Napi::CallbackInfo & info);
    Napi::Value prefill(const Napi::CallbackInfo & info);
    Napi::Value copy(const Napi::CallbackInfo & info);
    Napi::Value clear(const Napi::CallbackInfo & info);
    Napi::Value remove(const Napi::CallbackInfo & info);
    Napi::Value lastPosition(const Napi::CallbackInfo & info);
    Napi::Value setThreads(const Napi::CallbackInfo & info);
    Napi::Value shift(const Napi::CallbackInfo & info);
    Napi::Value copyMoved(const Napi::CallbackInfo & info);
    Napi::Value decode(const Napi::CallbackInfo & info);
    Napi::Value abort(const Napi::CallbackInfo & info);
    Napi::Value free(const Napi::CallbackInfo & info);
};
