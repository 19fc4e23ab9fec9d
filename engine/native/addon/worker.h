// A thread that does native work of one environment, in order of request; results go back to JavaScript's thread.
#pragma once
#include "../core/stop.h"
#include "js-errors.h"
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

class Worker {
public:
    // On JavaScript's thread, as is everything but `toJs`. Errors: internal.
    explicit Worker(Napi::Env env);
    Worker(const Worker &) = delete;

    using MakeValue = std::function<Napi::Value(Napi::Env)>;
    // Posts `work`; the function that it returns makes the promise's value, on JavaScript's thread. What either throws
    // becomes a coded rejection. The process stays alive until the promise settles.
    Napi::Promise run(Napi::Env env, std::function<MakeValue()> work);

    // Runs `task` on JavaScript's thread, in order of call. Any thread; dropped once the environment is gone.
    void toJs(std::function<void(Napi::Env)> task);

    // Raised once the process or the environment ends: every long job polls it.
    const std::shared_ptr<StopFlag> leaving = std::make_shared<StopFlag>();
    // Ends the job under way, forgets the others, and ends the thread: nothing may compute while the process takes itself apart.
    void leave();
    // Leaves, and calls JavaScript no more: the environment goes.
    void close();

private:
    std::mutex mutex; // jobs, channel
    std::condition_variable wake;
    std::deque<std::function<void()>> jobs;
    napi_threadsafe_function channel = nullptr; // null: the environment is gone
    std::thread thread;                         // started with the first job
    int pending = 0;                            // promises that are not settled

    void loop();
    void settle(Napi::Env env, const Napi::Promise::Deferred & deferred,
                std::optional<Failure> failure, const MakeValue & make);
};

// A JavaScript function that native threads may hold: call it inside Worker::toJs only; it is released there, too.
using JsCallback = std::shared_ptr<Napi::FunctionReference>;
JsCallback holdCallback(const std::shared_ptr<Worker> & worker, const Napi::Function & function);
