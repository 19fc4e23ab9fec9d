// What belongs to one JavaScript environment (the main thread's, or a worker thread's).
#pragma once
#include "worker.h"

struct Environment {
    std::shared_ptr<Worker> worker;
    Napi::FunctionReference modelClass, contextClass;

    // Called once, when the environment loads the addon.
    static Environment & create(Napi::Env env);
    static Environment & of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

inline std::shared_ptr<Worker> workerOf(Napi::Env env) {
    return Environment::of(env).worker;
}
