// The state of one JavaScript environment (the main thread's, or a worker thread's).
#pragma once
#include "worker.h"

struct Environment {
    std::shared_ptr<Worker> worker;  // for models and contexts
    std::shared_ptr<Worker> planner; // for plans, which must not wait for a decode
    Napi::FunctionReference modelClass, contextClass, planClass;

    // Called once, when the environment loads the addon.
    static Environment & create(Napi::Env env);
    static Environment & of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

inline std::shared_ptr<Worker> workerOf(Napi::Env env) {
    return Environment::of(env).worker;
}

inline std::shared_ptr<Worker> plannerOf(Napi::Env env) {
    return Environment::of(env).planner;
}
