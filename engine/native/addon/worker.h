// A thread that does native work for one environment, in order of request, and sends results to JavaScript's thread.
#pragma once
#include "../core/stop.h"
#include "js-errors.h"
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

class Worker {
public:
    // This and all methods except `toJs` must be called on JavaScript's thread. Errors: internal.
    explicit Worker(Napi::Env env);
    Worker(const Worker &) = delete;

    using MakeValue = std::function<Napi::Value(Napi::Env)>;
    // Posts `work`, which returns a function that makes the promise's value on JavaScript's thread. If either throws,
    // the promise is rejected with a code. The process stays alive until the promise settles.
    Napi::Promise run(Napi::Env env, std::function<MakeValue()> work);

    // Posts a job. May be called on any thread.
    void post(std::function<void()> job);

    // Returns a promise, and the function that settles it: call it once, on any thread.
    using Settle = std::function<void(std::optional<Failure>, MakeValue)>;
    std::pair<Napi::Promise, Settle> promise(Napi::Env env);

    // Runs `task` on JavaScript's thread, in order of call. May be called on any thread. Drops the task if the
    // environment is gone.
    void toJs(std::function<void(Napi::Env)> task);

    // Raised when the process or the environment ends; every long job polls it.
    const std::shared_ptr<StopFlag> leaving = std::make_shared<StopFlag>();
    // Asks the current job to end, and starts no other.
    void stop();
    // Ends the current job, discards the others and ends the thread, since nothing may compute while the process exits.
    void leave();
    // Leaves, and stops calling JavaScript, because the environment is ending.
    void close();

private:
    std::mutex mutex; // jobs, channel
    std::condition_variable wake;
    std::deque<std::function<void()>> jobs;
    napi_threadsafe_function channel = nullptr; // null once the environment is gone
    std::thread thread;                         // started with the first job
    int pending = 0;                            // promises that are not settled yet

    void loop();
    void settle(Napi::Env env, const Napi::Promise::Deferred & deferred,
                std::optional<Failure> failure, const MakeValue & make);
};

// A JavaScript function that native threads may hold. Call it only inside Worker::toJs, where it is also released.
using JsCallback = std::shared_ptr<Napi::FunctionReference>;
JsCallback holdCallback(const std::shared_ptr<Worker> & worker, const Napi::Function & function);
