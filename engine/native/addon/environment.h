// The state of one JavaScript environment (the main thread's, or a worker thread's).
#pragma once
#include "../core/loop.h"
#include "worker.h"

struct Environment {
    std::shared_ptr<Worker> worker;  // computes: the contexts' loops take turns on it
    std::shared_ptr<Worker> loader;  // loads models, makes contexts and quantises
    std::shared_ptr<Worker> planner; // opens and measures plans
    const Streaming streaming = std::make_shared<std::atomic<int32_t>>(0); // of all its loops
    Napi::FunctionReference modelClass, contextClass, planClass;

    // Called once, when the environment loads the addon.
    static Environment & create(Napi::Env env);
    static Environment & of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

inline std::shared_ptr<Worker> workerOf(Napi::Env env) {
    return Environment::of(env).worker;
}

inline std::shared_ptr<Worker> loaderOf(Napi::Env env) {
    return Environment::of(env).loader;
}

inline std::shared_ptr<Worker> plannerOf(Napi::Env env) {
    return Environment::of(env).planner;
}
