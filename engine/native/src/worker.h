// One thread does the engine's native work and another the plans', each in order of request; results go back to JavaScript's
// thread.
#pragma once
#include "errors.h"
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

// Which thread does the work. Plans (core/plan.h) must not wait for a decode.
enum class Lane { engine, plan };

class Worker {
public:
    // Called once at module load, on JavaScript's thread.
    static void start(Napi::Env env);

    // Runs `job` on the lane's thread. Keeps the process alive until the job's promise settles.
    static void post(std::function<void()> job, Lane lane = Lane::engine);

    // Runs `task` on JavaScript's thread, in order of call.
    static void toJs(std::function<void(Napi::Env)> task);

    // Every long job polls this: true once the process is leaving.
    static bool leaving();
    // Ends the jobs under way and the threads: nothing may compute while the process takes itself apart.
    static void leave();
};

// A JavaScript function that native threads may hold: call it inside Worker::toJs only; it is released there, too.
using JsCallback = std::shared_ptr<Napi::FunctionReference>;
JsCallback holdCallback(const Napi::Function & function);

// A promise that the worker settles. Create, resolve and reject on JavaScript's thread only (through Worker::toJs).
using DeferredPtr = std::shared_ptr<Napi::Promise::Deferred>;

// Posts `work`; `work` returns the function that makes the JavaScript value. What it throws becomes a coded rejection.
Napi::Promise runOnWorker(Napi::Env env,
                          std::function<std::function<Napi::Value(Napi::Env)>()> work,
                          Lane lane = Lane::engine);
